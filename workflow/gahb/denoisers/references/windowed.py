"""The common part of references with windows: their size for each noise level."""

import torch
from torch import nn

from gahb.denoisers.levels import Sigma, apart
from gahb.denoisers.references.calibrated import nearest
from gahb.denoisers.references.memorizer import memorized
from gahb.denoisers.references.training_set import TrainingSet


class Windowed(nn.Module):
    """A training set seen through windows; a subclass has `windowed(y, sigma, window)`.

    Args:
        images: the training set (image, channel, y, x).
        levels: noise levels (level,).
        values: sides of the windows at these levels, in pixels (level,).
        block: images used at a time; it changes the result by rounding alone.
    """

    blind = False

    def __init__(self, images, levels: torch.Tensor, values: torch.Tensor, block=None):
        super().__init__()
        self.training_set = TrainingSet(images, block)
        self.register_buffer("levels", levels)
        self.register_buffer("values", values)

    def forward(self, y: torch.Tensor, sigma: Sigma, window: int | None = None) -> torch.Tensor:
        if window is None:
            return apart(self, y, sigma, self.values[nearest(self.levels, sigma)].int())
        if window >= max(y.shape[2:]):
            return memorized(y, sigma, self.training_set)
        return self.windowed(y, sigma, window)
