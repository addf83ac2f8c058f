"""Eigendecomposition of the Jacobian of one denoiser at noisy test images.

Input: images.zarr, split.zarr, denoiser.safetensors. Output: eigenbasis.zarr with, for each test
image and noise level, shrinkage (image, sigma, rank), vectors (image, sigma, rank, channel, y, x),
the coefficients of the clean and noisy image, the images themselves, and the numbers of
`gahb.eigenbasis.Eigenbasis`. The attributes `precision` and `method` (dense, or matrix-free with
the trace and the asymmetry estimated) say how it was computed.
"""

import numpy as np
import torch
import xarray as xr
from gahb import denoisers, store
from gahb.eigenbasis import eigenbasis as basis_of
from gahb.images import to_float
from study.job import Job, run

PIXELS = ("channel", "y", "x")
FIELDS = {
    "shrinkage": (("rank",), "shrinkage factor lambda_k", "1"),
    "clean_coefficients": (("rank",), "coefficient <x, e_k> of the clean image", "1"),
    "noisy_coefficients": (("rank",), "coefficient <y, e_k> of the noisy image", "1"),
    "denoised": (PIXELS, "denoised image f(y)", "1"),
    "trace": ((), "effective dimension tr J", "1"),
    "trace_error": ((), "standard error of the trace, 0 where exact", "1"),
    "asymmetry": ((), "|J - J^T| / |J + J^T|", "1"),
    "linearity": ((), "|J y - f(y)| / |f(y)|", "1"),
    "sure": ((), "SURE estimate of the squared error", "1"),
    "squared_error": ((), "squared error |f(y) - x|^2", "1"),
}


def main(images, split, denoiser, eigenbasis, *, chosen, sigma, keep, precision, seed, job=Job()):
    images = store.open_store(images).images
    chosen = store.open_store(split).test.values[chosen]
    dtype = getattr(torch, precision)
    # A GPU's TF32 has 3 digits, too few for the requested precision.
    torch.backends.cudnn.allow_tf32 = False
    denoiser = denoisers.load(denoiser, images, dtype).to(job.device)
    clean = to_float(torch.from_numpy(store.take(images, chosen))).to(job.device, dtype)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(clean.shape, generator=generator, dtype=dtype).to(job.device)
    noisy = torch.stack([clean + level * noise for level in sigma], 1)
    found = {name: [] for name in FIELDS}

    def bases():
        """Eigenvectors (1, sigma, rank, channel, y, x) of each image; the rest goes to `found`."""
        with job.progress(len(clean), "images") as bar:
            for x, noisy_x in zip(clean, noisy, strict=True):
                row = []
                for y, level in zip(noisy_x, sigma, strict=True):
                    number = len(found["trace"])
                    basis = basis_of(denoiser, x, y, level, keep, seed=seed + number)
                    row.append(basis.vectors.astype(precision))
                    for name in FIELDS:
                        found[name].append(np.asarray(getattr(basis, name), precision))
                yield np.stack(row)[None]
                bar.update()

    ranks = keep or clean[0].numel()
    shape = (*noisy.shape[:2], ranks, *clean.shape[1:])
    vectors = store.placeholder(
        ("image", "sigma", "rank", *PIXELS), shape, precision, "eigenvector e_k"
    )
    attributes = store.provenance("Eigenbasis of the Jacobian", job.parameters) | {
        "precision": precision,
        "method": "matrix-free" if keep else "dense",
    }

    def rest() -> xr.Dataset:
        variables = as_variables(found, clean.cpu(), noisy.cpu())
        return xr.Dataset(variables, coordinates(chosen, sigma, ranks, clean.shape), attributes)

    store.stream(rest, eigenbasis, "vectors", vectors, bases())


def as_variables(found: dict[str, list], clean, noisy) -> dict[str, xr.Variable]:
    return {
        "clean": store.variable(("image", *PIXELS), clean, "clean image x"),
        "noisy": store.variable(("image", "sigma", *PIXELS), noisy, "noisy image y"),
    } | {
        name: store.variable(
            ("image", "sigma", *dims),
            np.stack(found[name]).reshape(*noisy.shape[:2], *found[name][0].shape),
            long_name,
            units,
        )
        for name, (dims, long_name, units) in FIELDS.items()
    }


def coordinates(chosen, sigma, ranks: int, shape) -> dict[str, xr.Variable]:
    return {
        "image": store.variable("image", chosen, "index of the image"),
        "sigma": store.variable("sigma", sigma, "noise level"),
        "rank": store.variable("rank", np.arange(1, ranks + 1), "rank k"),
        "y": store.pixels("y", shape[2]),
        "x": store.pixels("x", shape[3]),
    }


if __name__ == "__main__":
    run(main, snakemake)
