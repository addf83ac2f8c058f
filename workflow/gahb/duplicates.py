"""Near-duplicates: images so alike that, one in each training set, they would fake generalization.

The rule is the paper's: images are pooled to 20 x 20 pixels, the mean of each is removed, and one
of two images with |cosine| above a threshold (0.95) is dropped. Here images are visited in order,
and an image is dropped if and only if it is too close to an earlier one that is kept: in a chain a
~ b ~ c with a and c far apart, only b is dropped. Blank images, flat at any gray level, are equal
once their mean is removed: they have cosine 1 with one another and 0 with others.

Mirrored images are compared at no extra cost. In a basis of images that are even or odd under the
mirror, <a, b> = <a_even, b_even> + <a_odd, b_odd>, and with the mirror image of b it is their
difference: the larger magnitude of the two is |<a_even, b_even>| + |<a_odd, b_odd>|.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator

import numpy as np
import torch

POOLED = 20
#: Rounding of a cosine in float32 is far below this; closer cases are decided in float64.
MARGIN = 1e-4
#: Images, and pixels, pooled at a time.
IMAGES, PIXELS = 2048, 2**24


def _pooling(length: int) -> np.ndarray:
    """Matrix that averages `length` pixels into POOLED equal parts, or fewer if there are fewer."""
    parts = min(length, POOLED)
    edges = np.linspace(0, length, parts + 1)
    pixel = np.arange(length)
    low = np.maximum(edges[:-1, None], pixel)
    high = np.minimum(edges[1:, None], pixel + 1)
    return (high - low).clip(0) * parts / length


def features(images: np.ndarray) -> np.ndarray:
    """Pooled images, mean removed, of norm 1: (image, feature) float32.

    The first feature is 1 for blank images, whose other features are 0, and 0 for all others. The
    last ones, `odd_features` in number, change sign in the mirror image.

    Args:
        images: (image, channel, y, x), bytes or floats; the channels are averaged.
    """
    gray = images.mean(1, dtype=np.float64) / (255 if images.dtype == np.uint8 else 1)
    height, width = (_pooling(length) for length in gray.shape[1:])
    parts = height @ gray @ width.T
    parts -= parts.mean((1, 2), keepdims=True)
    half = parts.shape[2] // 2
    left, right = parts[..., :half], parts[..., ::-1][..., :half]
    middle = parts[..., half : parts.shape[2] - half]
    even, odd = (left + right) / 2**0.5, (left - right) / 2**0.5
    parts = np.concatenate([v.reshape(len(v), -1) for v in (even, middle, odd)], 1)
    norm = np.linalg.norm(parts, axis=1, keepdims=True)
    flat = norm <= 1e-6 * parts.shape[1] ** 0.5  # also images that are flat once pooled
    unit = np.where(flat, 0, parts / np.where(flat, 1, norm))
    return np.concatenate([_blank(images)[:, None], unit], 1, dtype=np.float32)


def _blank(images: np.ndarray) -> np.ndarray:
    """Whether images (image, channel, y, x) are flat in each of their channels: (image,)."""
    spread = images.max((2, 3)) - images.min((2, 3))
    return (spread <= 1e-6).all(1)


def odd_features(shape: tuple[int, ...]) -> int:
    """Number of features, for images of a shape (..., y, x), that are odd under the mirror."""
    height, width = (min(length, POOLED) for length in shape[-2:])
    return height * (width // 2)


@contextlib.contextmanager
def pooled(images) -> Iterator[np.ndarray]:
    """The features of all images of a store, (image, feature), in a temporary file.

    Args:
        images: the variable (image, channel, y, x), which is read a block at a time.
    """
    width = features(images[:1].values).shape[1]
    with tempfile.TemporaryFile() as file:
        unit = np.memmap(file, np.float32, "w+", shape=(len(images), width))
        step = max(1, min(IMAGES, PIXELS // images[0].size))
        for start in range(0, len(images), step):
            unit[start : start + step] = features(images[start : start + step].values)
        yield unit


def near_duplicates(
    unit: np.ndarray,
    threshold: float,
    odd: int = 0,
    device: torch.device | str = "cpu",
    block: int = 2048,
    progress: Callable[[int], None] = lambda images: None,
) -> tuple[np.ndarray, ...]:
    """The images to drop, and the kept images that they duplicate.

    Every image is compared with every earlier kept one, block by block: the matrix of all cosines
    is never in memory. The result does not depend on the size of the blocks.

    Args:
        unit: `features`, in memory or not (a memory map).
        threshold: of |cosine|.
        odd: `odd_features`, to compare mirrored images, too; 0 to ignore them.
        device: where the cosines are computed.
        block: images compared with `block` others at a time.
        progress: called with the number of images in each finished block.

    Returns: dropped (drop,), increasing; duplicate_of (drop,), the first kept image that each is
        too close to; cosine (drop,) between the two; mirrored (drop,), whether it is between one
        and the mirror image of the other.
    """
    found = np.full(len(unit), -1)
    for start in range(0, len(unit), block):
        own = found[start : start + block]
        rows = torch.from_numpy(np.array(unit[start : start + block])).to(device)
        kept = np.flatnonzero(found[:start] < 0)
        for first in range(0, len(kept), block):
            others = kept[first : first + block]
            row, other = _close(rows, torch.from_numpy(unit[others]).to(device), threshold, odd)
            row, where = np.unique(row, return_index=True)
            new = own[row] < 0
            own[row[new]] = others[other[where[new]]]
        row, other = _close(rows, rows, threshold, odd)
        row, other = row[other < row], other[other < row]
        for i in np.unique(row):
            others = other[slice(*np.searchsorted(row, [i, i + 1]))]
            others = others[own[others] < 0]
            if own[i] < 0 and len(others):
                own[i] = start + others[0]
        progress(len(rows))
    dropped = np.flatnonzero(found >= 0)
    cosine, mirrored = either_way(*_exact(unit[dropped], unit[found[dropped]], odd))
    return dropped, found[dropped], cosine, mirrored


def products(a: torch.Tensor, b: torch.Tensor, odd: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Contributions of even and odd features to the cosines of all rows of a and b."""
    even = a.shape[1] - odd
    return a[:, :even] @ b[:, :even].T, a[:, even:] @ b[:, even:].T


def either_way(even, odd):
    """The cosine or, if its magnitude is larger, the cosine with the mirror image, and whether it
    is the latter."""
    mirrored = even * odd < 0
    return even + np.where(mirrored, -odd, odd), mirrored


def _close(
    a: torch.Tensor, b: torch.Tensor, threshold: float, odd: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (i, j) of rows with |cosine(a[i], b[j])| > threshold, ordered by i and j."""
    magnitude, of_odd = products(a, b, odd)
    magnitude.abs_().add_(of_odd.abs_())
    i, j = (magnitude > threshold - MARGIN).nonzero(as_tuple=True)
    close = magnitude[i, j] > threshold + MARGIN
    unsure = (~close).nonzero()[:, 0]
    for part in unsure.split(2**16):
        exact = _exact(a[i[part]].cpu().numpy(), b[j[part]].cpu().numpy(), odd)
        close[part] = torch.from_numpy(np.abs(exact).sum(0) > threshold).to(close.device)
    return i[close].cpu().numpy(), j[close].cpu().numpy()


def _exact(a: np.ndarray, b: np.ndarray, odd: int) -> np.ndarray:
    """Even and odd features' contributions to the cosine of a[i] and b[i], float64: (2, pair)."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    product, even = a * b, a.shape[1] - odd
    return np.stack([product[:, :even].sum(1), product[:, even:].sum(1)]) / norms
