"""Patches of the photographs that ship inside scikit-image: real pictures, no download."""

import numpy as np
import skimage
from skimage import data, transform, util

from gahb.datasets.base import Source

PICTURES = (
    "astronaut", "brick", "camera", "chelsea", "coffee", "coins", "grass", "gravel",
    "motorcycle", "rocket",
)  # fmt: skip


def picture(name: str) -> np.ndarray:
    """A bundled photograph as gray uint8 (y, x): the mean of its channels."""
    image = data.stereo_motorcycle()[0] if name == "motorcycle" else getattr(data, name)()
    return image if image.ndim == 2 else np.rint(image.mean(2)).astype(np.uint8)


def patches(image: np.ndarray, side: int, stride: int, scales) -> np.ndarray:
    """All patches of a gray uint8 image, rescaled (antialiased, bicubic) by each of `scales`.

    Returns (patch, 1, side, side) uint8, ordered by scale, row and column.
    """
    found = []
    for scale in scales:
        scaled = transform.rescale(image / 255, scale, order=3, anti_aliasing=scale < 1)
        scaled = np.rint(255 * scaled.clip(0, 1)).astype(np.uint8)
        if min(scaled.shape) >= side:
            windows = util.view_as_windows(scaled, side, stride)
            found.append(windows.reshape(-1, 1, side, side))
    return np.concatenate(found) if found else np.empty((0, 1, side, side), np.uint8)


def photographs(*, side: int, stride: int, scales: list[float], seed: int) -> Source:
    """Patches of all the bundled photographs; `group` is the photograph."""
    cut = [patches(picture(name), side, stride, scales) for name in PICTURES]
    group = np.repeat(np.arange(len(cut)), [len(c) for c in cut])
    images = np.concatenate(cut)
    return Source(
        len(images),
        lambda start, stop: images[start:stop],
        f"photographs of scikit-image {skimage.__version__}",
        group,
        PICTURES,
    )
