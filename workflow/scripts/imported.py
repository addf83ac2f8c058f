"""Take in a denoiser that was trained elsewhere: from a file of weights, or from a function.

Input: images.zarr (it has to work on such images), and the file of weights if there is one. Output:
denoiser.safetensors, as of a network trained here, so that everything after it is the same.
"""

import torch
from gahb import denoisers, store
from gahb.denoisers.imported import published
from gahb.images import to_float
from study.job import Job, run


def main(
    images,
    weights,
    denoiser,
    *,
    function=None,
    predicts=None,
    needs_sigma=None,
    weights_content=None,
    job=Job(),
):
    if function:
        name, described = function, {"architecture": "function", "function": function}
        described |= {"predicts": predicts, "needs_sigma": needs_sigma}
        network = denoisers.build(**described).eval().requires_grad_(False)
    else:
        (name,) = weights
        network, described = published.read(name)
    images = store.open_store(images).images
    takes, channels = described.get("image_channels"), images.shape[1]
    if takes not in (None, channels):
        raise ValueError(
            f"{name} takes images of {takes} channel(s), those of the data set have {channels}; "
            + ("`gray: null` keeps their colours" if takes == 3 else "`gray: mean` makes them gray")
        )
    clean = to_float(torch.from_numpy(images[:2].values))
    try:
        estimate = denoisers.NetworkDenoiser(network)(clean, 0.1)
    except Exception as error:
        raise ValueError(
            f"{name} cannot denoise images of (channel, y, x) = {images.shape[1:]}: {error}"
        ) from error
    if estimate.shape != clean.shape or not estimate.isfinite().all():
        raise ValueError(
            f"{name} makes images of shape {tuple(clean.shape)} into "
            f"{tuple(estimate.shape)}, or into numbers that are not finite"
        )
    with store.atomic(denoiser) as partial:
        denoisers.save(network, partial, **described, parameters=job.parameters)


if __name__ == "__main__":
    run(main, snakemake)
