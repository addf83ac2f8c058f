"""Eigendecomposition of the Jacobian of one network at noisy test images.

Input: images.zarr, split.zarr, weights.safetensors. Output: eigenbasis.zarr with, for each test
image and noise level, shrinkage (image, sigma, rank), vectors (image, sigma, rank, channel, y, x),
the coefficients of the clean and noisy image, the images themselves, and the numbers of
`gahb.jacobian.Eigenbasis`. With `svd` also the singular values and vectors. The attributes
`precision` and `method` (dense, or matrix-free with the trace and the asymmetry estimated) say how
it was computed.
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
SVD_FIELDS = {
    "singular_values": (("rank",), "singular value of J", "1"),
    "left_vectors": (("rank", *PIXELS), "left singular vector of J", "1"),
    "right_vectors": (("rank", *PIXELS), "right singular vector of J", "1"),
}

with running(snakemake) as job:
    values = job.values
    images, split = store.open_store(job.input.images).images, store.open_store(job.input.split)
    chosen = split.test.values[values["images"]]
    precision = getattr(torch, values["precision"])
    # A GPU's TF32 has 3 digits, too few for the precision that is asked for.
    torch.backends.cudnn.allow_tf32 = False
    denoiser = Denoiser(networks.load(job.input.weights).to(job.device, precision))
    clean = to_float(torch.from_numpy(store.take(images, chosen))).to(job.device, precision)
    generator = torch.Generator().manual_seed(values["seed"])
    noise = torch.randn(clean.shape, generator=generator, dtype=precision).to(job.device)
    sigmas = values["sigma"]
    noisy = torch.stack([clean + sigma * noise for sigma in sigmas], 1)
    fields = FIELDS | (SVD_FIELDS if values["svd"] else {})
    found = {name: [] for name in fields}

    def bases():
        """Eigenvectors (1, sigma, rank, channel, y, x) of each image; the rest goes to `found`."""
        with job.progress(len(clean), "images") as bar:
            for x, noisy_x in zip(clean, noisy, strict=True):
                row = []
                for y, sigma in zip(noisy_x, sigmas, strict=True):
                    seed = values["seed"] + len(found["trace"])
                    basis = eigenbasis(
                        denoiser, x, y, sigma, values["keep"], values["svd"], seed=seed
                    )
                    row.append(basis.vectors.astype(values["precision"]))
                    for name in fields:
                        found[name].append(np.asarray(getattr(basis, name), values["precision"]))
                yield np.stack(row)[None]
                bar.update()

    def dataset() -> xr.Dataset:
        return xr.Dataset(
            {
                name: store.variable(
                    ("image", "sigma", *dims),
                    np.stack(found[name]).reshape(*noisy.shape[:2], *found[name][0].shape),
                    long_name,
                    units,
                )
                for name, (dims, long_name, units) in fields.items()
            }
            | {
                "clean": store.variable(("image", *PIXELS), clean.cpu(), "clean image x"),
                "noisy": store.variable(("image", "sigma", *PIXELS), noisy.cpu(), "noisy image y"),
            },
            coords={
                "image": store.variable("image", chosen, "index of the image"),
                "sigma": store.variable("sigma", sigmas, "noise level"),
                "rank": store.variable("rank", np.arange(1, ranks + 1), "rank k"),
                "y": store.pixels("y", clean.shape[2]),
                "x": store.pixels("x", clean.shape[3]),
            },
            attrs=store.provenance("Eigenbasis of the Jacobian", job.made_by)
            | {
                "precision": values["precision"],
                "method": "matrix-free" if values["keep"] else "dense",
            },
        )

    ranks = values["keep"] or clean[0].numel()
    shape = (*noisy.shape[:2], ranks, *clean.shape[1:])
    vectors = store.placeholder(
        ("image", "sigma", "rank", *PIXELS), shape, values["precision"], "eigenvector e_k"
    )
    store.stream(dataset, job.output[0], "vectors", vectors, bases())
