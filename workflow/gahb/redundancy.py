"""The redundancy of images: clusters of near-duplicates, and pairs across the split.

A network that knows a test image from a near-duplicate in its training set seems to generalize; a
network trained on ten copies of an image memorizes it sooner than the others. Two images are
near-duplicates by the rule of `gahb.duplicates`: |cosine| above a threshold, pooled and
mean-removed, so that brightness and contrast do not count, with or without mirroring.
"""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gahb.duplicates import either_way, products

#: Rounding of a cosine in single precision: no two images that `gahb.duplicates` keeps exceed the
#: threshold by more.
ROUNDING = 1e-6
#: Number of pairs across the split that are listed, closest first; all are counted.
MOST = 1000


@dataclasses.dataclass
class Redundancy:
    """Clusters of near-duplicates, and pairs across the split.

    cluster: (image,), the first image of each image's cluster, itself if it is alone: clusters are
        the connected components of near-duplicate pairs.
    pairs: (part, part), symmetric: the near-duplicate pairs with one image in each of two parts.
    crossing: (pair, 2), the closest pairs between different parts, as indices of images, and their
    """

    cluster: np.ndarray
    pairs: np.ndarray
    crossing: np.ndarray
    cosine: np.ndarray
    mirrored: np.ndarray

    @property
    def across(self) -> int:
        """Number of pairs across two sides."""
        return int(np.triu(self.pairs, 1).sum())


def redundancy(
    unit: np.ndarray,
    parts: list[np.ndarray],
    threshold: float,
    odd: int = 0,
    device: torch.device | str = "cpu",
    block: int = 2048,
    progress: Callable[[int], None] = lambda images: None,
) -> Redundancy:
    """Compare all pairs of images, block by block.

    Args:
        unit: `gahb.duplicates.features` of the images, in memory or not.
        parts: indices of the images of each side; an image may be on at most one.
        threshold: of |cosine|.
        odd: `gahb.duplicates.odd_features`, to compare mirrored images, too, or 0.
        device: where cosines are computed.
        block: images compared with `block` others at a time.
        progress: called with the number of images in each finished block.
    """
    side = np.full(len(unit), -1)
    for number, part in enumerate(parts):
        side[part] = number
    cluster = np.arange(len(unit))
    pairs = np.zeros((len(parts), len(parts)), int)
    crossing, cosine, mirrored = np.empty((0, 2), int), np.empty(0, np.float32), np.empty(0, bool)
    for first, second, found, turned in _near_pairs(unit, threshold, odd, device, block, progress):
        cluster = _joined(cluster, first, second)
        a, b = side[first], side[second]
        used = (a >= 0) & (b >= 0)
        np.add.at(pairs, (a[used], b[used]), 1)
        across = used & (a != b)
        crossing = np.concatenate([crossing, np.stack([first, second], 1)[across]])
        cosine = np.concatenate([cosine, found[across]])
        mirrored = np.concatenate([mirrored, turned[across]])
        order = np.lexsort((*crossing.T, -np.abs(cosine)))[:MOST]
        crossing, cosine, mirrored = crossing[order], cosine[order], mirrored[order]
    both_ways = pairs + pairs.T - np.diag(np.diag(pairs))
    return Redundancy(cluster, both_ways, crossing, cosine, mirrored)


def different(cluster: np.ndarray, part: np.ndarray | slice = slice(None)) -> int:
    """Effective number of images of a part: near-duplicates count once, a cluster as one image."""
    return len(np.unique(cluster[part]))


def _near_pairs(unit, threshold, odd, device, block, progress) -> Iterator[tuple[np.ndarray, ...]]:
    """(i, j, cosine, mirrored) of the pairs i < j above the threshold, in batches."""
    for start in range(0, len(unit), block):
        rows = torch.from_numpy(np.array(unit[start : start + block])).to(device)
        for before in range(0, start + 1, block):
            others = torch.from_numpy(np.array(unit[before : before + block])).to(device)
            even, of_odd = products(rows, others, odd)
            close = even.abs() + of_odd.abs() > threshold + ROUNDING
            if before == start:
                close.tril_(-1)
            i, j = close.nonzero(as_tuple=True)
            if len(i):
                pair = before + j.cpu().numpy(), start + i.cpu().numpy()
                yield *pair, *either_way(even[i, j].cpu().numpy(), of_odd[i, j].cpu().numpy())
        progress(len(rows))


def _joined(cluster: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Clusters merged along more pairs, each named by its first image."""
    edges = coo_array(
        (np.ones(len(first), bool), (cluster[first], cluster[second])), shape=(len(cluster),) * 2
    )
    label = connected_components(edges, directed=False)[1]
    leader = np.full(len(cluster), len(cluster))
    np.minimum.at(leader, label, np.arange(len(cluster)))
    return leader[label[cluster]]
