"""Oracles of one data set: the best shrinkage of test images in fixed bases.

Input: images.zarr, split.zarr. Output: oracles.zarr with psnr (basis, sigma, image), expected,
in dB, in a basis of cosines and, where the side is even, of wavelets. The factors know the image.
"""

import numpy as np
import torch
import xarray as xr
from gahb import bases, store
from gahb.decibels import input_psnr as psnr_of
from gahb.decibels import sigma_from_psnr
from gahb.images import to_float
from gahb.oracles import oracle_psnr
from study.job import Job, run


def main(images, split, oracles, *, input_psnr, sigma, count, job=Job()):
    """At the noise levels of PSNR curves, `input_psnr`, and of eigenbases, `sigma`."""
    images, chosen = store.open_store(images).images, store.open_store(split).test.values[:count]
    clean = to_float(torch.from_numpy(store.take(images, chosen))).double()
    levels = np.unique([*sigma_from_psnr(input_psnr), *sigma])[::-1]
    names = ["dct"] if clean.shape[-1] % 2 else ["dct", "wavelet"]
    found = []
    for name in names:
        steps = bases.basis(name, clean.shape[-1])
        coefficients = bases.coefficients(clean, steps).flatten(1).numpy()
        found.append([oracle_psnr(coefficients, level) for level in levels])
    dims = ("basis", "sigma", "image")
    dataset = xr.Dataset(
        {"psnr": store.variable(dims, found, "expected PSNR of the best shrinkage", "dB")},
        coords={
            "basis": store.variable("basis", names, "basis"),
            "sigma": store.variable("sigma", levels, "noise level", "1"),
            "input_psnr": store.variable("sigma", psnr_of(levels), "input PSNR", "dB"),
            "image": store.variable("image", chosen, "index of the image"),
        },
        attrs=store.provenance("Oracles in fixed bases", job.parameters),
    )
    store.save(dataset, oracles)


if __name__ == "__main__":
    run(main, snakemake)
