"""The images that train the first network, the second network, and those that test both.

S1 is the first N of the shuffled images and S2 the last N, so that the set of a smaller N is inside
the set of a larger one. Images cut from one picture stay in one part. Pictures may be so few and so
different that random parts differ by decibels: among many divisions of the pictures, the one whose
parts are most equally difficult to denoise is chosen.
"""

import dataclasses

import numpy as np
import scipy.fft

#: Divisions of the pictures that are compared, the input PSNRs in dB at which they are compared,
#: and images whose difficulty is computed at a time.
DIVISIONS, INPUT_PSNR, BLOCK = 2000, (10, 15, 20, 25, 30), 1024


@dataclasses.dataclass(frozen=True)
class Split:
    """Indices of images in the order in which they are used: a training set is the first N.

    test: the test set. S1: every other image, so that a single network may train on all of them.
    S2: as many images as each network of a pair can have: for N <= len(S2) the first N of S1 and
    the first N of S2 are disjoint. Empty where S1 alone was chosen.
    """

    S1: np.ndarray
    S2: np.ndarray
    test: np.ndarray


class TooFewImages(Exception):
    """The data set has too few images for the request."""


def split(
    count: int,
    test: int | None,
    seed: int,
    group: np.ndarray | None = None,
    dropped: np.ndarray | None = None,
    difficulty: np.ndarray | None = None,
    kind: str = "picture",
) -> Split:
    """Shuffle `count` images and divide them.

    Args:
        count: number of images.
        test: number of test images; None if all are, and no network trains on any.
        seed: seed of the shuffle.
        group: (count,) picture from which each image was cut; no picture is divided.
        dropped: indices of images that are left out.
        difficulty: (count, measure), from `difficulties`; its means over the parts are balanced.
            Only used with `group`; None takes the first division.
        kind: word for a group in errors.

    Raises:
        TooFewImages: the data set cannot give `test` test images and two training sets.
    """
    order = np.random.default_rng(seed).permutation(count)
    left_out = ""
    if dropped is not None:
        order = order[~np.isin(order, dropped)]
        left_out = f" ({count - len(order)} near-duplicates are left out)"
    if test is None:
        return Split(order[:0], order[:0], order)
    if len(order) < test + 2:
        raise TooFewImages(
            f"{len(order)} images are too few for a test set of {test} and two training sets"
            f"{left_out}"
        )
    if group is None:
        held, rest = order[:test], order[test:]
        return Split(rest, rest[::-1][: len(rest) // 2], held)
    part = _parts(group[order], test, seed, None if difficulty is None else difficulty[order])
    side = part[group[order]]
    first, second, held = (order[side == s] for s in range(3))
    if len(held) < test or not len(first) or not len(second):
        raise TooFewImages(
            f"{len(order)} images of {group.max() + 1} {kind}s are too few for a test set of "
            f"{test} and two training sets that share no {kind}{left_out}"
        )
    pairs = min(len(first), len(second))
    return Split(np.concatenate([first, second]), second[:pairs], held[:test])


def around(
    count: int,
    chosen: dict[str, np.ndarray],
    test: int,
    seed: int,
    dropped: np.ndarray | None = None,
    duplicate_of: np.ndarray | None = None,
) -> Split:
    """A split with some parts chosen; the others are drawn from the remaining images.

    Chosen images are kept even if they are near-duplicates of one another. Their near-duplicates
    are not drawn for any other part.

    Args:
        count: number of images.
        chosen: indices by part: "S1", "S2" with it, "test", or several. With S1 alone there is
            no S2.
        test: number of test images, if they are not chosen; 0 if there are none.
        seed: seed of the shuffle.
        dropped, duplicate_of: indices of near-duplicates, and of the images that they are too
            close to.

    Raises:
        TooFewImages: fewer than `test` images are left or, if S1 is drawn, fewer than two more.
    """
    order = np.random.default_rng(seed).permutation(count)
    taken = np.concatenate([*chosen.values()])
    if dropped is not None:
        taken = np.concatenate([taken, dropped, duplicate_of[np.isin(dropped, taken)]])
    rest = order[~np.isin(order, taken)]
    held = chosen.get("test", rest[:test])
    if ("test" not in chosen and len(held) < test) or ("S1" not in chosen and len(rest) < 2):
        raise TooFewImages(
            f"of {count} images {len(order) - len(np.unique(taken))} are neither chosen nor "
            f"near-duplicates, too few for a test set of {test}"
            + ("" if "S1" in chosen else " and two training sets")
            + "; `held_out` names test images, or is null where there are none"
        )
    if "S1" in chosen:
        return Split(chosen["S1"], chosen.get("S2", order[:0]), held)
    return Split(rest, rest[::-1][: len(rest) // 2], held)


def _parts(group: np.ndarray, test: int, seed: int, difficulty: np.ndarray | None) -> np.ndarray:
    """Part of each picture: 0 and 1 for S1 and S2, 2 for the test set.

    Among many divisions, the one whose parts are most alike: the largest difference of a mean
    difficulty between two parts is smallest. Only divisions that leave a pair of networks at least
    9/10 of the largest possible number of images are considered.
    """
    sizes = np.bincount(group, minlength=group.max() + 1)

    def division(k: int) -> np.ndarray:
        return _division(sizes, test, np.random.default_rng([seed, k] if k else seed))

    if difficulty is None:
        return division(0)
    totals = np.stack([np.bincount(group, column, len(sizes)) for column in difficulty.T], 1)
    unlike, pair = np.empty((2, DIVISIONS))
    for k in range(DIVISIONS):
        member = division(k) == np.arange(3)[:, None]
        images = member @ sizes
        means = (member @ totals) / np.maximum(images, 1)[:, None]
        unlike[k], pair[k] = np.ptp(means, axis=0).max(), images[:2].min()
    return division(np.argmin(np.where(pair >= 0.9 * pair.max(), unlike, np.inf)))


def _division(sizes: np.ndarray, test: int, rng: np.random.Generator) -> np.ndarray:
    """Part of each picture: 2 (test) until there are `test` images, then 0 and 1, evened out."""
    part = np.empty(len(sizes), int)
    filled = [0, 0, 0]
    for picture in rng.permutation(len(sizes)):
        where = 2 if filled[2] < test else int(filled[1] < filled[0])
        part[picture] = where
        filled[where] += sizes[picture]
    return part


def difficulties(images) -> np.ndarray:
    """How well each image can be denoised: (image, measure), PSNRs in dB.

    At each of `INPUT_PSNR`, the expected PSNRs of two denoisers that keep the mean of an image and
    shrink its cosine coefficients c_k: Wiener's, by factors E c_k^2 / (E c_k^2 + sigma^2) from all
    images, and the oracle's, by c_k^2 / (c_k^2 + sigma^2) from the image itself. A network adapts
    more than the first and less than the second.

    Args:
        images: (image, channel, y, x), bytes or floats, an array or an object that gives one for a
            slice.
    """

    def energies():
        for start in range(0, len(images), BLOCK):
            block = np.asarray(images[start : start + BLOCK])
            values = np.float32(block) / (255 if block.dtype == np.uint8 else 1)
            energy = np.square(scipy.fft.dctn(values, axes=(2, 3), norm="ortho"))
            energy[:, :, 0, 0] = 1e9  # the mean is far above the noise
            yield energy.reshape(len(block), -1)

    spectrum = sum(energy.sum(0, dtype=float) for energy in energies()) / len(images)
    found = []
    for energy in energies():
        errors = []
        for variance in 10 ** (-np.array(INPUT_PSNR) / 10):
            kept = spectrum / (spectrum + variance)
            errors.append(((1 - kept) ** 2 * energy + kept**2 * variance).mean(1))
            errors.append((energy * variance / (energy + variance)).mean(1))
        found.append(-10 * np.log10(errors).T)
    return np.concatenate(found)


def check(split: Split, count: int, group: np.ndarray | None = None) -> None:
    """Raise ValueError unless indices are of `count` images, none twice in a part, and the test set
    and the two sets of every pair share no image nor, with `group`, a picture."""
    for name, part in vars(split).items():
        if len(np.unique(part)) != len(part) or not np.isin(part, np.arange(count)).all():
            raise ValueError(
                f"{name} of the split repeats an image, or holds one that is not there"
            )
    pair = split.S1[: len(split.S2)]
    for a, b in ((pair, split.S2), (split.S1, split.test), (split.S2, split.test)):
        if np.isin(a, b).any() or (group is not None and np.isin(group[a], group[b]).any()):
            raise ValueError("two parts of the split share an image or a picture")
