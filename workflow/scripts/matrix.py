"""Pairwise agreement of several denoisers beyond the covariance of the images.

Input: images.zarr, split.zarr, samples.zarr of each denoiser, from the same starts. Output:
matrix.zarr with beyond (denoiser, other, sample), the cosine of both samples once the sample of the
Gaussian of all images is projected out (`gahb.beyond`), share (denoiser, sample), the remaining
fraction, and their medians with intervals, beyond_median (denoiser, other, bound) and share_median
(denoiser, bound). diverged (denoiser, sample), True if a sample did not end: its numbers are NaN.
"""

import numpy as np
import torch
import xarray as xr
from gahb import store
from gahb.beyond import left, with_median
from gahb.denoisers.references import wiener
from gahb.images import Members
from gahb.samples.gaussian_sampler import gaussian_samples
from gahb.samples.start import named
from study.job import Job, run


def main(images, split, samples, matrix, *, names, start, mean, sd, seed, job=Job(), **sampling):
    pixels, parts = store.open_store(images).images, store.open_store(split)
    drawn = [store.open_store(path) for path in samples]
    # A slow denoiser may have fewer; the start of sample i does not depend on the others.
    count = min(d.sizes["sample"] for d in drawn)
    drawn = [d.isel(sample=slice(count)) for d in drawn]
    diverged = np.stack([d.diverged.values for d in drawn])
    test = Members(pixels, np.sort(parts.test.values))
    f = wiener.of(Members(pixels, np.arange(len(pixels)))).to(job.device).double()
    first = named(start, seed, test, mean=mean, sd=sd)
    g = gaussian_samples(f, first, count, sd=sd, seed=seed, **sampling)
    rest = [left(torch.from_numpy(d.samples.values).to(job.device), g) for d in drawn]
    units, shares = (torch.stack(found) for found in zip(*rest, strict=True))
    # A matrix product for each sample.
    beyond = torch.einsum("isd,jsd->ijs", units, units).cpu().numpy()
    shares = shares.cpu().numpy()
    shares[diverged] = np.nan
    beyond[diverged[:, None] | diverged] = np.nan

    cosine, part = "cosine of what is left of two samples", "part of a sample that is left"
    dataset = xr.Dataset(
        {
            **with_median("beyond", ("denoiser", "other", "sample"), beyond, cosine),
            **with_median("share", ("denoiser", "sample"), shares, part),
            "diverged": store.variable(("denoiser", "sample"), diverged, "did not end"),
        },
        coords={
            "denoiser": store.variable("denoiser", names, "denoiser"),
            "other": store.variable("other", names, "another denoiser"),
            "sample": store.variable("sample", drawn[0]["sample"].values, "number of the sample"),
            "bound": store.variable(
                "bound", ["estimate", "low", "high"], "estimate and 95 % interval"
            ),
        },
        attrs=store.provenance("Agreement of denoisers beyond the covariance", job.parameters),
    )
    store.save(dataset, matrix)


if __name__ == "__main__":
    run(main, snakemake)
