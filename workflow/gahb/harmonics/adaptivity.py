"""Adaptive: whether an image has fewer coefficients in the basis of its own noisy version.

n(i, j) is the number of coefficients that hold 95 % of the energy of image j, without its mean, in
the basis of image i. With geometric means over images j, and over the bases i of other images,

adaptive = 1 - mean_j n(j, j) / mean_j mean_{i != j} n(i, j):

0 if bases know nothing about their images, close to 1 if they are adapted. The null gives the
images each other's bases.
"""

import itertools
import math

import numpy as np

#: Fraction of the energy that the coefficients hold.
ENERGY = 0.95


def centred(images: np.ndarray) -> np.ndarray:
    """Images (image, channel, y, x) minus the mean of each channel, in float64."""
    images = np.asarray(images, float)
    return images - images.mean((-2, -1), keepdims=True)


def needed(coefficients: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """Number of the largest coefficients that hold `ENERGY` of each image: (image,), floats.

    NaN if all of them hold less, which can happen in part of a basis. A blank image needs 1.

    Args:
        coefficients: (rank, image).
        energies: (image,), sums of squares of the images.
    """
    held = np.cumsum(np.sort(np.square(coefficients), 0)[::-1], 0)
    # Slightly less, so that rounding does not require one more.
    enough = held >= (ENERGY - 1e-9) * energies
    return np.where(enough.any(0), enough.argmax(0) + 1.0, np.nan)


def decay(coefficients: np.ndarray, pixels: int) -> np.ndarray:
    """Exponent g of the sorted squares c_(k)^2 ~ k^-g of each image: (image,).

    Least squares of log c^2 on log k, k evenly spaced in log k from 3 to a 16th of the pixels. In a
    basis that is optimal for C^alpha images, theory predicts g = alpha + 1. NaN where c vanishes
    there.

    Args:
        coefficients: (rank, image).
        pixels: number of pixels of an image.
    """
    last = min(max(pixels // 16, 8), len(coefficients))
    rank = np.unique(np.geomspace(min(3, last), last, 30).round().astype(int))
    if len(rank) < 2:
        return np.full(coefficients.shape[1], np.nan)
    squares = np.sort(np.square(coefficients), 0)[::-1]
    # Rounding errors are not coefficients.
    some = (squares[rank - 1] > 1e-24 * squares[0]).all(0)
    logs = np.log(np.where(some, squares[rank - 1], 1))
    return np.where(some, -np.polyfit(np.log(rank), logs, 1)[0], np.nan)


def adaptive(counts: np.ndarray, order=None) -> float:
    """The measure above; NaN for a single image, or if a count is missing.

    Args:
        counts: n(i, j), (of, image).
        order: the basis that each image is given; by default its own.
    """
    images = len(counts)
    if images < 2:
        return math.nan
    logs = np.log(counts)
    own = logs[np.arange(images) if order is None else order, np.arange(images)]
    others = (logs.sum(0) - np.diag(logs)) / (images - 1)
    return float(1 - np.exp((own - others).mean()))


def swapped(counts: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """`adaptive` for images that are given each other's bases: (draw,).

    All permutations but the identity if there are no more of them than draws; NaN for a single
    image.
    """
    images = len(counts)
    if math.factorial(images) - 1 <= draws:
        orders = list(itertools.permutations(range(images)))[1:]
    else:
        generator = np.random.default_rng(seed)
        orders = [generator.permutation(images) for _ in range(draws)]
    found = [adaptive(counts, np.array(order)) for order in orders]
    return np.array(found + [math.nan] * (draws - len(found)))
