"""Near-duplicates: images so alike that, one in each training set, they would fake generalization.

The rule is the paper's: images are pooled to 20 x 20 pixels, the mean of each is removed, and of
two with |cosine| above a threshold (0.95) one is dropped. Here images are gone through in order,
and one is dropped if and only if it is too close to an earlier one that is kept: of a chain
a ~ b ~ c with a and c far apart, only b is dropped.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator

import numpy as np
import torch

POOLED = 20
#: Rounding of a cosine in float32 is far below this; closer calls are decided in float64.
MARGIN = 1e-4
#: Images, and pixels, that are pooled at a time.
IMAGES, PIXELS = 2048, 2**24


def _pooling(length: int) -> np.ndarray:
    """Matrix that averages `length` pixels to POOLED equal parts, or fewer if there are fewer."""
    parts = min(length, POOLED)
    edges = np.linspace(0, length, parts + 1)
    pixel = np.arange(length)
    low = np.maximum(edges[:-1, None], pixel)
    high = np.minimum(edges[1:, None], pixel + 1)
    return (high - low).clip(0) * parts / length


def features(images: np.ndarray) -> np.ndarray:
    """Pooled images, mean removed, of norm 1: (image, feature) float32. Blank images become 0.

    Args:
        images: (image, channel, y, x), bytes or floats; the channels are averaged.
    """
    gray = images.mean(1, dtype=np.float64) / (255 if images.dtype == np.uint8 else 1)
    height, width = (_pooling(length) for length in gray.shape[1:])
    parts = (height @ gray @ width.T).reshape(len(images), -1)
    parts -= parts.mean(1, keepdims=True)
    norm = np.linalg.norm(parts, axis=1, keepdims=True)
    blank = norm <= 1e-6 * parts.shape[1] ** 0.5
    return np.where(blank, 0, parts / np.where(blank, 1, norm)).astype(np.float32)


@contextlib.contextmanager
def pooled(images) -> Iterator[np.ndarray]:
    """The features of all images of a store, (image, feature), in a file that goes at the end.

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
    device: torch.device | str = "cpu",
    block: int = 2048,
    progress: Callable[[int], None] = lambda images: None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which images are dropped, and for which.

    Every pair of an image and an earlier kept one is compared, block by block: the matrix of all
    cosines is never held. The result does not depend on the size of the blocks.

    Args:
        unit: `features`, in memory or not (a memory map).
        threshold: of |cosine|.
        device: where the cosines are computed.
        block: images compared with `block` others at a time.
        progress: called with the number of images of each block that is done.

    Returns: dropped (drop,), increasing; duplicate_of (drop,), the first kept image that each is
        too close to; cosine (drop,) between the two.
    """
    found = np.full(len(unit), -1)
    for start in range(0, len(unit), block):
        own = found[start : start + block]
        rows = torch.from_numpy(np.array(unit[start : start + block])).to(device)
        kept = np.flatnonzero(found[:start] < 0)
        for first in range(0, len(kept), block):
            others = kept[first : first + block]
            row, other = _close(rows, torch.from_numpy(unit[others]).to(device), threshold)
            row, where = np.unique(row, return_index=True)
            new = own[row] < 0
            own[row[new]] = others[other[where[new]]]
        row, other = _close(rows, rows, threshold)
        row, other = row[other < row], other[other < row]
        for i in np.unique(row):
            others = other[slice(*np.searchsorted(row, [i, i + 1]))]
            others = others[own[others] < 0]
            if own[i] < 0 and len(others):
                own[i] = start + others[0]
        progress(len(rows))
    dropped = np.flatnonzero(found >= 0)
    return dropped, found[dropped], _cosine(unit[dropped], unit[found[dropped]])


def _close(a: torch.Tensor, b: torch.Tensor, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (i, j) of rows with |cosine(a[i], b[j])| > threshold, ordered by i and j."""
    magnitude = (a @ b.T).abs_()
    i, j = (magnitude > threshold - MARGIN).nonzero(as_tuple=True)
    close = magnitude[i, j] > threshold + MARGIN
    unsure = (~close).nonzero()[:, 0]
    for part in unsure.split(2**16):
        exact = _cosine(a[i[part]].cpu().numpy(), b[j[part]].cpu().numpy())
        close[part] = torch.from_numpy(np.abs(exact) > threshold).to(close.device)
    return i[close].cpu().numpy(), j[close].cpu().numpy()


def _cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine between a[i] and b[i] in float64."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.einsum("ij,ij->i", a, b) / norms
