"""Which images train the first network, which the second, and which test both.

Input: images.zarr (of a shuffled data set, what it is a version of), and duplicates.zarr where
near-duplicates are dropped. Output: split.zarr with S1 (member_S1), S2 (member_S2) and test
(test_image): indices of images, in the order in which they are used. A training set of N images is
the first N.
"""

import xarray as xr
from gahb import store
from gahb.split import check, difficulties
from gahb.split import split as divided
from study.job import Job, run


def main(
    images: list[str],
    duplicates: list[str],
    split: str,
    *,
    test: int | str,
    seed: int,
    job: Job = Job(),
) -> None:
    """`test` is the number of test images, or "all"."""
    test = None if test == "all" else test
    (path,) = images
    opened = store.open_store(path)
    count = opened.sizes["image"]
    group = opened.picture.values if "picture" in opened else None
    dropped = store.open_store(duplicates[0]).dropped.values if duplicates else None
    divided_alike = group is not None and test is not None
    difficulty = difficulties(opened.images) if divided_alike else None
    found = divided(count, test, seed, group, dropped, difficulty)
    check(found, count, group)
    dataset = xr.Dataset(
        {
            "S1": store.variable("member_S1", found.S1, "index of the image, first subset"),
            "S2": store.variable("member_S2", found.S2, "index of the image, second subset"),
            "test": store.variable("test_image", found.test, "index of the image, test set"),
        },
        attrs=store.provenance("Disjoint subsets and test set", job.parameters),
    )
    store.save(dataset, split)


if __name__ == "__main__":
    run(main, snakemake)
