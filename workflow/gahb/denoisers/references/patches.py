"""The patch set posterior composite (Niedoba et al., 2024): posterior means of crops, averaged.

Each crop of window x window pixels has its posterior mean over the training images' crops at the
same place; a pixel is averaged over all crops that contain it. A window at least as large as the
image gives the memorizer.
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
    """Noise levels and windows: it works with the images themselves."""
    return kept(window)


def build(tensors: dict[str, torch.Tensor], training: Members) -> Patches:
    return Patches(training, **tensors)
