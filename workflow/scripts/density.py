"""Measurements of a denoiser in nats: squared errors, log-densities and dimensions of images.

Input: images.zarr, split.zarr, denoiser.safetensors. Output: density.zarr. Its images are the first
of the N images of S1, whichever subset the denoiser was trained on, and the first test images, so
that both denoisers of a pair see the same images with the same noises.
"""

import numpy as np
import torch
import xarray as xr
from gahb import denoisers, store
from gahb.decibels import sigma_from_psnr
from gahb.denoisers.references import wiener
from gahb.density.dimension import at_gap, flipd, normal_bundle
from gahb.density.errors import measured
from gahb.density.integral import integration_error
from gahb.density.likelihood import gaussian_log_density, log_density
from gahb.images import Members, to_float
from study.job import Job, run

#: Meaning of NaN.
FEWER = "there are fewer images"
#: Maximum number of images to which the Gaussian is fitted.
MOST = 20_000
EACH, OF_IMAGE = ("sigma", "pair", "image"), ("sigma", "image")
#: Variables for each set of images: dimensions, meaning, unit.
FIELDS = {
    "mse": (EACH, "squared error |x - f(y)|^2", "1"),
    "mse_gaussian": (EACH, "squared error of the Gaussian's Wiener filter", "1"),
    "trace": (EACH, "tr J", "1"),
    "log_density": (OF_IMAGE, "log-density of the noisy image", "nat"),
    "log_density_error": (OF_IMAGE, "standard error of log_density, of the noises", "nat"),
    "log_density_gaussian": (OF_IMAGE, "Gaussian log-density of the noisy image", "nat"),
    "flipd": (OF_IMAGE, "FLIPD", "1"),
}


def main(
    images,
    split,
    denoiser,
    density,
    *,
    N,
    input_psnr,
    intervals,
    count,
    noises,
    bundle,
    seed,
    job=Job(),
):
    images, split = store.open_store(images).images, store.open_store(split)
    torch.backends.cudnn.allow_tf32 = False  # its 3 digits are too few at low noise
    denoiser = denoisers.load(denoiser, images).to(job.device)
    gaussian = _gaussian(images, split).to(job.device)
    decibels = np.linspace(*input_psnr, intervals + 1)
    sigma = sigma_from_psnr(decibels)
    sets = {"S1": split.S1.values[:N][:count], "test": split.test.values[:count]}
    sets = {name: index for name, index in sets.items() if len(index)}
    clean = {
        name: to_float(torch.from_numpy(store.take(images, index))).to(job.device)
        for name, index in sets.items()
    }
    found = [
        _judged(denoiser, gaussian, clean[name], sets[name], sigma, noises, seed) for name in sets
    ]
    entries = images[0].size
    dataset = xr.Dataset(
        {
            **_of_sets(found, sets, sigma, entries),
            **_bundle(denoiser, clean["test"][:bundle], sets["test"], sigma[-1], seed),
        },
        coords={
            "set": store.variable("set", list(sets), "set of images"),
            "sigma": store.variable("sigma", sigma, "noise level"),
            "input_psnr": store.variable("sigma", decibels, "input PSNR", "dB"),
        },
        attrs=store.provenance("Densities", job.parameters) | {"entries": entries},
    )
    store.save(dataset, density)


def _of_sets(found: list[dict], sets: dict, sigma, entries: int) -> dict[str, xr.Variable]:
    """Measurements on each set, NaN where a set has fewer images than another."""
    longest = max(map(len, sets.values()))
    index = [_filled(index.astype(float), longest) for index in sets.values()]
    variables = {
        name: store.variable(
            ("set", *dims), [_filled(v[name], longest) for v in found], long_name, units, FEWER
        )
        for name, (dims, long_name, units) in FIELDS.items()
        if name in found[0]
    }
    return variables | {
        "integration_error": store.variable(
            "set",
            [integration_error(v["mse"], sigma, entries) for v in found],
            "error of the integral of squared errors over noise levels",
            "nat",
        ),
        "image_index": store.variable(("set", "image"), index, "index of the image", nan=FEWER),
    }


def _bundle(denoiser, clean, index, sigma, seed: int) -> dict[str, xr.Variable]:
    """Singular values of scores around some images, and the dimension that they indicate."""
    scores = [
        normal_bundle(denoiser, x, float(sigma), index=int(i), seed=seed)
        for x, i in zip(clean, index, strict=False)
    ]
    below, ratio = np.reshape([at_gap(values) for values in scores], (-1, 2)).T
    return {
        "singular_values": store.variable(
            ("bundle", "rank"),
            np.reshape(scores, (-1, clean.shape[1:].numel())),
            "singular value of scores (1: no data)",
        ),
        "bundle_dimension": store.variable("bundle", below, "singular values below the gap"),
        "bundle_gap": store.variable("bundle", ratio, "ratio of singular values at the gap"),
    }


def _judged(denoiser, gaussian, clean, index, sigma, noises: int, seed: int) -> dict:
    """Measurements on one set of images, by the names of FIELDS."""
    options = {"sigmas": sigma, "seed": seed}
    mse, trace = measured(denoiser, clean, index, pairs=noises // 2, **options)
    mse_gaussian, _ = measured(gaussian, clean, index, pairs=noises // 2, **options)
    own = gaussian_log_density(gaussian, clean, sigma)
    estimate, error = log_density(mse, mse_gaussian, own, sigma)
    values = {
        "mse": mse,
        "mse_gaussian": mse_gaussian,
        "trace": trace,
        "log_density": estimate,
        "log_density_error": error,
        "log_density_gaussian": own,
    }
    if not denoiser.blind:
        values["flipd"] = flipd(denoiser, clean, index, probes=noises, **options)
    return values


def _filled(values: np.ndarray, length: int) -> np.ndarray:
    """`values` (..., image) padded with NaNs to this number of images."""
    missing = [(0, 0)] * (values.ndim - 1) + [(0, length - values.shape[-1])]
    return np.pad(values, missing, constant_values=np.nan)


def _gaussian(images, split) -> wiener.Wiener:
    """The Gaussian of both subsets, the same for all N and for both denoisers of a pair.

    If all images are test images, it is fitted to these.
    """
    members = np.unique(np.concatenate([split.S1.values, split.S2.values]))
    members = members if len(members) else np.sort(split.test.values)
    members = members[:: -(-len(members) // MOST)]
    return wiener.of(Members(images, members))


if __name__ == "__main__":
    run(main, snakemake)
