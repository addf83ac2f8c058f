"""A reference: the denoiser that theory derives from the first N images of a subset.

Input: images.zarr, split.zarr. Output: denoiser.safetensors with the indices of the training images
and what the reference computed from them, so that everything after it is as of a network.
"""

import numpy as np
from gahb import denoisers, store
from gahb.images import Members
from study.job import Job, run


def main(images, split, denoiser, *, reference, subset, N, job=Job(), **options):
    images = store.open_store(images).images
    members = store.open_store(split)[subset].values[:N]
    if len(members) < N:
        raise ValueError(f"N = {N}, but {split} gives only {len(members)} images to {subset}")
    members = np.sort(members)  # their order is of no importance
    tensors = denoisers.fit(reference, Members(images, members), **options)
    with store.atomic(denoiser) as partial:
        denoisers.save_reference(tensors, partial, reference, members)


if __name__ == "__main__":
    run(main, snakemake)
