"""Which images train the first network, which the second, and which test both (section 3).

S1 is the first N of the shuffled images and S2 the last N, so that the set of a smaller N is inside
that of a larger one. Images cut from one picture stay on one side.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Split:
    """Indices of images in the order in which they are used: a training set is the first N.

    S1, S2: the two training sides. test: the test set. All disjoint.
    """

    S1: np.ndarray
    S2: np.ndarray
    test: np.ndarray


class TooFewImages(Exception):
    """The data set cannot give what was asked of it."""


def split(count: int, test: int, seed: int, group: np.ndarray | None = None) -> Split:
    """Shuffle `count` images and divide them.

    Args:
        count: number of images.
        test: number of test images.
        seed: of the shuffle.
        group: (count,) picture that each image was cut from; no picture is divided.

    Raises:
        TooFewImages: the data set cannot give `test` test images and two sides.
    """
    order = np.random.default_rng(seed).permutation(count)
    if group is None:
        if count < test + 2:
            raise TooFewImages(f"{count} images are too few for a test set of {test} and two sides")
        held, rest = order[:test], order[test:]
        half = len(rest) // 2
        return Split(rest[:half], rest[half:][::-1], held)
    part = _parts(np.bincount(group), test, seed)
    side = part[group[order]]
    held = order[side == 2]
    if len(held) < test or not (side == 0).any() or not (side == 1).any():
        raise TooFewImages(
            f"{count} images of {group.max() + 1} pictures are too few for a test set of {test} "
            "and two sides that share no picture"
        )
    return Split(order[side == 0], order[side == 1], held[:test])


def _parts(sizes: np.ndarray, test: int, seed: int) -> np.ndarray:
    """Part of each picture: 2 (test) until there are `test` images, then 0 and 1, evened out."""
    part = np.empty(len(sizes), int)
    filled = [0, 0, 0]
    for picture in np.random.default_rng(seed).permutation(len(sizes)):
        where = 2 if filled[2] < test else int(filled[1] < filled[0])
        part[picture] = where
        filled[where] += sizes[picture]
    return part


def check_disjoint(split: Split, group: np.ndarray | None = None) -> None:
    """Raise ValueError if two parts share an image or, with `group`, a picture."""
    for name, labels in (("image", None), ("picture", group)):
        if name == "picture" and group is None:
            continue
        parts = [
            np.unique(p if labels is None else labels[p]) for p in (split.S1, split.S2, split.test)
        ]
        together = np.concatenate(parts)
        if len(np.unique(together)) != len(together):
            raise ValueError(f"two parts of the split share a {name}")
