"""The two training sets and the test set of images in groups, none of which is divided.

Input: images.zarr (of a shuffled data set, what it is a version of), duplicates.zarr where
near-duplicates are dropped, and the CSV of the groups if there is one. Output: split.zarr, as of
images without groups, with group (image), the number of each image's group, and group_name
(numbered).
"""

import numpy as np
import xarray as xr
from gahb import store
from gahb.split import TooFewImages, check, difficulties
from gahb.split import split as divided
from study.groups import of_names, read
from study.job import Job, run


def main(images, duplicates, table, split, *, by, test, seed, job=Job()):
    (path,) = images
    opened = store.open_store(path)
    names, group = groups(opened, by, table[0] if table else None, job)
    dropped = store.open_store(duplicates[0]).dropped.values if duplicates else None
    try:
        found = divided(len(group), test, seed, group, dropped, difficulties(opened.images))
    except TooFewImages as error:  # which speaks of patches of pictures
        raise TooFewImages(str(error).replace("picture", "group")) from error
    check(found, len(group), group)
    pair = {"S1": found.S1[: len(found.S2)], "S2": found.S2, "test set": found.test}
    print(f"{len(group)} images in {len(names)} groups; as many of a pair of networks can have:")
    for part, index in pair.items():
        print(f"{part}: {len(index)} images of {len(np.unique(group[index]))} groups")
    print(f"a single network can have {len(found.S1)}")
    dataset = xr.Dataset(
        {
            "S1": store.variable("member_S1", found.S1, "index of the image, first subset"),
            "S2": store.variable("member_S2", found.S2, "index of the image, second subset"),
            "test": store.variable("test_image", found.test, "index of the image, test set"),
            "group": store.variable("image", group, "number of the image's group"),
            "group_name": store.variable("numbered", names, "name of the group"),
        },
        attrs=store.provenance("Disjoint subsets and test set", job.parameters),
    )
    store.save(dataset, split)


def groups(images: xr.Dataset, by, path, job) -> tuple[np.ndarray, np.ndarray]:
    """Names of the groups, and the number of each image's; of patches, that of their picture's."""
    cut = "picture" in images
    files = [str(name) for name in (images.picture_name if cut else images.file).values]
    found = of_names(files, by, path)
    if path is not None:
        unused = [name for name in read(path) if name not in set(files)]
        if unused:
            job.warn(f"{path}: {len(unused)} names are of no image, as {unused[0]!r}")
    names, group = np.unique(np.array(found, object), return_inverse=True)
    return names.astype(str), group[images.picture.values] if cut else group


if __name__ == "__main__":
    run(main, snakemake)
