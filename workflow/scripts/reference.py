"""A reference: the denoiser that theory derives from the first N images of a subset.

Input: images.zarr, split.zarr and, for a calibrated reference, calibration.zarr. Output:
denoiser.safetensors with the indices of the training images and what the reference computed from
them, so that everything downstream is the same as for a network. The optimum gets the
`distribution` of the images in their place: the entry of the data set and the arrays of
images.zarr.
"""

import numpy as np
from gahb import denoisers, store
from gahb.images import Members
from study.job import Job, run


def main(images, split, calibration, denoiser, *, reference, subset, N, job=Job(), **options):
    data = store.open_store(images)
    images = data.images
    members = store.open_store(split)[subset].values[:N]
    if len(members) < N:
        raise ValueError(f"N = {N}, but {split} gives only {len(members)} images to {subset}")
    members = np.sort(members)  # their order does not matter
    for found in map(store.open_store, calibration):
        options[found.option] = dict(zip(found.sigma.values, found.chosen.values, strict=True))
        if "sensitivity" in found:
            options["sensitivity"] = found.sensitivity.values
    if "distribution" in options:
        arrays = data.drop_vars("images")
        options["distribution"] = options["distribution"] | {
            name: a.values for name, a in arrays.items()
        }
    tensors = denoisers.fit(reference, Members(images, members), **options)
    with store.atomic(denoiser) as partial:
        denoisers.save_reference(tensors, partial, reference, members, job.parameters)


if __name__ == "__main__":
    run(main, snakemake)
