"""PSNR curves of one denoiser on its training set and on the test set.

Input: images.zarr, split.zarr, denoiser.safetensors. Output: psnr.zarr with psnr (set, sigma,
image) in dB, image_index (set, image), and along sigma the coordinate input_psnr. A training set
smaller than the requested number of images is used repeatedly, with different noise. For an optimum
found by Monte Carlo, also variance, monte_carlo_error and rhat (set, sigma, image), and in the
attribute `mixed` the fraction of the noisy images whose chains agree.
"""

import numpy as np
import torch
import xarray as xr
from gahb import denoisers, store
from gahb.decibels import sigma_from_psnr
from gahb.psnr import posterior_curve, psnr_curve
from study.job import Job, run

#: Chains agree if Gelman and Rubin's ratio is at most this.
MIXED = 1.1
#: Further statistics of an optimum found by Monte Carlo: names in its store, names, units.
MORE = {
    "variance": ("variance", "variance per pixel of clean images given the noisy one", "1"),
    "monte_carlo_error": ("error", "expected squared Monte Carlo error per pixel", "1"),
    "rhat": ("rhat", "ratio of Gelman and Rubin", "1"),
}


def main(
    images,
    split,
    denoiser,
    psnr,
    *,
    subset,
    N,
    input_psnr,
    count,
    seed,
    sets=("train", "test"),
    job=Job(),
):
    """`sets` are the sets, "train" or "test", on which curves are computed."""
    data, split = store.open_store(images), store.open_store(split)
    images = data.images
    members = {"train": split[subset].values[:N], "test": split.test.values}
    members = {name: members[name] for name in sets}
    chosen = np.stack([np.resize(indices, count) for indices in members.values()])
    denoiser = denoisers.load(denoiser, images).to(job.device)
    sigma = sigma_from_psnr(input_psnr)
    curves, by_monte_carlo = [], hasattr(denoiser, "posterior")
    for indices in chosen:
        clean = torch.from_numpy(store.take(images, indices)).to(job.device)
        if hasattr(denoiser, "tell"):  # the oracle that knows the contour
            denoiser.tell(data.contour.values[indices])
        curves.append(
            posterior_curve(denoiser, clean, sigma, seed)
            if by_monte_carlo
            else {"psnr": psnr_curve(denoiser, clean, sigma, seed)}
        )
    dims, attributes = ("set", "sigma", "image"), store.provenance("PSNR curves", job.parameters)
    dataset = xr.Dataset(
        {
            "psnr": store.variable(dims, [c["psnr"] for c in curves], "output PSNR", "dB"),
            "image_index": store.variable(("set", "image"), chosen, "index of the image"),
        },
        coords={
            "set": store.variable("set", list(members), "set of images"),
            "sigma": store.variable("sigma", sigma, "noise level", "1"),
            "input_psnr": store.variable("sigma", input_psnr, "input PSNR", "dB"),
        },
        attrs=attributes,
    )
    if by_monte_carlo:
        for name, (key, long_name, units) in MORE.items():
            dataset[name] = store.variable(dims, [c[key] for c in curves], long_name, units)
        dataset.attrs["mixed"] = mixed = float((dataset.rhat <= MIXED).mean())
        if mixed < 1:
            print(
                f"{1 - mixed:.0%} of the posteriors have not mixed: R-hat is above {MIXED}, up to "
                f"{float(dataset.rhat.max()):.2f}. Their means may be worse than the optimum; more "
                "`steps` help."
            )
    store.save(dataset, psnr)


if __name__ == "__main__":
    run(main, snakemake)
