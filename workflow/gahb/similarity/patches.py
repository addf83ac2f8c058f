"""Which parts of an image are copies: the closest patch at the same place of any training image.

In the transition regime a sample can consist of parts of several training images. Patches do not
overlap; pixels that fill no patch are left out. A flat patch has cosine 0 with every patch, since
finding it elsewhere means nothing.
"""

import torch

from gahb.images import to_float
from gahb.similarity.memorized import second_rank
from gahb.similarity.pixels import Leading, block_length, standardized, tiles, without

#: Patches with less contrast, as a standard deviation, are ignored: they have few gray levels.
CONTRAST = 0.02
#: A patch is a copy if d1 / d2 is at most this: less than a third, since images have many patches.
RATIO = 1 / 5
#: Other images compared at a time, so that the scores of one place stay in the caches.
TILE = 256


def nearest_patches(
    images: torch.Tensor, among, patch: int, block: int | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The closest patch of any of the others, for each patch of each image.

    Args:
        images: (image, channel, y, x).
        among: the others, as in `gahb.similarity.pixels`.
        patch: side in pixels.
        block: others compared at a time, which bounds the memory.

    Returns: cosines and indices of the others, both (image, patch row, patch column).
    """
    cosine, index = _leading(images, among, patch, 1, block)
    return cosine[..., 0], index[..., 0]


def copied_patches(
    images: torch.Tensor, among, patch: int, own=None, ranks: int = 3, block: int | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Whether patches are copies by the rule of `gahb.similarity.memorized`, and of which images.

    Args:
        own: (image,), indices of the images among the others, which are not compared with
            themselves.
        ranks: number of ranks among which the second nearest, of another cluster, is sought.
        images, among, patch, block: as in `nearest_patches`.

    Returns: True or False, and indices of the others, both (image, patch row, patch column).
    """
    cosine, index = _leading(images, among, patch, ranks + (own is not None), block)
    if own is not None:
        index, cosine = without(own[:, None, None], index, cosine)
    # Rounding error of single precision for a patch that equals another.
    distance = (1 - cosine.clamp(0, 1) ** 2).sqrt()
    distance = torch.where(distance < 2e-3, 0.0, distance)
    first = distance[..., 0]
    second = torch.ones_like(first)
    if distance.shape[-1] > 1:
        rank = second_rank(distance.flatten(0, 2)).view_as(first)
        second = distance.gather(3, rank[..., None])[..., 0]
    contrast = cut(images, patch).std(3, correction=0).permute(2, 0, 1)
    return (first <= RATIO * second) & (contrast > CONTRAST), index[..., 0]


def cut(images: torch.Tensor, patch: int) -> torch.Tensor:
    """Patches of images: (row, column, image, pixel), floats."""
    rows, columns = images.shape[2] // patch, images.shape[3] // patch
    parts = to_float(images)[:, :, : rows * patch, : columns * patch]
    parts = parts.unflatten(3, (columns, patch)).unflatten(2, (rows, patch))
    return parts.permute(2, 4, 0, 1, 3, 5).flatten(3)


def _leading(images, among, patch, count, block) -> tuple[torch.Tensor, torch.Tensor]:
    """The largest cosines of each patch, and their indices: (image, row, column, rank)."""
    rows, columns, number, _ = cut(images, patch).shape

    def unit(batch: torch.Tensor) -> torch.Tensor:
        parts = cut(batch, patch)
        return standardized(parts.flatten(0, 2)).view(rows * columns, len(batch), -1)

    own = unit(images)
    place = rows * columns
    best = Leading(place * number, min(count, len(among)), images.device)
    length = block or block_length(images[0].numel(), place * number)
    for start, others in tiles(among, length, TILE):
        best.update((own @ unit(others.to(images.device)).mT).flatten(0, 1), start)
    shape = (rows, columns, number, -1)
    return tuple(v.view(shape).permute(2, 0, 1, 3) for v in (best.score, best.index))
