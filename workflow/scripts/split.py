"""Divide the images into the training sets of both networks and the test set.

Input: images.zarr (for a shuffled data set, of its original), duplicates.zarr if near-duplicates
are dropped, the CSV of the groups if there is one, and the lists of names that choose images.
Output: split.zarr with S1 (member_S1), S2 (member_S2) and test (test_image): indices of images, in
the order in which they are used. A training set of N images is the first N; if only S1 is chosen,
S2 is empty. For images in groups, none of which is divided, also group (image), the number of each
image's group, and group_name (numbered).
"""

import itertools

import numpy as np
import xarray as xr
from gahb import store
from gahb.chosen import ChoiceError
from gahb.chosen import chosen as by_name
from gahb.groups import of_names, read
from gahb.split import around, check, difficulties
from gahb.split import split as divided
from study.job import Job, run


def main(
    images,
    duplicates,
    table,
    split,
    *,
    test,
    seed,
    without_duplicates=False,
    groups=None,
    table_content=None,
    lists=(),
    chosen=None,
    job=Job(),
):
    """Divide a data set.

    Args:
        images, duplicates, table, split: files; `duplicates` and `table` are empty or hold one.
        test: number of test images, or "all".
        seed: seed of the shuffle.
        without_duplicates: whether the near-duplicates in `duplicates` are dropped.
        groups: how the group of an image follows from its name, unless `table` gives it.
        table_content: hash of the table.
        lists: files of names, one for each part that a list chooses.
        chosen: by part (S1, S2, test) how it is chosen: {"list": its hash}, {"match": pattern}, or
            {"place": value of `part` of the images}.
        job: the job.
    """
    opened = store.open_store(images)
    count, test = opened.sizes["image"], None if test == "all" else test
    near = store.open_store(duplicates[0]) if duplicates else None
    dropped, duplicate_of = (near.dropped.values, near.duplicate_of.values) if near else (None,) * 2
    if chosen:
        group, of_groups = None, {}
        parts = chosen_images(opened, chosen, lists)
        found = around(count, parts, test, seed, dropped, duplicate_of)
    else:
        group, of_groups = grouped(opened, groups, table[0] if table else None, job)
        unequal = difficulties(opened.images) if group is not None and test is not None else None
        kind = "group" if of_groups else "picture"
        found = divided(count, test, seed, group, dropped, unequal, kind)
    check(found, count, group)
    if chosen:
        print(*(f"{len(part)} images in {name}" for name, part in vars(found).items()), sep=", ")
    if of_groups:
        say(found, group, len(of_groups["group_name"]))
    index = "index of the image"
    variables = {
        "S1": store.variable("member_S1", found.S1, f"{index}, first subset"),
        "S2": store.variable("member_S2", found.S2, f"{index}, second subset"),
        "test": store.variable("test_image", found.test, f"{index}, test set"),
    }
    attributes = store.provenance("Disjoint subsets and test set", job.parameters)
    store.save(xr.Dataset(variables | of_groups, attrs=attributes), split)


def chosen_images(images: xr.Dataset, by: dict, lists) -> dict[str, np.ndarray]:
    """Indices of the images of each chosen part; names refer to images outside other places.

    Raises:
        ChoiceError: no image has a name, or an image is chosen for two parts.
    """
    count, lists = images.sizes["image"], iter(lists)
    names = images.file.values if "file" in images else np.arange(count).astype(str)
    place = images.part.values if "part" in images else np.full(count, "")
    here, found = np.flatnonzero(place == ""), {}
    for part, how in by.items():
        if "place" in how:
            found[part] = np.flatnonzero(place == how["place"])
            continue
        choice = next(lists) if "list" in how else how["match"]
        found[part] = here[by_name([str(name) for name in names[here]], choice)]
    for one, other in itertools.combinations(found, 2):
        both = np.intersect1d(found[one], found[other])
        if len(both):
            raise ChoiceError(f"{names[both[0]]!r} is chosen for {one} and for {other}")
    return found


def grouped(images: xr.Dataset, by, path, job) -> tuple[np.ndarray | None, dict]:
    """The number of each image's group, none of which is divided, and the variables for them.

    Without groups, images cut from one picture stay together."""
    cut = "picture" in images
    if not by and path is None:
        return images.picture.values if cut else None, {}
    files = [str(name) for name in (images.picture_name if cut else images.file).values]
    found = of_names(files, by, path)
    if path is not None:
        unused = [name for name in read(path) if name not in set(files)]
        if unused:
            job.warn(f"{path}: {len(unused)} names are of no image, as {unused[0]!r}")
    names, group = np.unique(np.array(found, object), return_inverse=True)
    group = group[images.picture.values] if cut else group
    return group, {
        "group": store.variable("image", group, "number of the image's group"),
        "group_name": store.variable("numbered", names.astype(str), "name of the group"),
    }


def say(found, group, groups: int) -> None:
    """Say how many images and groups the two networks of a pair, or a single network, can have."""
    parts = {"S1": found.S1[: len(found.S2)], "S2": found.S2, "test set": found.test}
    print(f"{len(group)} images in {groups} groups; for the networks of a pair:")
    for part, index in parts.items():
        print(f"{part}: {len(index)} images of {len(np.unique(group[index]))} groups")
    print(f"a single network can have {len(found.S1)}")


if __name__ == "__main__":
    run(main, snakemake)
