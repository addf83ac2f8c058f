"""Which images of a data set are near-duplicates of others.

Input: images.zarr. Output: duplicates.zarr with, for each image that is dropped, its index
`dropped`, that of the kept image it is too close to, `duplicate_of`, and the cosine between the
two, pooled and mean-removed.
"""

import tempfile

import numpy as np
import xarray as xr
from gahb import store
from gahb.duplicates import features, near_duplicates
from study.job import running

#: Images compared with as many others at a time, and pixels that are pooled at a time.
BLOCK, PIXELS = 2048, 2**24

with running(snakemake) as job:
    images = store.open_store(job.input[0]).images
    width = features(images[:1].values).shape[1]
    with tempfile.TemporaryFile() as file, job.progress(len(images), "images") as bar:
        unit = np.memmap(file, np.float32, "w+", shape=(len(images), width))
        step = max(1, min(BLOCK, PIXELS // images[0].size))
        for start in range(0, len(images), step):
            unit[start : start + step] = features(images[start : start + step].values)
        dropped, duplicate_of, cosine = near_duplicates(
            unit, job.values["threshold"], job.device, BLOCK, bar.update
        )
    print(f"{len(dropped)} of {len(images)} images are near-duplicates")
    dataset = xr.Dataset(
        {
            "dropped": store.variable("drop", dropped, "index of the image that is dropped"),
            "duplicate_of": store.variable("drop", duplicate_of, "index of the image that is kept"),
            "cosine": store.variable("drop", cosine, "cosine between the two"),
        },
        attrs=store.provenance("Near-duplicates", job.made_by),
    )
    store.save(dataset, job.output[0])
