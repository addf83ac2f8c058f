"""PSNR curves of one denoiser on its training set and on the test set.

Input: images.zarr, split.zarr, denoiser.safetensors. Output: psnr.zarr with psnr (set, sigma,
image) in dB, image_index (set, image), and along sigma the coordinate input_psnr. A training set
that is smaller than the number of images asked for is gone through again, with other noise.
"""

import numpy as np
import torch
import xarray as xr
from gahb import denoisers, store
from gahb.psnr import psnr_curve, sigma_from_psnr
from study.job import Job, run


def main(images, split, denoiser, psnr, *, subset, N, input_psnr, count, seed, job=Job()):
    images, split = store.open_store(images).images, store.open_store(split)
    members = {"train": split[subset].values[:N], "test": split.test.values}
    chosen = np.stack([np.resize(indices, count) for indices in members.values()])
    denoiser = denoisers.load(denoiser, images).to(job.device)
    sigma = sigma_from_psnr(input_psnr)
    curves = []
    for indices in chosen:
        clean = torch.from_numpy(store.take(images, indices))
        curves.append(psnr_curve(denoiser, clean.to(job.device), sigma, seed))
    dataset = xr.Dataset(
        {
            "psnr": store.variable(("set", "sigma", "image"), curves, "output PSNR", "dB"),
            "image_index": store.variable(("set", "image"), chosen, "index of the image"),
        },
        coords={
            "set": store.variable("set", list(members), "set of images"),
            "sigma": store.variable("sigma", sigma, "noise level", "1"),
            "input_psnr": store.variable("sigma", input_psnr, "input PSNR", "dB"),
        },
        attrs=store.provenance("PSNR curves", job.parameters),
    )
    store.save(dataset, psnr)


if __name__ == "__main__":
    run(main, snakemake)
