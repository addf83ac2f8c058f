"""Which parts of an image are copies: the closest patch at the same place of any training image."""

import torch

from gahb.images import to_float
from gahb.similarity.pixels import block_length, standardized


def nearest_patches(
    images: torch.Tensor, among, patch: int, block: int | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The closest patch, at the same place, of any of the others, for each patch of each image.

    In the transition regime a sample can be put together of parts of several training images.

    Args:
        images: (image, channel, y, x).
        among: the others, as this module's docstring says.
        patch: side in pixels; patches do not overlap, pixels that fill no patch are left out.
        block: others compared at a time; bounds the memory.

    Returns: cosines and indices of the others, both (image, patch row, patch column).
    """
    rows, columns = images.shape[2] // patch, images.shape[3] // patch
    place = rows * columns

    def patches(batch: torch.Tensor) -> torch.Tensor:
        cut = to_float(batch)[:, :, : rows * patch, : columns * patch]
        cut = cut.unflatten(3, (columns, patch)).unflatten(2, (rows, patch))
        cut = cut.permute(2, 4, 0, 1, 3, 5)  # row, column, image, channel, y, x
        return standardized(cut.reshape(place * len(batch), -1)).reshape(place, len(batch), -1)

    unit = patches(images)
    best = torch.full((place, len(images)), -torch.inf, device=images.device)
    index = torch.zeros_like(best, dtype=torch.long)
    length = block or block_length(images[0].numel(), place * len(images))
    for start in range(0, len(among), length):
        others = torch.as_tensor(among[start : start + length]).to(images.device)
        cosine, where = (unit @ patches(others).mT).max(2)
        closer = cosine > best
        best = torch.where(closer, cosine, best)
        index = torch.where(closer, where + start, index)
    shape = (len(images), rows, columns)
    return best.T.reshape(shape), index.T.reshape(shape)
