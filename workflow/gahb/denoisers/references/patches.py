"""The patch set posterior composite (Niedoba et al., 2024): posterior means of crops, averaged.

Of each crop of window x window pixels the posterior mean over the training images' crops at the
same place; a pixel is the mean over all crops that hold it. A window of at least the image's side
is the image: the memorizer.
"""

import torch
from torch import nn

from gahb.denoisers.levels import Sigma, apart
from gahb.denoisers.references.calibrated import kept, nearest
from gahb.denoisers.references.masked import crops, masked
from gahb.denoisers.references.memorizer import memorized
from gahb.denoisers.references.training_set import TrainingSet
from gahb.images import Members

CALIBRATED = "window"


class Patches(nn.Module):
    """The patch composite of a training set.

    Args:
        images: the training set (image, channel, y, x).
        levels: noise levels (level,).
        values: sides of the crops at these, in pixels (level,).
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
        crop = crops(tuple(y.shape[1:]), window)
        return masked(y, sigma, self.training_set, crop, crop)


def fit(training: Members, *, window: int | dict[float, int]) -> dict[str, torch.Tensor]:
    """Noise levels and windows: the images themselves are what it is made of."""
    return kept(window)


def build(tensors: dict[str, torch.Tensor], training: Members) -> Patches:
    return Patches(training, **tensors)
