"""Which images train the first network, which the second, and which test both.

Input: images.zarr (of a shuffled data set, what it is a version of), duplicates.zarr where
near-duplicates are dropped, the CSV of the groups if there is one, and the lists of names that
choose images. Output: split.zarr with S1 (member_S1), S2 (member_S2) and test (test_image): indices
of images, in the order in which they are used. A training set of N images is the first N; where S1
alone is chosen, S2 is empty. Of images in groups, none of which is divided, also group (image), the
number of each image's group, and group_name (numbered).
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
        seed: of the shuffle.
        without_duplicates: whether near-duplicates are dropped: those that `duplicates` holds.
        groups: how the group of an image follows from its name, unless `table` says it.
        table_content: hash of the table.
        lists: files of names, one for each part that a list chooses.
        chosen: by part (S1, S2, test) how it is chosen: {"list": its hash}, {"match": pattern}, or
            {"place": what `part` in the images says of them}.
        job: of Snakemake.
    """
    opened = store.open_store(images)
    test = None if test == "all" else test
    near = store.open_store(duplicates[0]) if duplicates else None
    dropped, duplicate_of = (near.dropped.values, near.duplicate_of.values) if near else (None,) * 2
    variables, group = {}, None
    if chosen:
        parts = chosen_images(opened, chosen, lists)
        found = around(opened.sizes["image"], parts, test, seed, dropped, duplicate_of)
    else:
        if groups or table:
            names, group = grouped(opened, groups, table[0] if table else None, job)
            variables["group"] = store.variable("image", group, "number of the image's group")
            variables["group_name"] = store.variable("numbered", names, "name of the group")
        elif "picture" in opened:
            group = opened.picture.values
        unequal = group is not None and test is not None
        found = divided(
            opened.sizes["image"],
            test,
            seed,
            group,
            dropped,
            difficulties(opened.images) if unequal else None,
            "group" if variables else "picture",
        )
    check(found, opened.sizes["image"], group)
    if chosen:
        print(*(f"{len(part)} images in {name}" for name, part in vars(found).items()), sep=", ")
    if variables:
        say(found, group, names)
    index = "index of the image"
    variables = {
        "S1": store.variable("member_S1", found.S1, f"{index}, first subset"),
        "S2": store.variable("member_S2", found.S2, f"{index}, second subset"),
        "test": store.variable("test_image", found.test, f"{index}, test set"),
    } | variables
    attributes = store.provenance("Disjoint subsets and test set", job.parameters)
    store.save(xr.Dataset(variables, attrs=attributes), split)


def chosen_images(images: xr.Dataset, by: dict, lists) -> dict[str, np.ndarray]:
    """Indices of the images of each part that is chosen; by name, among those of no other place.

    Raises:
        ChoiceError: a name is of no image, or an image is chosen for two parts.
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


def grouped(images: xr.Dataset, by, path, job) -> tuple[np.ndarray, np.ndarray]:
    """Names of the groups, and the number of each image's; of a patch, its picture's group."""
    cut = "picture" in images
    files = [str(name) for name in (images.picture_name if cut else images.file).values]
    found = of_names(files, by, path)
    if path is not None:
        unused = [name for name in read(path) if name not in set(files)]
        if unused:
            job.warn(f"{path}: {len(unused)} names are of no image, as {unused[0]!r}")
    names, group = np.unique(np.array(found, object), return_inverse=True)
    return names.astype(str), group[images.picture.values] if cut else group


def say(found, group, names) -> None:
    """How many images and groups the two networks of a pair can have, and one network alone."""
    parts = {"S1": found.S1[: len(found.S2)], "S2": found.S2, "test set": found.test}
    print(f"{len(group)} images in {len(names)} groups; for the networks of a pair:")
    for part, index in parts.items():
        print(f"{part}: {len(index)} images of {len(np.unique(group[index]))} groups")
    print(f"a single network can have {len(found.S1)}")


if __name__ == "__main__":
    run(main, snakemake)
