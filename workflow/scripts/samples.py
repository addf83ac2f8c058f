"""Samples of the density implicit in one denoiser.

Input: images.zarr and split.zarr (samples start from test images), and denoiser.safetensors.
Output: samples.zarr with samples (sample, channel, y, x), sigma (sample, step), steps and diverged
(sample), and trajectory (sample, level, channel, y, x), y when its noise level was first at or
below `level`.
"""

import functools

import numpy as np
import xarray as xr
from gahb import denoisers, store
from gahb.images import Members
from gahb.samples.flow import noise_levels, probability_flow
from gahb.samples.sampler import Samples, coarse_to_fine, sample
from gahb.samples.start import named
from study.job import Job, run

#: Largest noise level for starts if the denoiser chooses it: images in [0, 1] are no longer visible
#: there (Karras et al., 2022, use 80 for images in [-1, 1]).
LARGEST = 80
TITLES = {
    "ascent": "Samples by stochastic coarse-to-fine ascent",
    "ode": "Samples by the probability flow",
}


def main(
    images,
    split,
    denoiser,
    samples,
    *,
    count,
    start,
    mean,
    sd,
    sampler,
    steps,
    h0,
    beta,
    sigma_min,
    sigma_max,
    max_steps,
    levels,
    seed,
    job=Job(),
):
    """Draw samples. If `sd` is None they start at the largest noise level that the denoiser knows,
    and `sigma_max` may be None, too."""
    images = store.open_store(images).images
    denoiser = denoisers.load(denoiser, images).to(job.device)
    if sd is None:
        sd = min(denoiser.network.convention.largest, LARGEST)
        print(f"from sigma = {sd:.3g}, of at most {denoiser.network.convention.largest:.3g}")
    # Test images, so that both denoisers of a pair have the same starts, which know no training
    # image.
    test = Members(images, np.sort(store.open_store(split).test.values))
    follow = {
        "ascent": functools.partial(coarse_to_fine, seed=seed, h0=h0, beta=beta, sd=sd),
        "ode": lambda f, y, numbers: probability_flow(f, y, noise_levels(sd, sigma_min, steps)),
    }
    with job.progress(count, "samples") as bar:
        drawn = sample(
            denoiser,
            images.shape[1:],
            count,
            seed,
            start=named(start, seed, test, mean=mean, sd=sd),
            sampler=follow[sampler],
            sigma_min=sigma_min,
            sigma_max=sigma_max or 3 * sd,
            max_steps=max_steps,
            levels=levels,
            device=job.device,
            progress=bar.update,
        )
    if 2 * drawn.diverged.sum() > count:
        job.warn(
            f"{drawn.diverged.sum()} of {count} samples diverged, so the others say little; the "
            "network may need more training, or samples more `steps` (ode), a smaller `h0` (ascent)"
        )
    attributes = store.provenance(TITLES[sampler], job.parameters)
    store.save(as_dataset(drawn, levels, attributes), samples)


def as_dataset(drawn: Samples, levels: list[float], attributes: dict) -> xr.Dataset:
    pixels = ("channel", "y", "x")
    return xr.Dataset(
        {
            "samples": store.variable(("sample", *pixels), drawn.images, "intensity"),
            "sigma": store.variable(
                ("sample", "step"), drawn.sigma, "noise level sigma_t", nan="after the end"
            ),
            "trajectory": store.variable(
                ("sample", "level", *pixels),
                drawn.trajectory,
                "y when sigma_t first was at or below the level",
                nan="not reached",
            ),
            "steps": store.variable("sample", drawn.steps, "steps taken"),
            "diverged": store.variable("sample", drawn.diverged, "did not end; to be left out"),
        },
        coords={
            "sample": store.variable(
                "sample", np.arange(len(drawn.images)), "number of the sample"
            ),
            "level": store.variable("level", levels, "noise level"),
            "y": store.pixels("y", drawn.images.shape[2]),
            "x": store.pixels("x", drawn.images.shape[3]),
            "step": store.variable("step", np.arange(1, drawn.sigma.shape[1] + 1), "step t"),
        },
        attrs=attributes,
    )


if __name__ == "__main__":
    run(main, snakemake)
