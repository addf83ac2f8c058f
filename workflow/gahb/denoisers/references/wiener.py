r"""The Wiener filter: the best linear denoiser of a training set, E[x | y] for x ~ N(mean, C).

.. math::
    f(y) = m + C (C + \sigma^2)^{-1} (y - m)
    = m + \sum_k \frac{v_k}{v_k + \sigma^2} \langle y - m, e_k\rangle\, e_k

with m and C the mean and covariance of the training images, e_k and v_k the eigenvectors and
eigenvalues of C. It knows nothing else about the training set.
"""

import torch
from torch import nn

from gahb.denoisers.levels import Sigma, columns
from gahb.images import Members, read_ahead, to_float

#: Training images read at a time.
BLOCK = 1024


class Wiener(nn.Module):
    """E[x | y] for x ~ N(mean, C).

    Args:
        mean: (channel, y, x).
        variances: (rank,), eigenvalues of C; all others are 0.
        axes: (d, rank), their eigenvectors, d = mean.numel().
    """

    blind = False

    def __init__(self, mean: torch.Tensor, variances: torch.Tensor, axes: torch.Tensor):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("variances", variances)
        self.register_buffer("axes", axes)

    def forward(self, y: torch.Tensor, sigma: Sigma) -> torch.Tensor:
        coefficients = (y - self.mean).flatten(1) @ self.axes
        shrinkage = self.variances / (self.variances + columns(sigma, y, 2) ** 2)
        return self.mean + (coefficients * shrinkage @ self.axes.T).reshape(y.shape)


def fit(training: Members) -> dict[str, torch.Tensor]:
    """The arguments of `Wiener` in float32, computed in float64, a block of images at a time.

    With fewer images than pixels the covariance is not formed: its eigenvectors are the singular
    vectors of the centered images.
    """
    shape, count = training[:1].shape[1:], len(training)

    def blocks():
        for _, block in read_ahead(training, BLOCK):
            yield to_float(block).double().flatten(1)

    mean = sum(x.sum(0) for x in blocks()) / count
    if count < len(mean):
        centered = torch.cat([x - mean for x in blocks()])
        _, singular, axes = torch.linalg.svd(centered, full_matrices=False)
        variances, axes = singular.square() / count, axes.T
    else:
        covariance = torch.zeros(len(mean), len(mean), dtype=mean.dtype)
        for x in blocks():
            covariance.addmm_((x - mean).T, x - mean, alpha=1 / count)
        variances, axes = torch.linalg.eigh(covariance)
        # Rounding may make variances of 0 negative.
        variances = variances.clamp(min=0)
    return {
        "mean": mean.reshape(shape).float(),
        "variances": variances.float(),
        "axes": axes.float(),
    }


def of(training: Members) -> Wiener:
    """The filter of these images."""
    return Wiener(**fit(training))


def build(tensors: dict[str, torch.Tensor], training: Members) -> Wiener:
    return Wiener(**tensors)
