"""Samples that were drawn elsewhere, as images of the data set.

Input: images.zarr. Output: samples.zarr with samples (sample, channel, y, x), brought to the size
and channels of the data set's images; diverged (sample), False for all; and, if they are files,
their file (sample).
"""

import numpy as np
import xarray as xr
from gahb import store
from gahb.datasets import open_source
from gahb.datasets.base import ImageError
from gahb.datasets.detect import source_of
from gahb.datasets.variation import Variation
from study.files import existing
from study.job import Job, run

#: Images read at a time.
BLOCK = 256


def main(images, samples, *, files, gray, path, job=Job()):
    """Read the samples.

    Args:
        images, samples: stores.
        files: hash of the samples' files.
        gray: how the data set makes gray images of colors; None if it keeps them.
        path: path of the samples, whose source is detected by its content.
        job: the job.

    Raises:
        ImageError: they cannot be read, or cannot be brought to the size of the data set's images.
    """
    shape = store.open_store(images).images.shape[1:]
    source, where = source_of(existing(path))
    options = where | {"gray": gray, "seed": 0}
    opened = open_source(source, **options)
    y, x = opened.read(0, 1).shape[2:]
    if shape[1] == shape[2]:  # later ones may have another size than the first
        opened = open_source(source, **options, crop="center", side=shape[1])
        if y != x:
            job.warn(
                f"{path}: the first image has {y} x {x} pixels; centered squares are compared, so "
                "that copies in another crop are not found"
            )
    if (found := opened.read(0, 1).shape[1:]) != shape:
        raise ImageError(
            f"{path}: has images (channel, y, x) of {found}, those of the data set have {shape}"
        )
    drawn, variation = np.concatenate([*opened.blocks(BLOCK, job.threads)]), Variation()
    variation.add(drawn)
    if warning := variation.warning():
        job.warn(f"{path}: {warning}")
    drawn = np.float32(drawn) / (255 if drawn.dtype == np.uint8 else 1)
    variables = {
        "samples": store.variable(("sample", "channel", "y", "x"), drawn, "intensity"),
        "diverged": store.variable("sample", np.zeros(len(drawn), bool), "none: they are images"),
    }
    if opened.names:
        variables["file"] = store.variable("sample", opened.names, "file of the sample")
    dataset = xr.Dataset(
        variables,
        coords={
            "sample": store.variable("sample", np.arange(len(drawn)), "number of the sample"),
            **{dim: store.pixels(dim, shape[i]) for i, dim in ((1, "y"), (2, "x"))},
        },
        attrs=store.provenance("Samples that were drawn elsewhere", job.parameters),
    )
    store.save(dataset, samples)


if __name__ == "__main__":
    entry = snakemake.config["denoisers"][snakemake.wildcards.denoiser]
    # Their location is not among the values: moving them makes nothing stale.
    run(main, snakemake, path=entry["samples"].format(**snakemake.wildcards))
