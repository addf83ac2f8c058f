r"""Locality from the covariance (Lukoianov et al., 2025): an entry sees what is correlated with it.

.. math::
    & f(y)_p = \sum_i x_i[p]\; \mathrm{softmax}_i
    \Bigl(-\sum_n M_{pn} (y - x_i)_n^2 / 2\sigma^2\Bigr), \\
    & M_{pn} = 1 \text{ where }
    \lvert W_{pn} / W_{pp}\rvert \ge \theta \max \lvert W_{pn} / W_{pp}\rvert,
    \qquad W = C (C + \sigma^2)^{-1},

with the covariance C of the training set, theta the `threshold`, and the maximum over all p and n.
The authors' code averages the softmaxes of batches; this is the softmax of all training images.
"""

import torch
from torch import nn

from gahb.denoisers.references import wiener
from gahb.denoisers.references.calibrated import kept, nearest
from gahb.denoisers.references.masked import listed, masked
from gahb.denoisers.references.training_set import TrainingSet
from gahb.images import Members

CALIBRATED = "threshold"


class PcaLocality(nn.Module):
    """The denoiser of a training set whose masks are those of its covariance.

    Args:
        images: the training set (image, channel, y, x).
        variances, axes: (rank,) and (d, rank), eigenvalues and eigenvectors of C.
        levels: noise levels (level,).
        values: thresholds at these (level,).
        block: images used at a time; it changes the result by rounding alone.
    """

    blind = False

    def __init__(self, images, variances, axes, levels, values, block=None):
        super().__init__()
        self.training_set = TrainingSet(images, block)
        self.register_buffer("variances", variances)
        self.register_buffer("axes", axes)
        self.register_buffer("levels", levels)
        self.register_buffer("values", values)

    def masks(self, sigma: float, threshold: float) -> torch.Tensor:
        """M, (d, d), True where an entry is seen; one that sees nothing gets the mean."""
        gains = self.variances / (self.variances + sigma**2)
        W = (self.axes * gains) @ self.axes.T
        own = W.diagonal()[:, None]
        part = (W / torch.where(own > 1e-6, own, 1)).abs()
        return part >= threshold * part.max()

    def forward(
        self, y: torch.Tensor, sigma: float, threshold: float | None = None
    ) -> torch.Tensor:
        if threshold is None:
            threshold = float(self.values[nearest(self.levels, sigma)])
        masks = listed(self.masks(sigma, threshold))
        parts = torch.arange(len(masks))[:, None]
        return masked(y, sigma, self.training_set, masks, parts)


def fit(training: Members, *, threshold: float | dict[float, float]) -> dict[str, torch.Tensor]:
    """Eigenvalues and eigenvectors of the covariance; noise levels and thresholds."""
    found = wiener.fit(training)
    return {"variances": found["variances"], "axes": found["axes"], **kept(threshold)}


def build(tensors: dict[str, torch.Tensor], training: Members) -> PcaLocality:
    return PcaLocality(training, **tensors)
