"""The denoiser that memorizes: E[x | y] for x one of the training images, each as likely.

f(y) = sum_i x_i softmax_i(-|y - x_i|^2 / (2 sigma^2))

It is the optimum of the training loss. |y|^2 is the same for every image and drops out.
"""

import math

import torch
from torch import nn

from gahb.denoisers.softmax import softmax_mean
from gahb.images import MOST_BYTES_ON_CPU, Members, read_ahead, to_float

#: Of the training images that are used at a time, as floats.
BLOCK_BYTES = 2**26


class Memorizer(nn.Module):
    """E[x | y] under the training images, exactly, in the memory of a block of them.

    Args:
        images: the training set (image, channel, y, x): a tensor, or `Members`, which are kept as
            they are where they are few and read in each call where they are many.
        block: images used at a time; it changes the result by rounding alone.
    """

    blind = False

    def __init__(self, images: torch.Tensor | Members, block: int | None = None):
        super().__init__()
        few = images.nbytes <= MOST_BYTES_ON_CPU
        # A buffer goes where the denoiser goes; bytes stay bytes.
        self.register_buffer("few", torch.as_tensor(images[:]) if few else None)
        self.many = None if few else images
        self.block = block or max(1, BLOCK_BYTES // (4 * math.prod(images[:1].shape[1:])))

    def forward(self, y: torch.Tensor, sigma: float) -> torch.Tensor:
        images = self.many if self.few is None else self.few

        def blocks():
            for _, block in read_ahead(images, self.block):
                x = to_float(block.to(y.device)).to(y.dtype).flatten(1)
                yield x, x.square().sum(1) / (-2 * sigma**2), x

        return softmax_mean(y.flatten(1) / sigma**2, blocks).reshape(y.shape)


def fit(training: Members) -> dict[str, torch.Tensor]:
    """Nothing: the images themselves are what it is made of."""
    return {}


def build(tensors: dict[str, torch.Tensor], training: Members) -> Memorizer:
    return Memorizer(training)
