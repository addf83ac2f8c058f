"""How well theories and other networks agree with one network, at the same noisy images.

Input: images.zarr, split.zarr, denoiser.safetensors and samples.zarr of the network,
denoiser.safetensors of the study's references and of other networks. Output: agreement.zarr with
the measures of `gahb.agreement` (against, points, level, image), at noisy test images and at the
network's own samples on their way, whose noise level is sigma (points, level, image); outputs for
the first test image (output, level, channel, y, x), and end points of the probability flow from
the same starts (output, sample, channel, y, x).
"""

import functools

import numpy as np
import torch
import xarray as xr
from gahb import denoisers, store
from gahb.agreement import compared, noisy_images, passed
from gahb.images import Members, to_float
from gahb.samples.flow import followed, noise_levels
from gahb.samples.start import named
from study.job import Job, run

#: Starts that are followed to their end by each denoiser.
STARTS = 2
NAMES = {
    "r": "correlation without means",
    "r2": "R^2 = 1 - |a - b|^2 / |b - mean(b)|^2",
    "explained": "1 - |a - b|^2 / |b|^2",
    "mse": "|a - b|^2 / d",
    "score_distance": "|a - b|^2 / sigma^4",
    "r2_beyond_wiener": "R^2 of what is beyond the Wiener filter",
}
PIXELS = ("channel", "y", "x")


def main(
    images,
    split,
    denoiser,
    samples,
    references,
    others,
    agreement,
    *,
    names,
    subset,
    N,
    count,
    levels,
    start,
    steps,
    sd,
    sigma_min,
    mean,
    seed,
    seed_of_starts,
    job=Job(),
):
    images, split = store.open_store(images).images, store.open_store(split)
    load = functools.partial(denoisers.load, images=images)
    network = load(denoiser).to(job.device)
    against = {
        name: load(path).to(job.device)
        for name, path in zip(names, [*references, *others], strict=True)
    }
    training = Members(images, np.sort(split[subset].values[:N]))
    wiener = denoisers.built("wiener", denoisers.fit("wiener", training), training).to(job.device)

    judged = to_float(torch.from_numpy(store.take(images, split.test.values[:count])))
    noisy = noisy_images(judged.to(job.device), levels, seed)
    points = {"noisy test images": (noisy, noisy.new_tensor(levels)[:, None].expand(-1, count))}
    points["trajectory"] = passed(store.open_store(samples), count, job.device)
    measured, sigmas = {}, []
    for where, (y, sigma) in points.items():
        measured[where] = compared(network, against, wiener, y, sigma)
        sigmas.append(sigma.cpu())

    shown = {"network": network} | against
    outputs = [
        [f(y[:1], s)[0].cpu() for y, s in zip(noisy, levels, strict=True)] for f in shown.values()
    ]
    test = Members(images, np.sort(split.test.values))
    first = named(start, seed_of_starts, test, mean=mean, sd=sd)
    y, grid = first(torch.arange(STARTS, device=job.device)), noise_levels(sd, sigma_min, steps)
    ends = [followed(f, y, grid).cpu() for f in shown.values()]
    variables = as_variables(measured, sigmas) | {
        "image_index": store.variable("image", split.test.values[:count], "index of the image"),
        "clean": store.variable(PIXELS, judged[0], "first test image"),
        "noisy": store.variable(("level", *PIXELS), noisy[:, 0].cpu(), "with noise"),
        "outputs": store.variable(
            ("output", "level", *PIXELS), np.stack([np.stack(o) for o in outputs]), "denoised"
        ),
        "ends": store.variable(
            ("output", "sample", *PIXELS), np.stack(ends), "end of the probability flow"
        ),
    }
    coords = {
        "against": store.variable("against", list(against), "what is compared with the network"),
        "points": store.variable("points", list(points), "where it is compared"),
        "level": store.variable("level", levels, "noise level"),
        "output": store.variable("output", list(shown), "denoiser"),
        "y": store.pixels("y", images.sizes["y"]),
        "x": store.pixels("x", images.sizes["x"]),
    }
    attrs = store.provenance("Agreement with a network", job.parameters)
    store.save(xr.Dataset(variables, coords, attrs), agreement)


def as_variables(measured: dict[str, dict], sigmas: list) -> dict[str, xr.Variable]:
    """The measures of all points, and their noise levels."""
    dims = ("against", "points", "level", "image")
    why = "the sample diverged, or nothing is to be explained"
    return {
        name: store.variable(
            dims, np.stack([of[name] for of in measured.values()], 1), long_name, nan=why
        )
        for name, long_name in NAMES.items()
    } | {"sigma": store.variable(dims[1:], np.stack(sigmas), "noise level", nan=why)}


if __name__ == "__main__":
    run(main, snakemake)
