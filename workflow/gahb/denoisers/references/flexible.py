r"""Flexible patches (Niedoba et al., 2025): a pixel sees the pixels that a network looks at.

.. math::
    f(y)|_{M_p} = \sum_i x_i|_{M_p}\; \mathrm{softmax}_i
    \bigl(-\lVert (y - x_i)|_{M_p}\rVert^2 / 2\sigma^2\bigr),

a composite like `patches`: a pixel is averaged over all patches M_p that contain it. M_p is the
smallest set of pixels, with all their channels, that holds a given share of the network's mean
|df_p / dy|, summed over channels; a share of 1 gives all pixels. Thus it is always calibrated on a
network. In the authors' code a pixel that no patch contains is 0 / 0; here it takes its own patch's
mean.
"""

import numpy as np
import torch
from torch import nn

from gahb.denoisers.levels import Sigma, apart
from gahb.denoisers.references.calibrated import kept, nearest
from gahb.denoisers.references.masked import crops, listed, masked
from gahb.denoisers.references.training_set import TrainingSet
from gahb.images import Members

CALIBRATED = "share"


class Flexible(nn.Module):
    """The denoiser of a training set with masks from a network.

    Args:
        images: the training set (image, channel, y, x).
        sensitivity: (level, d, d), the network's mean |df_p / dy_n| of entries at each noise level.
        levels: noise levels (level,).
        values: shares at these levels, in (0, 1] (level,).
        block: images used at a time; it changes the result by rounding alone.
    """

    blind = False

    def __init__(self, images, sensitivity, levels, values, block=None):
        super().__init__()
        self.training_set = TrainingSet(images, block)
        self.register_buffer("sensitivity", sensitivity)
        self.register_buffer("levels", levels)
        self.register_buffer("values", values)

    def masks(self, level: int, share: float) -> torch.Tensor:
        """M, (pixel, pixel), True where a pixel is seen; each sees at least one."""
        channels, height, width = self.training_set.shape
        both = (channels, height * width) * 2
        part = self.sensitivity[level].reshape(both).sum((0, 2))
        if share >= 1:
            return torch.ones_like(part, dtype=torch.bool)
        ordered, order = part.sort(dim=1, descending=True, stable=True)
        # The share that remains once the larger ones are taken.
        held = ordered.cumsum(1) - ordered
        needed = held < share * ordered.sum(1, keepdim=True)
        needed[:, 0] = True
        return torch.zeros_like(needed).scatter(1, order, needed)

    def forward(self, y: torch.Tensor, sigma: Sigma, share: float | None = None) -> torch.Tensor:
        def of_level(y, sigma, level):
            own = float(self.values[level]) if share is None else share
            seen, given = self.places(self.masks(level, own))
            return masked(y, sigma, self.training_set, seen, given)

        return apart(of_level, y, sigma, nearest(self.levels, sigma))

    def places(self, masks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Entries that the patch of each pixel sees, and those that it gives: (pixel, entry)."""
        shape = self.training_set.shape
        seen = listed(masks.repeat(1, shape[0]))
        lost = ~masks.any(0)
        if not lost.any():
            return seen, seen
        own = crops(shape, 1).to(seen.device)
        none = seen.new_full((), masks.shape[1] * shape[0])
        return seen, torch.cat([seen, torch.where(lost[:, None], own, none)], 1)


def fit(
    training: Members, *, share: dict[float, float], sensitivity: np.ndarray
) -> dict[str, torch.Tensor]:
    """Noise levels, shares and the network's sensitivities at these levels."""
    return {"sensitivity": torch.as_tensor(sensitivity).float(), **kept(share)}


def build(tensors: dict[str, torch.Tensor], training: Members) -> Flexible:
    return Flexible(training, **tensors)
