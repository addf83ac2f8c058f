"""Eigendecomposition of the Jacobian of one network at noisy test images.

Input: images.zarr, split.zarr, weights.safetensors. Output: eigenbasis.zarr with, for each test
image and noise level, shrinkage (image, sigma, rank), vectors (image, sigma, rank, channel, y, x),
the coefficients of the clean and noisy image, the images themselves, and the numbers of
`gahb.jacobian.Eigenbasis`.
"""

import numpy as np
import torch
import xarray as xr
from gahb import networks, store
from gahb.denoising import Denoiser, to_float
from gahb.jacobian import eigenbasis
from study.job import running

PIXELS = ("channel", "y", "x")
FIELDS = {
    "shrinkage": (("rank",), "shrinkage factor lambda_k", "1"),
    "vectors": (("rank", *PIXELS), "eigenvector e_k", "1"),
    "clean_coefficients": (("rank",), "coefficient <x, e_k> of the clean image", "1"),
    "noisy_coefficients": (("rank",), "coefficient <y, e_k> of the noisy image", "1"),
    "denoised": (PIXELS, "denoised image f(y)", "1"),
    "trace": ((), "effective dimension tr J", "1"),
    "asymmetry": ((), "|J - J^T| / |J + J^T|", "1"),
    "linearity": ((), "|J y - f(y)| / |f(y)|", "1"),
    "sure": ((), "SURE estimate of the squared error", "1"),
    "squared_error": ((), "squared error |f(y) - x|^2", "1"),
}

with running(snakemake) as job:
    values = job.values
    images, split = store.open_store(job.input.images).images, store.open_store(job.input.split)
    chosen = split.test.values[values["images"]]
    precision = getattr(torch, values["precision"])
    denoiser = Denoiser(networks.load(job.input.weights)).to(job.device, precision)
    clean = to_float(torch.from_numpy(store.take(images, chosen))).to(job.device, precision)
    generator = torch.Generator().manual_seed(values["seed"])
    noise = torch.randn(clean.shape, generator=generator, dtype=precision).to(job.device)
    sigmas = values["sigma"]
    noisy = torch.stack([clean + sigma * noise for sigma in sigmas], 1)
    found = []
    with job.progress(len(clean), "images") as bar:
        for x, noisy_x in zip(clean, noisy, strict=True):
            pairs = zip(noisy_x, sigmas, strict=True)
            found.append([eigenbasis(denoiser, x, y, sigma) for y, sigma in pairs])
            bar.update()
    fields = {
        name: store.variable(
            ("image", "sigma", *dims),
            np.array([[getattr(basis, name) for basis in row] for row in found], np.float32),
            long_name,
            units,
        )
        for name, (dims, long_name, units) in FIELDS.items()
    }
    dataset = xr.Dataset(
        fields
        | {
            "clean": store.variable(("image", *PIXELS), clean.cpu(), "clean image x"),
            "noisy": store.variable(("image", "sigma", *PIXELS), noisy.cpu(), "noisy image y"),
        },
        coords={
            "image": store.variable("image", chosen, "index of the image"),
            "sigma": store.variable("sigma", sigmas, "noise level"),
            "rank": store.variable(
                "rank", np.arange(1, fields["shrinkage"].shape[2] + 1), "rank k"
            ),
            "y": store.pixels("y", clean.shape[2]),
            "x": store.pixels("x", clean.shape[3]),
        },
        attrs=store.provenance("Eigenbasis of the Jacobian", job.made_by),
    )
    store.save(dataset, job.output[0])
