"""What entries of the config say, where more than one module asks."""

import difflib
import math
from collections.abc import Iterable


def closest(name: str, allowed: Iterable[str]) -> str:
    """The end of a message about a name that does not exist: what was meant, or what there is."""
    allowed = list(allowed)
    close = difflib.get_close_matches(name, allowed, 1)
    return f"; did you mean {close[0]!r}?" if close else f"; allowed are {', '.join(allowed)}"


def known_side(entry: dict) -> int | None:
    """Side of the images in pixels; None if only the images tell."""
    crop = entry.get("crop")
    return entry["side"] or (crop if isinstance(crop, int) else None)


def channels(entry: dict) -> int:
    """Channels of the images: 3 if they keep their colours, else 1."""
    return 3 if entry.get("gray", "mean") is None else 1


def root(config: dict, dataset: str) -> tuple[str, dict]:
    """Name and entry of the data set that `dataset` is a shuffled version of, or its own."""
    entry = config["datasets"][dataset]
    return (entry["of"], config["datasets"][entry["of"]]) if "of" in entry else (dataset, entry)


def steps(recipe: dict) -> int:
    """Gradient steps of a recipe, whose length is given as steps, images seen or epochs.

    Takes the latter two out of it.
    """
    seen, epochs = recipe.pop("images", None), recipe.pop("epochs", None)
    if epochs is not None:
        seen = epochs * recipe["epoch"]
    return recipe["steps"] if seen is None else math.ceil(seen / recipe["batch"])
