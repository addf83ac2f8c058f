"""Take in a denoiser that was trained elsewhere: from a file of weights, or from a function.

Input: images.zarr (it has to work on such images), and the file of weights if there is one. Output:
weights.safetensors, as of a network trained here, so that everything after it is the same.
"""

import torch
from gahb import networks, published, store
from gahb.denoising import Denoiser, to_float, told
from study.job import running

with running(snakemake) as job:
    values = job.values
    if "weights" in job.input.keys():
        name = job.input.weights
        network, described = published.read(name)
    else:
        name, described = values["function"], {"architecture": "function", **values}
        network = networks.build(**described).eval().requires_grad_(False)
    images = store.open_store(job.input.images).images
    clean = to_float(torch.from_numpy(images[:2].values))
    try:
        estimate = told(Denoiser(network), 0.1)(clean)
    except Exception as error:
        raise ValueError(
            f"{name} cannot denoise images of (channel, y, x) = {images.shape[1:]}: {error}"
        ) from error
    if estimate.shape != clean.shape or not estimate.isfinite().all():
        raise ValueError(
            f"{name} makes images of shape {tuple(clean.shape)} into "
            f"{tuple(estimate.shape)}, or into numbers that are not finite"
        )
    with store.whole(job.output.weights) as partial:
        networks.save(network, partial, **described)
