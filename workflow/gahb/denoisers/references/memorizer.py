r"""The denoiser that memorizes: E[x | y] for x one of the training images, all equally likely.

.. math:: f(y) = \sum_i x_i\, \mathrm{softmax}_i\bigl(-\lVert y - x_i\rVert^2 / 2\sigma^2\bigr)

It is the optimum of the training loss. |y|^2 is the same for every image and drops out.
"""

import torch
from torch import nn

from gahb.denoisers.levels import Sigma, columns
from gahb.denoisers.references.softmax import softmax_mean
from gahb.denoisers.references.training_set import TrainingSet
from gahb.images import Members


class Memorizer(nn.Module):
    """E[x | y] under the training images, exact, in the memory of a block of them.

    Args:
        images: the training set (image, channel, y, x): a tensor, or `Members`, which are kept in
            memory if they are few and read in each call if they are many.
        block: images used at a time; it changes the result by rounding alone.
    """

    blind = False

    def __init__(self, images: torch.Tensor | Members, block: int | None = None):
        super().__init__()
        self.training_set = TrainingSet(images, block)

    def forward(self, y: torch.Tensor, sigma: Sigma) -> torch.Tensor:
        return memorized(y, sigma, self.training_set)


def memorized(y: torch.Tensor, sigma: Sigma, training_set: TrainingSet) -> torch.Tensor:
    """f(y), (image, channel, y, x)."""

    scale = columns(sigma, y, 2) ** -2

    def blocks():
        for x in training_set.blocks(y, y[0].numel() + 1):
            flat = x.flatten(1)
            yield flat, torch.linalg.vector_norm(flat, dim=1).square() / -2, flat

    return softmax_mean(y.flatten(1) * scale, scale, blocks).reshape(y.shape)


def fit(training: Members) -> dict[str, torch.Tensor]:
    """Nothing: it works with the images themselves."""
    return {}


def build(tensors: dict[str, torch.Tensor], training: Members) -> Memorizer:
    return Memorizer(training)
