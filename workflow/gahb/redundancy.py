"""How redundant images are: near-duplicates in clusters, and those on two sides of the split.

A network that knows a test image from a near-duplicate in its training set seems to generalize; one
that is trained on ten copies of an image memorizes it sooner than the others. Two images are
near-duplicates by the rule of `gahb.duplicates`: |cosine| above a threshold, pooled and
mean-removed, so that brightness and contrast do not count, of the images as they are or mirrored.
"""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gahb.duplicates import either_way, products

#: What single precision leaves of a cosine: of two images that `gahb.duplicates` keeps, none is
#: above the threshold by more.
ROUNDING = 1e-6
#: Pairs on two sides that are listed, the closest ones; all are counted.
MOST = 1000


@dataclasses.dataclass
class Redundancy:
    """Clusters of near-duplicates, and pairs of them on two sides.

    cluster: (image,), the first image of the cluster that each is in, itself if it is alone: a
        cluster is what pairs of near-duplicates join, directly or through others.
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
        """How many pairs lie on two sides."""
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
    """Compare all pairs of images, a block with a block.

    Args:
        unit: `gahb.duplicates.features` of the images, in memory or not.
        parts: indices of the images of each side; an image may be on none, and on one at most.
        threshold: of |cosine|.
        odd: `gahb.duplicates.odd_features`, where mirrored images are compared too, or 0.
        device: where cosines are computed.
        block: images compared with `block` others at a time.
        progress: called with the number of images of each block that is done.
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
    """(i, j, cosine, mirrored) of the pairs i < j above the threshold, some at a time."""
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
    """Clusters with those of more pairs made one, each called by its first image."""
    edges = coo_array(
        (np.ones(len(first), bool), (cluster[first], cluster[second])), shape=(len(cluster),) * 2
    )
    label = connected_components(edges, directed=False)[1]
    leader = np.full(len(cluster), len(cluster))
    np.minimum.at(leader, label, np.arange(len(cluster)))
    return leader[label[cluster]]
