"""A training set that a reference goes through in each call, a block of images at a time."""

from collections.abc import Iterator

import torch
from torch import nn

from gahb.images import MOST_BYTES_ON_CPU, Members, read_ahead

#: The memory of a reference beside its images, its queries and its results: what is computed from
#: the training images that are used at a time, all temporaries together.
BLOCK_BYTES = 2**24


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

    def blocks(self, like: torch.Tensor, numbers: int) -> Iterator[torch.Tensor]:
        """(image, channel, y, x) of each block, in [0, 1], in the type of `like` and on its device.

        Args:
            like: what is denoised.
            numbers: that the caller holds for each image, the image itself included, in the type
                of `like`; they bound the block.
        """
        images = self.many if self.few is None else self.few
        length = self.block or max(1, BLOCK_BYTES // (like.element_size() * numbers))
        for _, block in read_ahead(images, length):
            x = block.to(like.device)
            yield x.to(like.dtype) / 255 if x.dtype == torch.uint8 else x.to(like.dtype)
