"""The patch set posterior composite (Niedoba et al., 2024): posterior means of crops, averaged.

Of each crop of window x window pixels the posterior mean over the training images' crops at the
same place; a pixel is the mean over all crops that hold it. A window of at least the image's side
is the image: the memorizer.
"""

import torch

from gahb.denoisers.references.calibrated import kept
from gahb.denoisers.references.local import Local
from gahb.denoisers.references.masked import crops
from gahb.images import Members

CALIBRATED = "window"


class Patches(Local):
    """The patch composite of a training set: a local machine whose parts are crops, and which
    answers all that it sees. Its values are sides of the crops."""

    def places(self, shape, window: int) -> tuple[torch.Tensor, torch.Tensor]:
        crop = crops(shape, window)
        return crop, crop


def fit(training: Members, *, window: int | dict[float, int]) -> dict[str, torch.Tensor]:
    """Noise levels and windows: the images themselves are what it is made of."""
    return kept(window)


def build(tensors: dict[str, torch.Tensor], training: Members) -> Patches:
    return Patches(training, **tensors)
