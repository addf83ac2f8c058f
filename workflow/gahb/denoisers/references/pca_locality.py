r"""Locality from the covariance (Lukoianov et al., 2025): an entry sees correlated entries.

.. math::
    & f(y)_p = \sum_i x_i[p]\; \mathrm{softmax}_i
    \Bigl(-\sum_n M_{pn} (y - x_i)_n^2 / 2\sigma^2\Bigr), \\
    & M_{pn} = 1 \text{ where }
    \lvert W_{pn} / W_{pp}\rvert \ge \theta \max \lvert W_{pn} / W_{pp}\rvert,
    \qquad W = C (C + \sigma^2)^{-1},

with the covariance C of the training set, theta the `threshold`, and the maximum over all p and n.
`mask: rows` is this formula, as published. The authors' code takes the columns of M instead of its
rows, M_np: `mask: columns`. It also averages the softmaxes of batches and divides C by N - 1; here
the softmax is over all training images, and C is their covariance.
"""

import torch
from torch import nn

from gahb.denoisers.levels import Sigma, apart, several
from gahb.denoisers.references import wiener
from gahb.denoisers.references.calibrated import Refused, kept, nearest
from gahb.denoisers.references.masked import listed, masked
from gahb.denoisers.references.training_set import TrainingSet
from gahb.images import Members

CALIBRATED = "threshold"

#: Smallest W_pp of an entry that varies at all; others see nothing and keep their mean.
VARIES = 1e-6


class PcaLocality(nn.Module):
    """The denoiser of a training set with masks from its covariance.

    Args:
        images: the training set (image, channel, y, x).
        variances, axes: (rank,) and (d, rank), eigenvalues and eigenvectors of C.
        levels: noise levels (level,).
        values: thresholds at these levels (level,).
        columns: whether masks are the columns of M.
        block: images used at a time; it changes the result by rounding alone.
    """

    blind = False

    def __init__(self, images, variances, axes, levels, values, columns=False, block=None):
        super().__init__()
        self.training_set, self.columns = TrainingSet(images, block), columns
        self.register_buffer("variances", variances)
        self.register_buffer("axes", axes)
        self.register_buffer("levels", levels)
        self.register_buffer("values", values)

    def masks(self, sigma: float, threshold: float) -> torch.Tensor:
        """M, (d, d), True where an entry is seen.

        Raises:
            Refused: an entry varies so little that others would see nothing.
        """
        gains = self.variances / (self.variances + sigma**2)
        W = (self.axes * gains) @ self.axes.T
        own = W.diagonal()
        part = (W / torch.where(own > VARIES, own, 1)[:, None]).abs()
        found = part >= threshold * part.max()
        empty = ~found.any(1) & (own > VARIES)
        if empty.any():
            p = int(part.amax(1).argmax())
            at = [int(i) for i in torch.unravel_index(torch.tensor(p), self.training_set.shape)]
            raise Refused(
                f"pca_locality: entry (channel, y, x) = {tuple(at)} hardly varies, W_pp = "
                f"{own[p]:.2g}, so that |W_pn / W_pp| reaches {part.max():.3g} and {empty.sum()} "
                f"of {len(own)} entries would see nothing at sigma = {sigma:.3g}; leave the entry "
                f"out of the images, or take a threshold of at most {1 / part.max():.2g}"
            )
        return found.T if self.columns else found

    def forward(
        self, y: torch.Tensor, sigma: Sigma, threshold: float | None = None
    ) -> torch.Tensor:
        if several(sigma):
            return apart(lambda y, _, s: self(y, s, threshold), y, sigma, sigma)
        if threshold is None:
            threshold = float(self.values[nearest(self.levels, sigma)])
        masks = listed(self.masks(sigma, threshold))
        parts = torch.arange(len(masks), device=masks.device)[:, None]
        return masked(y, sigma, self.training_set, masks, parts)


def fit(
    training: Members, *, threshold: float | dict[float, float], mask: str = "rows"
) -> dict[str, torch.Tensor]:
    """Eigenvalues and eigenvectors of the covariance; noise levels, thresholds, kind of masks.

    Raises:
        ValueError: `mask` is neither "rows" nor "columns".
    """
    if mask not in ("rows", "columns"):
        raise ValueError(f"mask: found {mask!r}; right is 'rows' or 'columns'")
    found = wiener.fit(training)
    tensors = {"variances": found["variances"], "axes": found["axes"], **kept(threshold)}
    return tensors | {"columns": torch.tensor(mask == "columns")}


def build(tensors: dict[str, torch.Tensor], training: Members) -> PcaLocality:
    return PcaLocality(training, **tensors | {"columns": bool(tensors["columns"])})
