r"""Flexible patches (Niedoba et al., 2025): an entry sees what a network looks at.

.. math::
    f(y)_p = \sum_i x_i[p]\; \mathrm{softmax}_i
    \bigl(-\lVert (y - x_i)|_{M_p}\rVert^2 / 2\sigma^2\bigr)

with M_p the fewest entries that hold a given share of the network's mean |df_p / dy|. So it is
always calibrated on a network.
"""

import numpy as np
import torch
from torch import nn

from gahb.denoisers.references.calibrated import kept, nearest
from gahb.denoisers.references.masked import listed, masked
from gahb.denoisers.references.training_set import TrainingSet
from gahb.images import Members

CALIBRATED = "share"


class Flexible(nn.Module):
    """The denoiser of a training set whose masks are those of a network.

    Args:
        images: the training set (image, channel, y, x).
        sensitivity: (level, d, d), the network's mean |df_p / dy_n| at each noise level.
        levels: noise levels (level,).
        values: shares at these, in (0, 1] (level,).
        block: images used at a time; it changes the result by rounding alone.
    """

    blind = False

    def __init__(self, images, sensitivity, levels, values, block=None):
        super().__init__()
        self.training_set = TrainingSet(images, block)
        self.register_buffer("sensitivity", sensitivity)
        self.register_buffer("levels", levels)
        self.register_buffer("values", values)

    def masks(self, sigma: float, share: float) -> torch.Tensor:
        """M, (d, d), True where an entry is seen; each sees one at least."""
        part = self.sensitivity[nearest(self.levels, sigma)]
        ordered, order = part.sort(1, descending=True)
        # What is left once the larger ones are taken.
        held = ordered.cumsum(1) - ordered
        needed = held < share * ordered.sum(1, keepdim=True)
        needed[:, 0] = True
        return torch.zeros_like(needed).scatter(1, order, needed)

    def forward(self, y: torch.Tensor, sigma: float, share: float | None = None) -> torch.Tensor:
        if share is None:
            share = float(self.values[nearest(self.levels, sigma)])
        masks = listed(self.masks(sigma, share))
        parts = torch.arange(len(masks))[:, None]
        return masked(y, sigma, self.training_set, masks, parts)


def fit(
    training: Members, *, share: dict[float, float], sensitivity: np.ndarray
) -> dict[str, torch.Tensor]:
    """Noise levels, shares and the network's sensitivities at these levels."""
    return {"sensitivity": torch.as_tensor(sensitivity).float(), **kept(share)}


def build(tensors: dict[str, torch.Tensor], training: Members) -> Flexible:
    return Flexible(training, **tensors)
