"""A training set that a reference goes through in each call, a block of images at a time."""

import math
from collections.abc import Iterator

import torch
from torch import nn

from gahb.images import MOST_BYTES_ON_CPU, Members, read_ahead, to_float

#: Of what is computed from the training images that are used at a time.
BLOCK_BYTES = 2**26


class TrainingSet(nn.Module):
    """Images that are kept as they are where they are few and read in each call where many.

    Args:
        images: (image, channel, y, x): a tensor, or what gives images when indexed with a slice.
        block: images used at a time, in place of as many as BLOCK_BYTES hold.
    """

    def __init__(self, images: torch.Tensor | Members, block: int | None = None):
        super().__init__()
        few = images.nbytes <= MOST_BYTES_ON_CPU
        # A buffer goes where the denoiser goes; bytes stay bytes.
        self.register_buffer("few", torch.as_tensor(images[:]) if few else None)
        self.many, self.block = None if few else images, block
        self.shape = tuple(images[:1].shape[1:])

    def blocks(self, like: torch.Tensor, copies: int = 1) -> Iterator[torch.Tensor]:
        """(image, channel, y, x) of each block, in the type of `like` and on its device.

        Args:
            like: what is denoised.
            copies: numbers that the caller makes of each pixel, which bound the block.
        """
        images = self.many if self.few is None else self.few
        each = like.element_size() * copies * math.prod(self.shape)
        for _, block in read_ahead(images, self.block or max(1, BLOCK_BYTES // each)):
            yield to_float(block.to(like.device)).to(like.dtype)
