"""C^alpha images: regular backgrounds on either side of a regular contour (section 3.2).

Contour: white noise on the columns, its Fourier coefficients times |k|^-alpha, gives the row at
which the background changes. Backgrounds: two-dimensional white noise, likewise. One, at random, is
scaled to [u, 1] and the other to [0, u'], u and u' ~ U(0, 1). The mask is blurred by a 2x2 box.
The optimal denoising error of such images is of order sigma^(2 alpha / (alpha + 1)).
"""

import numpy as np
import scipy.fft

from gahb import store
from gahb.datasets.base import Source

#: Images drawn together: as many as fit in the cache of a core.
AT_A_TIME = 16


def _power_law(noise: np.ndarray, alpha: float, dims: int) -> np.ndarray:
    """`noise` (..., side, ...) with its Fourier coefficients multiplied by |k|^-alpha.

    k is the integer frequency over the last `dims` axes; k = 0 is treated as 1.
    """
    side = noise.shape[-1]
    k2 = scipy.fft.rfftfreq(side, 1 / side) ** 2
    if dims == 2:
        k2 = k2 + scipy.fft.fftfreq(side, 1 / side)[:, None] ** 2
    gain = (np.where(k2 == 0, 1, k2) ** (-alpha / 2)).astype(np.float32)
    axes = tuple(range(-dims, 0))
    return scipy.fft.irfftn(scipy.fft.rfftn(noise, axes=axes) * gain, s=(side,) * dims, axes=axes)


def _scale(images: np.ndarray, low, high) -> np.ndarray:
    """Each image scaled affinely, in place, so that its extremes are `low` and `high`."""
    least = images.min((1, 2), keepdims=True)
    gain = (high - low) / (images.max((1, 2), keepdims=True) - least)
    images *= gain
    images += low - gain * least
    return images


def contours(noise: np.ndarray, alpha: float) -> np.ndarray:
    """Row at which the background changes in each column: (image, side), integers."""
    side = noise.shape[-1]
    return np.rint(side * _power_law(noise, alpha, 1)).astype(np.int64) + side // 2


def draw(seed: int, index: np.ndarray, side: int, alpha: float) -> np.ndarray:
    """The C^alpha images of these indices: (image, 1, side, side), float32 in [0, 1].

    An image depends on seed, index, side and alpha alone.
    """
    images = np.empty((len(index), side, side), np.float32)
    for start in range(0, len(index), AT_A_TIME):
        part = slice(start, start + AT_A_TIME)
        _draw(images[part], seed, index[part], alpha)
    return images[:, None]


def rows(seed: int, count: int, side: int, alpha: float) -> np.ndarray:
    """Contours of the first `count` images, as `contours` gives them: (image, side), int16."""
    noise = np.empty((count, 3 + side), np.float32)
    for i, row in enumerate(noise):  # the first of the numbers that `draw` takes
        np.random.Generator(np.random.SFC64([seed, i])).random(out=row, dtype=np.float32)
    found = contours(2 * noise[:, 3:] - 1, alpha)
    return found.clip(-side, 2 * side).astype(np.int16)  # outside, all rows are equal


def _draw(images: np.ndarray, seed: int, index: np.ndarray, alpha: float) -> None:
    side = images.shape[-1]
    numbers = np.empty((len(index), 2 * side * side + side + 3), np.float32)
    for row, i in zip(numbers, index, strict=True):
        np.random.Generator(np.random.SFC64([seed, int(i)])).random(out=row, dtype=np.float32)
    swap, low, high = numbers[:, :3].T[:, :, None, None]
    noise = numbers[:, 3:]
    noise *= 2
    noise -= 1
    backgrounds = _power_law(noise[:, side:].reshape(-1, 2, side, side), alpha, 2)
    bright, dark = _scale(backgrounds[:, 0], low, 1), _scale(backgrounds[:, 1], 0, high)
    # How many of the four pixels of the box lie below the contour.
    below = np.arange(side)[:, None] >= contours(noise[:, :side], alpha)[:, None, :]
    below = np.pad(below.view(np.uint8), ((0, 0), (1, 0), (1, 0)), mode="edge")
    below = below[:, 1:] + below[:, :-1]
    below = below[:, :, 1:] + below[:, :, :-1]
    np.multiply(np.where(swap < 0.5, below, 4 - below), np.float32(0.25), out=images)
    bright -= dark
    images *= bright
    images += dark


def calpha(*, alpha: float, side: int, images: int, seed: int) -> Source:
    """A source of `images` C^alpha images."""

    def read(start, stop):
        return draw(seed, np.arange(start, stop), side, alpha)

    contour = store.variable(
        ("image", "x"), rows(seed, images, side, alpha), "row at which the background changes"
    )
    origin = f"C^alpha images, alpha = {alpha:g}"
    return Source(images, read, origin, distribution={"contour": contour})
