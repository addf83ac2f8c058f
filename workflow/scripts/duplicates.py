"""Find the near-duplicates in a data set.

Input: images.zarr. Output: duplicates.zarr with, for each image that is dropped, its index
`dropped`, the index `duplicate_of` of the kept image that it is too close to, the cosine between
the two, pooled and mean-removed, and whether one of them is `mirrored`.
"""

import xarray as xr
from gahb import store
from gahb.duplicates import near_duplicates, odd_features, pooled
from study.job import Job, run


def main(
    images: str, duplicates: str, *, threshold: float, mirrored: bool = True, job: Job = Job()
) -> None:
    pixels = store.open_store(images).images
    odd = odd_features(pixels.shape) if mirrored else 0
    with pooled(pixels) as unit, job.progress(len(pixels), "images") as bar:
        dropped, duplicate_of, cosine, turned = near_duplicates(
            unit, threshold, odd, job.device, progress=bar.update
        )
    of = f", {turned.sum()} of them of a mirror image" if mirrored else ""
    print(f"{len(dropped)} of {len(pixels)} images are near-duplicates{of}")
    dataset = xr.Dataset(
        {
            "dropped": store.variable("drop", dropped, "index of the image that is dropped"),
            "duplicate_of": store.variable("drop", duplicate_of, "index of the image that is kept"),
            "cosine": store.variable("drop", cosine, "cosine between the two"),
            "mirrored": store.variable("drop", turned, "between one and the other's mirror image"),
        },
        attrs=store.provenance("Near-duplicates", job.parameters),
    )
    store.save(dataset, duplicates)


if __name__ == "__main__":
    run(main, snakemake)
