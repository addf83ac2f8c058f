"""Import a denoiser that was trained elsewhere: from files of weights, a folder, or a function.

Input: images.zarr and split.zarr, whose first N images of a subset are used to try it, and its
files. Output: denoiser.safetensors, in the same form as for a network trained here, so that
everything downstream is the same. A denoiser that is worse than its input, or does not fit its
description, is refused.
"""

import torch
from gahb import denoisers, store
from gahb.denoisers.imported import diffusers, published, trial
from gahb.denoisers.imported.conventions import Adapted, Convention
from gahb.images import to_float
from study.job import Job, run


def main(images, split, weights, denoiser, *, subset, N, weights_content=None, job=Job(), **entry):
    """Import a denoiser.

    Args:
        images, split, denoiser: files.
        weights: its files, with the hash `weights_content`.
        subset, N: the training images on which it is tried; if there are none, test images.
        job: the job.
        entry: the denoiser's entry in the config, without `weights` and `files`.
    """
    name, network, described = _read(entry, weights)
    images = store.open_store(images).images
    takes, channels = described.get("image_channels"), images.shape[1]
    if takes not in (None, channels):
        raise ValueError(
            f"{name} takes images of {takes} channel(s), but the data set has {channels}; "
            + ("`gray: null` keeps their colours" if takes == 3 else "`gray: mean` makes them gray")
        )
    parts = store.open_store(split)
    members = (parts[subset] if parts[subset].size else parts.test).values[: min(N, trial.MOST)]
    clean = to_float(torch.from_numpy(store.take(images, members)))
    try:
        estimate = denoisers.NetworkDenoiser(network)(clean[:2], 0.1)
    except Exception as error:
        raise ValueError(
            f"{name} cannot denoise images of (channel, y, x) = {images.shape[1:]}: {error}"
        ) from error
    if estimate.shape != clean[:2].shape or not estimate.isfinite().all():
        raise ValueError(
            f"{name} makes images of shape {tuple(clean[:2].shape)} into "
            f"{tuple(estimate.shape)}, or into numbers that are not finite"
        )
    adapted = isinstance(network, Adapted)
    convention = network.convention if adapted else Convention()
    asked = network.network if adapted else network, convention, clean
    print(trial.tried(*asked, name))
    if said := trial.doubt(*asked):
        job.warn(f"{name} may be no denoiser of these images: {said}")
    with store.atomic(denoiser) as partial:
        denoisers.save(network, partial, **described, parameters=job.parameters)


def _read(entry: dict, weights: list[str]) -> tuple[str, torch.nn.Module, dict]:
    """Name, network and description of a denoiser."""
    if folder := entry.get("diffusers"):
        options = {k: entry[k] for k in ("class_label", "repeat_channels") if k in entry}
        return folder, *diffusers.read(folder, **options)
    if function := entry.get("function"):
        network = denoisers.build("function", **entry).eval().requires_grad_(False)
        steps = network.convention.alphas_cumprod
        schedule = {} if steps is None else {"schedule": list(steps)}
        return function, network, {"architecture": "function", **entry, **schedule}
    (name,) = weights
    network, described, layout = published.read(name)
    print(f"{name}: {layout}")
    return name, network, described


if __name__ == "__main__":
    entry = snakemake.config["denoisers"][snakemake.wildcards.denoiser]
    # The content of a folder is among the values, not its location.
    run(main, snakemake, **{k: v for k, v in entry.items() if k == "diffusers"})
