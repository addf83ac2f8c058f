"""Questions about entries of the config that more than one module asks."""

import math


def known_side(config: dict, dataset: str) -> int | None:
    """Side of the images in pixels; None if only the images tell."""
    entry = _shaped(config, dataset)
    crop = entry.get("crop")
    return entry["side"] or (crop if isinstance(crop, int) else None)


def channels(config: dict, dataset: str) -> int:
    """Channels of the images: 3 if they keep their colours, else 1."""
    return 3 if _shaped(config, dataset).get("gray", "mean") is None else 1


def _shaped(config: dict, dataset: str) -> dict:
    """The entry that says which shape the images have: of the data set that they are made from."""
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


def is_optimum(config: dict, denoiser: str) -> bool:
    """Whether a denoiser knows the distribution of the images, and so no training set."""
    return config["denoisers"][denoiser].get("reference") == "optimum"


def is_single(config: dict, denoiser: str) -> bool:
    """Whether there is one denoiser whatever the subset, so that no pair can be made of it."""
    entry = config["denoisers"][denoiser]
    elsewhere = "function" in entry or "diffusers" in entry
    return elsewhere or ("weights" in entry and "{subset}" not in entry["weights"])


def steps(recipe: dict, N: int) -> int:
    """Gradient steps of a recipe, whose length is given as steps, images seen or epochs.

    Takes the latter two out of it. An epoch is N images as often as they fit into `epoch`, once at
    least (`gahb.training.batches`).
    """
    seen, epochs = recipe.pop("images", None), recipe.pop("epochs", None)
    if epochs is not None:
        seen = epochs * N * max(1, recipe["epoch"] // N)
    return recipe["steps"] if seen is None else math.ceil(seen / recipe["batch"])
