"""The patch set posterior composite (Niedoba et al., 2024): posterior means of crops, averaged.

Of each crop of window x window pixels the posterior mean over the training images' crops at the
same place; a pixel is the mean over all crops that hold it. A window of at least the image's side
is the image: the memorizer.
"""

import torch

from gahb.denoisers.levels import Sigma
from gahb.denoisers.references.calibrated import kept
from gahb.denoisers.references.masked import crops, masked
from gahb.denoisers.references.windowed import Windowed
from gahb.images import Members

CALIBRATED = "window"


class Patches(Windowed):
    """The patch composite of a training set; windows are crops."""

    def windowed(self, y: torch.Tensor, sigma: Sigma, window: int) -> torch.Tensor:
        crop = crops(tuple(y.shape[1:]), window)
        return masked(y, sigma, self.training_set, crop, crop)


def fit(training: Members, *, window: int | dict[float, int]) -> dict[str, torch.Tensor]:
    """Noise levels and windows: the images themselves are what it is made of."""
    return kept(window)


def build(tensors: dict[str, torch.Tensor], training: Members) -> Patches:
    return Patches(training, **tensors)
