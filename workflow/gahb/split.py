"""Which images train the first network, which the second, and which test both.

S1 is the first N of the shuffled images and S2 the last N, so that the set of a smaller N is inside
that of a larger one. Images cut from one picture stay on one side.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Split:
    """Indices of images in the order in which they are used: a training set is the first N.

    test: the test set. S1: every other image, so that a single network may train on all of them.
    S2: as many as a pair of networks can have each: for N <= len(S2) the first N of S1 and the
    first N of S2 are disjoint.
    """

    S1: np.ndarray
    S2: np.ndarray
    test: np.ndarray


class TooFewImages(Exception):
    """The data set cannot give what was asked of it."""


def split(
    count: int,
    test: int,
    seed: int,
    group: np.ndarray | None = None,
    dropped: np.ndarray | None = None,
) -> Split:
    """Shuffle `count` images and divide them.

    Args:
        count: number of images.
        test: number of test images.
        seed: of the shuffle.
        group: (count,) picture that each image was cut from; no picture is divided.
        dropped: indices of images that are left out.

    Raises:
        TooFewImages: the data set cannot give `test` test images and two sides.
    """
    order = np.random.default_rng(seed).permutation(count)
    left_out = ""
    if dropped is not None:
        order = order[~np.isin(order, dropped)]
        left_out = f" ({count - len(order)} near-duplicates are left out)"
    if group is None:
        if len(order) < test + 2:
            raise TooFewImages(
                f"{len(order)} images are too few for a test set of {test} and two sides{left_out}"
            )
        held, rest = order[:test], order[test:]
        return Split(rest, rest[::-1][: len(rest) // 2], held)
    part = _parts(np.bincount(group[order], minlength=group.max() + 1), test, seed)
    side = part[group[order]]
    first, second, held = (order[side == s] for s in range(3))
    if len(held) < test or not len(first) or not len(second):
        raise TooFewImages(
            f"{len(order)} images of {group.max() + 1} pictures are too few for a test set of "
            f"{test} and two sides that share no picture{left_out}"
        )
    pairs = min(len(first), len(second))
    return Split(np.concatenate([first, second]), second[:pairs], held[:test])


def _parts(sizes: np.ndarray, test: int, seed: int) -> np.ndarray:
    """Part of each picture: 2 (test) until there are `test` images, then 0 and 1, evened out."""
    part = np.empty(len(sizes), int)
    filled = [0, 0, 0]
    for picture in np.random.default_rng(seed).permutation(len(sizes)):
        where = 2 if filled[2] < test else int(filled[1] < filled[0])
        part[picture] = where
        filled[where] += sizes[picture]
    return part


def check(split: Split, count: int, group: np.ndarray | None = None) -> None:
    """Raise ValueError unless indices are of `count` images, none twice in a part, and the test set
    and the sides of every pair share no image nor, with `group`, a picture."""
    for name, part in vars(split).items():
        if len(np.unique(part)) != len(part) or not np.isin(part, np.arange(count)).all():
            raise ValueError(
                f"{name} of the split repeats an image, or holds one that is not there"
            )
    pair = split.S1[: len(split.S2)]
    for a, b in ((pair, split.S2), (split.S1, split.test), (split.S2, split.test)):
        if np.isin(a, b).any() or (group is not None and np.isin(group[a], group[b]).any()):
            raise ValueError("two parts of the split share an image or a picture")
