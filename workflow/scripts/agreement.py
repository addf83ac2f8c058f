"""Agreement of theories and other networks with one network, on the same noisy images.

Input: images.zarr, split.zarr, denoiser.safetensors and samples.zarr of the network,
denoiser.safetensors of the study's references and of other networks. Output: agreement.zarr with
the measures of `gahb.agreement` (against, points, level, image), at noisy test images and along the
trajectories of the network's own samples, with noise level sigma (points, level, image); outputs
for the first test image (output, level, channel, y, x), and end points of the probability flow from
the same starts (output, sample, channel, y, x).
"""

import numpy as np
import torch
import xarray as xr
from gahb import denoisers, store
from gahb.agreement import compared, noisy_images, passed
from gahb.denoisers.references import wiener
from gahb.images import Members, to_float
from gahb.samples.flow import followed, noise_levels
from gahb.samples.start import named
from study.job import Job, run

#: Number of starts that each denoiser follows to the end.
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
    mean,
    sd,
    sigma_min,
    steps,
    seed,
    seed_of_starts,
    job=Job(),
):
    images, split = store.open_store(images).images, store.open_store(split)
    paths = [denoiser, *references, *others]
    network, *loaded = (denoisers.load(path, images).to(job.device) for path in paths)
    against = dict(zip(names, loaded, strict=True))
    shown = {"network": network} | against
    training = Members(images, np.sort(split[subset].values[:N]))
    linear = wiener.of(training).to(job.device)

    chosen = split.test.values[:count]
    clean = to_float(torch.from_numpy(store.take(images, chosen)))
    noisy = noisy_images(clean.to(job.device), levels, seed)
    points = {
        "noisy test images": (noisy, noisy.new_tensor(levels)[:, None].expand(-1, count)),
        "trajectory": passed(store.open_store(samples), count, job.device),
    }
    test = Members(images, np.sort(split.test.values))
    first = named(start, seed_of_starts, test, mean=mean, sd=sd)
    y, grid = first(torch.arange(STARTS, device=job.device)), noise_levels(sd, sigma_min, steps)
    ends = np.stack([followed(f, y, grid).cpu() for f in shown.values()])

    variables = {
        **measures_of(network, against, linear, points),
        "image_index": store.variable("image", chosen, "index of the image"),
        **outputs_of(shown, clean, noisy, levels),
        "ends": store.variable(("output", "sample", *PIXELS), ends, "end of the probability flow"),
    }
    coords = {
        "against": store.variable("against", names, "what is compared with the network"),
        "points": store.variable("points", list(points), "where it is compared"),
        "level": store.variable("level", levels, "noise level"),
        "output": store.variable("output", list(shown), "denoiser"),
        "y": store.pixels("y", images.sizes["y"]),
        "x": store.pixels("x", images.sizes["x"]),
    }
    attrs = store.provenance("Agreement with a network", job.parameters)
    store.save(xr.Dataset(variables, coords, attrs), agreement)


def measures_of(network, against: dict, linear, points: dict) -> dict[str, xr.Variable]:
    """Measures of everything compared with the network, and the noise levels."""
    found = [compared(network, against, linear, y, sigma) for y, sigma in points.values()]
    dims = ("against", "points", "level", "image")
    why = "the sample diverged, or nothing is to be explained"
    variables = {
        name: store.variable(dims, np.stack([of[name] for of in found], 1), long_name, nan=why)
        for name, long_name in NAMES.items()
    }
    sigma = np.stack([sigma.cpu() for _, sigma in points.values()])
    return variables | {"sigma": store.variable(dims[1:], sigma, "noise level", nan=why)}


def outputs_of(shown: dict, clean, noisy, levels) -> dict[str, xr.Variable]:
    """The first test image, its noisy versions, and the output of each denoiser."""
    outputs = [
        [f(y[:1], s)[0].cpu() for y, s in zip(noisy, levels, strict=True)] for f in shown.values()
    ]
    stacked = np.stack([np.stack(of_one) for of_one in outputs])
    return {
        "clean": store.variable(PIXELS, clean[0], "first test image"),
        "noisy": store.variable(("level", *PIXELS), noisy[:, 0].cpu(), "with noise"),
        "outputs": store.variable(("output", "level", *PIXELS), stacked, "denoised"),
    }


if __name__ == "__main__":
    run(main, snakemake)
