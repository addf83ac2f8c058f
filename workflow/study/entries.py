"""Questions about entries of the config that more than one module asks."""

import math

from gahb.chosen import chosen, is_list, read
from gahb.datasets.listing import only_images

from study.files import count, names


def known_side(config: dict, dataset: str) -> int | None:
    """Side of the images in pixels; None if it is known only from the images."""
    entry = _shaped(config, dataset)
    crop = entry.get("crop")
    return entry["side"] or (crop if isinstance(crop, int) else None)


def channels(config: dict, dataset: str) -> int:
    """Channels of the images: 3 if they keep their colors, else 1."""
    return 3 if _shaped(config, dataset).get("gray", "mean") is None else 1


def _shaped(config: dict, dataset: str) -> dict:
    """The entry that gives the shape of the images: the data set from which they are made."""
    entry = config["datasets"][dataset]
    return config["datasets"][entry["of"]] if "of" in entry else entry


def pattern(entry: dict) -> str | None:
    """Pattern of the names of a data set's files."""
    return "*.jpg" if entry["source"] == "celeba" else entry.get("match")


def root(config: dict, dataset: str) -> tuple[str, dict]:
    """Name and entry of the data set that `dataset` is a shuffled version of, or its own."""
    entry = config["datasets"][dataset]
    shuffled = entry["source"] == "shuffled"
    return (entry["of"], config["datasets"][entry["of"]]) if shuffled else (dataset, entry)


def is_private(config: dict, dataset: str) -> bool:
    """Whether no figure may show the images of a data set."""
    entry = config["datasets"][dataset]
    return entry.get("private", False) or ("of" in entry and is_private(config, entry["of"]))


def chosen_parts(entry: dict) -> dict[str, str | dict]:
    """The chosen parts of a data set, S1, S2 and test: the path of a list, a pattern, or the place
    of images of their own (`{path: ...}`)."""
    train, held_out = entry.get("train"), entry.get("held_out")
    found = {}
    if isinstance(train, str) and "{subset}" in train:
        found = {subset: train.replace("{subset}", subset) for subset in ("S1", "S2")}
    elif train is not None:
        found = {"S1": train}
    return found | ({} if held_out is None else {"test": held_out})


def chosen_count(entry: dict, part: str) -> int | None:
    """Number of images chosen for a part; None if it is known only once they are read.

    Raises:
        ChoiceError: a list cannot be read or, for a folder, a name or pattern matches no image.
    """
    by = chosen_parts(entry)[part]
    if isinstance(by, dict):
        return count(by["path"], only_images(names(by["path"]) or ()))
    found = names(entry["path"], pattern(entry))
    if found is None:
        return len(read(by)) if is_list(by) else None
    return len(chosen(found, by))


def places(entry: dict) -> dict[str, str]:
    """The paths of a data set's images that are in places of their own, by key."""
    keys = ("train", "held_out")
    return {k: entry[k]["path"] for k in keys if isinstance(entry.get(k), dict)}


def is_optimum(config: dict, denoiser: str) -> bool:
    """Whether a denoiser knows the distribution of the images, and so no training set."""
    return config["denoisers"][denoiser].get("reference") == "optimum"


def is_elsewhere(config: dict, denoiser: str) -> bool:
    """Whether a denoiser was trained, or its samples were drawn, elsewhere."""
    entry = config["denoisers"][denoiser]
    return "architecture" not in entry and "reference" not in entry


def is_drawn(config: dict, denoiser: str) -> bool:
    """Whether there is no denoiser, only samples drawn elsewhere."""
    return isinstance(config["denoisers"][denoiser].get("samples"), str)


def sampling(config: dict, denoiser: str) -> dict:
    """How samples of a denoiser are drawn; sd and sigma_max are None if it knows them itself."""
    entry, section = config["denoisers"][denoiser], config["samples"]
    own = {} if is_drawn(config, denoiser) else entry.get("samples", {})
    if "diffusers" in entry or entry.get("parametrization", "").startswith("vp-"):
        section = section | {"start": "paper"}
        section |= {} if "sd" in own else {"sd": None, "sigma_max": None}
    return section | own


def is_single(config: dict, denoiser: str) -> bool:
    """Whether there is only one denoiser for all subsets, so that it has no pair."""
    entry = config["denoisers"][denoiser]
    path = entry.get("weights") or entry.get("samples")
    return is_elsewhere(config, denoiser) and not (isinstance(path, str) and "{subset}" in path)


def steps(recipe: dict, N: int) -> int:
    """Gradient steps of a recipe, whose length is given as steps, images seen or epochs.

    Removes the latter two from it. An epoch is N images, repeated as often as they fit into `epoch`
    and at least once (`gahb.training.batches`).
    """
    seen, epochs = recipe.pop("images", None), recipe.pop("epochs", None)
    if epochs is not None:
        seen = epochs * N * max(1, recipe["epoch"] // N)
    return recipe["steps"] if seen is None else math.ceil(seen / recipe["batch"])
