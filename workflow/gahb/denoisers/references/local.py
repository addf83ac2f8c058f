r"""The local score machine (Kamb & Ganguli, 2024): a pixel sees its window alone.

.. math::
    f(y)_p = \sum_i x_i[p]\; \mathrm{softmax}_i
    \bigl(-\lVert (y - x_i)|_{W_p}\rVert^2 / 2\sigma^2\bigr)

with W_p the window x window pixels around p. Outside the image all images are the same, so that its
border is seen. A window of at least the image's side is the image: the memorizer.
"""

import torch
from torch import nn

from gahb.denoisers.references.calibrated import kept, nearest
from gahb.denoisers.references.masked import masked, pixels, windows
from gahb.denoisers.references.memorizer import memorized
from gahb.denoisers.references.training_set import TrainingSet
from gahb.images import Members

CALIBRATED = "window"


class Local(nn.Module):
    """The local machine of a training set.

    Args:
        images: the training set (image, channel, y, x).
        levels: noise levels (level,).
        values: odd sides of the window at these, in pixels (level,).
        block: images used at a time; it changes the result by rounding alone.
    """

    blind = False

    def __init__(self, images, levels: torch.Tensor, values: torch.Tensor, block=None):
        super().__init__()
        self.training_set = TrainingSet(images, block)
        self.register_buffer("levels", levels)
        self.register_buffer("values", values)

    def forward(self, y: torch.Tensor, sigma: float, window: int | None = None) -> torch.Tensor:
        window = window or int(self.values[nearest(self.levels, sigma)])
        if window >= max(y.shape[2:]):
            return memorized(y, sigma, self.training_set)
        seen, answered = self.places(tuple(y.shape[1:]), window)
        return masked(y, sigma, self.training_set, seen, answered)

    def places(self, shape, window: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Entries that each part of an image of this shape sees, and those that it answers."""
        return windows(shape, window), pixels(shape)


def fit(training: Members, *, window: int | dict[float, int]) -> dict[str, torch.Tensor]:
    """Noise levels and windows: the images themselves are what it is made of."""
    return kept(window)


def build(tensors: dict[str, torch.Tensor], training: Members) -> Local:
    return Local(training, **tensors)
