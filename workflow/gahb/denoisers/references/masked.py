r"""Posterior means of parts of an image, given what a mask lets see of it.

Of each part t, a list of entries of the image, and its mask M, another list,

.. math::
    f(y)_t = \sum_i x_i[t]\; \mathrm{softmax}_i\bigl(-\lVert (y - x_i)|_M\rVert^2 / 2\sigma^2\bigr),

and an entry in several parts is the mean of what they give. Memorizer, local machine, patches and
masks from a covariance or a Jacobian differ in parts and masks alone. Outside the image all images
are the same.
"""

import functools

import torch
import torch.nn.functional as F

from gahb.denoisers.references.softmax import softmax_mean
from gahb.denoisers.references.training_set import TrainingSet

#: Subtracted from all images: distances stay, and rounding is less.
CENTER = 0.5


def masked(
    y: torch.Tensor,
    sigma: float,
    training_set: TrainingSet,
    masks: torch.Tensor,
    parts: torch.Tensor,
) -> torch.Tensor:
    """f(y), (image, channel, y, x).

    Args:
        y: (image, channel, y, x), d entries each.
        sigma: its noise level.
        training_set: x.
        masks: (part, k), entries that are seen; d stands for none.
        parts: (part, v), entries that are given; together all of them.
    """
    masks, parts = masks.to(y.device), parts.to(y.device)

    def seen(images):
        """(part, image, k), 0 where nothing is seen."""
        return F.pad(images.flatten(1) - CENTER, (0, 1)).T[masks].mT

    def blocks():
        for x in training_set.blocks(y, masks.shape[0] * (masks.shape[1] + parts.shape[1])):
            keys = seen(x)
            yield keys, keys.square().sum(2) / (-2 * sigma**2), x.flatten(1).T[parts].mT

    means = softmax_mean(seen(y) / sigma**2, blocks)
    places = parts.flatten()
    total = y.new_zeros(y[0].numel(), len(y))
    total = total.index_add(0, places, means.mT.reshape(len(places), -1))
    return (total.T / places.bincount()).reshape(y.shape)


@functools.cache
def windows(shape: tuple[int, int, int], side: int) -> torch.Tensor:
    """Entries of images (channel, y, x) in the window around each pixel: (pixel, k).

    Those outside the image are d.
    """
    return _windows(shape, side, side // 2)


@functools.cache
def crops(shape: tuple[int, int, int], side: int) -> torch.Tensor:
    """Entries of images (channel, y, x) in each crop of side x side pixels: (crop, k)."""
    return _windows(shape, side, 0)


@functools.cache
def pixels(shape: tuple[int, int, int]) -> torch.Tensor:
    """Entries of each pixel, its channels: (pixel, channel)."""
    return _windows(shape, 1, 0)


def _windows(shape, side, outside):
    channels, height, width = shape
    d = channels * height * width
    # Exact: integers below 2^53.
    entries = torch.arange(d, dtype=torch.float64).reshape(1, *shape)
    entries = F.pad(entries, (outside,) * 4, value=d)
    return F.unfold(entries, side)[0].T.long()


def listed(masks: torch.Tensor) -> torch.Tensor:
    """Masks (part, d), True where an entry is seen, as `masked` takes them."""
    counts = masks.sum(1, keepdim=True)
    order = masks.to(torch.uint8).argsort(dim=1, descending=True, stable=True)
    order = order[:, : max(1, counts.max())]
    place = torch.arange(order.shape[1], device=masks.device)
    return torch.where(place < counts, order, masks.shape[1])
