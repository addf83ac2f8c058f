"""A training set that a reference traverses in each call, a block of images at a time."""

from collections.abc import Iterator

import torch
from torch import nn

from gahb.images import MOST_BYTES_ON_CPU, Members, read_ahead

#: Memory of a reference in addition to its images, queries and results: all temporaries computed
#: from a block of training images.
BLOCK_BYTES = 2**24


class TrainingSet(nn.Module):
    """Images that are kept in memory if few, and read in each call if many.

    Args:
        images: (image, channel, y, x): a tensor, or an object that gives images for a slice.
        block: images used at a time; by default as many as BLOCK_BYTES hold.
    """

    def __init__(self, images: torch.Tensor | Members, block: int | None = None):
        super().__init__()
        few = images.nbytes <= MOST_BYTES_ON_CPU
        # A buffer moves with the denoiser; bytes stay bytes.
        self.register_buffer("few", torch.as_tensor(images[:]) if few else None)
        self.many, self.block = None if few else images, block
        self.shape = tuple(images[:1].shape[1:])

    def blocks(self, like: torch.Tensor, numbers: int) -> Iterator[torch.Tensor]:
        """Each block (image, channel, y, x), in [0, 1], with the type and device of `like`.

        Args:
            like: the images to be denoised.
            numbers: how many numbers the caller holds for each image, including the image itself,
                in the type of `like`; this bounds the block.
        """
        images = self.many if self.few is None else self.few
        length = self.block or max(1, BLOCK_BYTES // (like.element_size() * numbers))
        for _, block in read_ahead(images, length):
            x = block.to(like.device)
            yield x.to(like.dtype) / 255 if x.dtype == torch.uint8 else x.to(like.dtype)
