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
from study.job import Job, run

#: Images compared with as many others at a time, and pixels that are pooled at a time.
BLOCK, PIXELS = 2048, 2**24


def main(images: str, duplicates: str, *, threshold: float, job: Job = Job()) -> None:
    pixels = store.open_store(images).images
    width = features(pixels[:1].values).shape[1]
    with tempfile.TemporaryFile() as file, job.progress(len(pixels), "images") as bar:
        unit = np.memmap(file, np.float32, "w+", shape=(len(pixels), width))
        step = max(1, min(BLOCK, PIXELS // pixels[0].size))
        for start in range(0, len(pixels), step):
            unit[start : start + step] = features(pixels[start : start + step].values)
        dropped, duplicate_of, cosine = near_duplicates(
            unit, threshold, job.device, BLOCK, bar.update
        )
    print(f"{len(dropped)} of {len(pixels)} images are near-duplicates")
    dataset = xr.Dataset(
        {
            "dropped": store.variable("drop", dropped, "index of the image that is dropped"),
            "duplicate_of": store.variable("drop", duplicate_of, "index of the image that is kept"),
            "cosine": store.variable("drop", cosine, "cosine between the two"),
        },
        attrs=store.provenance("Near-duplicates", job.parameters),
    )
    store.save(dataset, duplicates)


if __name__ == "__main__":
    run(main, snakemake)
