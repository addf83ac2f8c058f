"""PSNR curves of one network on its training set and on the test set.

Input: images.zarr, split.zarr, weights.safetensors. Output: psnr.zarr with psnr (set, sigma, image)
in dB; sigma is a coordinate and input_psnr another one along it. A training set that is smaller
than the number of images asked for is gone through again, with other noise.
"""

import numpy as np
import torch
import xarray as xr
from gahb import networks, store
from gahb.denoising import Denoiser, psnr_curve, sigma_from_psnr
from study.job import running

with running(snakemake) as job:
    values = job.values
    images, split = store.open_store(job.input.images), store.open_store(job.input.split)
    members = {"train": split[values["side"]].values[: values["N"]], "test": split.test.values}
    denoiser = Denoiser(networks.load(job.input.weights)).to(job.device)
    sigma = sigma_from_psnr(values["input_psnr"])
    curves = [
        psnr_curve(
            denoiser,
            torch.from_numpy(store.take(images.images, np.resize(indices, values["images"]))).to(
                job.device
            ),
            sigma,
            values["seed"],
        )
        for indices in members.values()
    ]
    dataset = xr.Dataset(
        {"psnr": store.variable(("set", "sigma", "image"), curves, "output PSNR", "dB")},
        coords={
            "set": store.variable("set", list(members), "set of images"),
            "sigma": store.variable("sigma", sigma, "noise level", "1"),
            "input_psnr": store.variable("sigma", values["input_psnr"], "input PSNR", "dB"),
        },
        attrs=store.provenance("PSNR curves", job.made_by),
    )
    store.save(dataset, job.output[0])
