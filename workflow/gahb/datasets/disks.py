"""Disks: a five-dimensional curved manifold of images (section 3.2 of the paper).

Center (2), radius and the intensities of disk and background are uniform; the disk lies inside the
image and its edge is antialiased. At small noise the optimal denoiser projects onto the tangent
space: mean squared error 5 sigma^2 / d.
"""

import numpy as np

from gahb.datasets.base import Source

#: Ranges of the parameters: center and radius as fractions of the side, and intensities.
RANGES = {
    "row": (0.3, 0.7),
    "column": (0.3, 0.7),
    "radius": (0.1, 0.25),
    "disk": (0.0, 1.0),
    "background": (0.0, 1.0),
}


def parameters(seed: int, index: np.ndarray) -> np.ndarray:
    """Parameters of these disks, in the order of RANGES: (image, 5). Lengths in sides."""
    low, high = np.array(list(RANGES.values())).T
    uniform = [np.random.Generator(np.random.SFC64([seed, int(i)])).random(5) for i in index]
    return low + (high - low) * np.array(uniform).reshape(-1, 5)


def render(values: np.ndarray, side: int) -> np.ndarray:
    """Images of disks with these parameters (image, 5): (image, 1, side, side), float32.

    A pixel's coverage is the signed distance from its center to the edge, clipped to one pixel.
    """
    row, column, radius, disk, background = np.asarray(values, np.float32).T[:, :, None, None]
    grid = np.arange(side, dtype=np.float32) + 0.5
    distance = np.hypot(grid[:, None] - side * row, grid - side * column)
    coverage = np.clip(side * radius - distance + 0.5, 0, 1)
    return (background + (disk - background) * coverage)[:, None].astype(np.float32)


def disks(*, side: int, images: int, seed: int) -> Source:
    """A source of `images` disks."""

    def read(start, stop):
        return render(parameters(seed, np.arange(start, stop)), side)

    return Source(images, read, "disks of uniform centre, radius and intensities")
