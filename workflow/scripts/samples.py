"""Samples of the density implicit in one denoiser.

Input: images.zarr (for the shape of an image), denoiser.safetensors. Output: samples.zarr with
samples (sample, channel, y, x), sigma (sample, step), steps and diverged (sample), and trajectory
(sample, level, channel, y, x), y when its noise level first was at or below `level`.
"""

import numpy as np
import xarray as xr
from gahb import denoisers, store
from gahb.samples import sample
from study.job import Job, run


def main(
    images, denoiser, samples, *, count, h0, beta, sigma_min, mean, sd, sigma_max, max_steps,
    levels, seed, job=Job(),
):  # fmt: skip
    images = store.open_store(images).images
    denoiser = denoisers.load(denoiser, images).to(job.device)
    with job.progress(count, "samples") as bar:
        drawn = sample(
            denoiser, images.shape[1:], count, seed, h0=h0, beta=beta, sigma_min=sigma_min,
            mean=mean, sd=sd, sigma_max=sigma_max, max_steps=max_steps, levels=levels,
            device=job.device, progress=bar.update,
        )  # fmt: skip
    dataset = xr.Dataset(
        {
            "samples": store.variable(("sample", "channel", "y", "x"), drawn.images, "intensity"),
            "sigma": store.variable(
                ("sample", "step"), drawn.sigma, "noise level sigma_t", nan="after the end"
            ),
            "trajectory": store.variable(
                ("sample", "level", "channel", "y", "x"),
                drawn.trajectory,
                "y when sigma_t first was at or below the level",
                nan="not reached",
            ),
            "steps": store.variable("sample", drawn.steps, "steps taken"),
            "diverged": store.variable("sample", drawn.diverged, "did not end; to be left out"),
        },
        coords={
            "sample": store.variable("sample", np.arange(count), "number of the sample"),
            "level": store.variable("level", levels, "noise level"),
            "y": store.pixels("y", images.sizes["y"]),
            "x": store.pixels("x", images.sizes["x"]),
            "step": store.variable("step", np.arange(1, drawn.sigma.shape[1] + 1), "step t"),
        },
        attrs=store.provenance("Samples by stochastic coarse-to-fine ascent", job.parameters),
    )
    store.save(dataset, samples)


if __name__ == "__main__":
    run(main, snakemake)
