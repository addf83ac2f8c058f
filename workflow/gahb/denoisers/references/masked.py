r"""Posterior means of parts of an image, given the entries that a mask lets through.

For each part t, a list of entries of the image, and its mask M, another list,

.. math::
    f(y)_t = \sum_i x_i[t]\; \mathrm{softmax}_i\bigl(-\lVert (y - x_i)|_M\rVert^2 / 2\sigma^2\bigr),

and an entry in several parts is averaged over them. Patches and masks from a covariance or a
Jacobian differ only in parts and masks.
"""

import functools
import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F

from gahb.denoisers.levels import Sigma, columns
from gahb.denoisers.references import training_set as memory
from gahb.denoisers.references.softmax import softmax_mean
from gahb.denoisers.references.training_set import TrainingSet

#: Subtracted from all images: distances stay the same, with smaller rounding errors.
CENTER = 0.5
#: Parts are grouped only while this many training images fit into the memory: products with fewer
#: are slow.
IMAGES = 256


def masked(
    y: torch.Tensor,
    sigma: Sigma,
    training_set: TrainingSet,
    masks: torch.Tensor,
    parts: torch.Tensor,
) -> torch.Tensor:
    """f(y), (image, channel, y, x).

    Args:
        y: (image, channel, y, x), d entries each.
        sigma: its noise level, a number or (image,).
        training_set: x.
        masks: (part, k), entries that are seen; d means none.
        parts: (part, v), entries that are estimated, d again meaning none; together they cover all.
            The same tensor as `masks` if a part estimates the entries that it sees.
    """
    d, scale = y[0].numel(), columns(sigma, y, 2) ** -2
    same, masks, parts = parts is masks, masks.to(y.device), parts.to(y.device)
    of_y, total = _entries(y), y.new_zeros(d + 1, len(y))
    for seen, given in _groups(masks, None if same else parts, y.element_size(), d):
        query = of_y[seen].mT * scale

        def blocks(seen=seen, given=given):
            numbers = 4 * d + len(seen) * (seen.shape[1] + 1 + (0 if same else given.shape[1]))
            for x in training_set.blocks(y, numbers):
                x = _entries(x)
                keys = F.embedding(seen, x).mT
                offsets = F.embedding_bag(seen, x.square(), mode="sum") / -2
                yield keys, offsets, keys if same else F.embedding(given, x).mT

        means = softmax_mean(query, scale, blocks).mT
        total = total.index_add(0, given.flatten(), means.reshape(-1, len(y)))
    counts = parts.flatten().bincount(minlength=d + 1)[:d]
    return (total[:d].T / counts + CENTER).reshape(y.shape)


def _entries(images: torch.Tensor) -> torch.Tensor:
    """Images as (d + 1, image): a row for each entry, and a row of zeros for none."""
    return F.pad((images.flatten(1) - CENTER).T, (0, 0, 0, 1))


def _groups(masks, parts, size: int, d: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Masks and parts in groups as large as the memory holds with IMAGES images. Masks are sorted
    by size, so that few are padded to the length of a longer one."""
    wide = masks.shape[1] + 1 + (0 if parts is None else parts.shape[1])
    length = max(1, memory.BLOCK_BYTES // (size * IMAGES * wide))
    for some in (masks < d).sum(1).argsort(stable=True).split(length):
        seen, given = (_filled(t[some], d) for t in (masks, masks if parts is None else parts))
        yield seen, given


def _filled(entries: torch.Tensor, d: int) -> torch.Tensor:
    """The entries without empty columns."""
    return entries[:, (entries < d).any(0)]


@functools.cache
def crops(shape: tuple[int, int, int], side: int) -> torch.Tensor:
    """Entries of images (channel, y, x) in each crop of side x side pixels: (crop, k)."""
    # Exact: integers below 2^53.
    entries = torch.arange(math.prod(shape), dtype=torch.float64).reshape(1, *shape)
    return F.unfold(entries, side)[0].T.long()


def listed(masks: torch.Tensor) -> torch.Tensor:
    """Masks (part, d), True where an entry is seen, as lists for `masked`."""
    counts = masks.sum(1, keepdim=True)
    order = masks.to(torch.uint8).argsort(dim=1, descending=True, stable=True)
    order = order[:, : max(1, counts.max())]
    place = torch.arange(order.shape[1], device=masks.device)
    return torch.where(place < counts, order, masks.shape[1])
