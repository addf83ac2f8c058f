"""Samples of the density that one network has learned.

Input: images.zarr (for the shape of an image), weights.safetensors. Output: samples.zarr with
samples (sample, channel, y, x), sigma (sample, step), steps and diverged (sample), and trajectory
(sample, level, channel, y, x), y when its noise level first was at or below `level`.
"""

import numpy as np
import xarray as xr
from gahb import networks, store
from gahb.denoising import Denoiser
from gahb.sampling import sample
from study.job import running

with running(snakemake) as job:
    options = dict(job.values)
    count = options.pop("samples")
    images = store.open_store(job.input.images).images
    denoiser = Denoiser(networks.load(job.input.weights)).to(job.device)
    with job.progress(count, "samples") as bar:
        drawn = sample(
            denoiser, images.shape[1:], count, **options, device=job.device, progress=bar.update
        )
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
            "level": store.variable("level", options["snapshots"], "noise level"),
            "y": store.pixels("y", images.sizes["y"]),
            "x": store.pixels("x", images.sizes["x"]),
            "step": store.variable("step", np.arange(1, drawn.sigma.shape[1] + 1), "step t"),
        },
        attrs=store.provenance("Samples by stochastic coarse-to-fine ascent", job.made_by),
    )
    store.save(dataset, job.output[0])
