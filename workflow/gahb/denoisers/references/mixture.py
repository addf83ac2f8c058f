r"""A mixture of Gaussians: E[x | y] for x from one of the clusters of the training set.

.. math::
    f(y) = \sum_c r_c(y) \bigl[m_c + C_c (C_c + \sigma^2)^{-1} (y - m_c)\bigr], \qquad
    r_c(y) \propto w_c\, \mathcal N(y; m_c, C_c + \sigma^2)

with clusters from k-means, of weight w_c and mean m_c, and C_c given by the cluster's leading
`rank` variances and axes and, along all other axes, the mean of its other variances (Tipping &
Bishop, 1999).
"""

import numpy as np
import torch
from scipy.cluster.vq import kmeans2, vq
from torch import nn
from torch.utils.data import Subset

from gahb.denoisers.levels import Sigma, columns
from gahb.denoisers.references import wiener
from gahb.images import Members, read_ahead, to_float

#: Maximum number of images from which clusters are found; all others join the nearest one.
MOST = 10_000


class Mixture(nn.Module):
    """E[x | y] for x ~ sum_c weights_c N(means_c, C_c).

    Args:
        weights: (component,), their sum 1.
        means: (component, channel, y, x).
        variances: (component, rank), along the axes.
        axes: (component, d, rank), orthonormal; 0 where a cluster has fewer.
        floors: (component,), the variance along all other axes.
    """

    blind = False

    def __init__(self, weights, means, variances, axes, floors):
        super().__init__()
        for name, tensor in locals().items():
            if isinstance(tensor, torch.Tensor):
                self.register_buffer(name, tensor)

    def forward(self, y: torch.Tensor, sigma: Sigma) -> torch.Tensor:
        d, floor, noise = y[0].numel(), self.floors[:, None], columns(sigma, y, 3) ** 2
        centered = y.flatten(1)[:, None] - self.means.flatten(1)
        along = torch.einsum("bcd,cdr->bcr", centered, self.axes)
        leading, other = self.variances + noise, floor + noise
        # Missing axes of a cluster are 0, and count among the other axes.
        lacks = self.axes.square().sum(1) < 0.5
        leading = torch.where(lacks, other, leading)
        squared = (along.square() * (1 / leading - 1 / other)).sum(2)
        squared = squared + (centered.square() / other).sum(2)
        determinant = leading.log().sum(-1) + (d - leading.shape[-1]) * other[..., 0].log()
        responsible = (self.weights.log() - (squared + determinant) / 2).softmax(1)
        gain = 1 - noise / leading
        means = self.means.flatten(1) + centered * (floor / other)
        means = means + torch.einsum("bcr,cdr->bcd", along * (gain - floor / other), self.axes)
        return torch.einsum("bc,bcd->bd", responsible, means).reshape(y.shape)


def fit(training: Members, *, components: int, rank: int) -> dict[str, torch.Tensor]:
    """The arguments of `Mixture` in float32; fewer components where clusters are empty."""
    count = len(training)
    some = np.unique(np.linspace(0, count - 1, min(count, MOST)).astype(int))
    found = to_float(torch.as_tensor(training[some])).flatten(1).numpy()
    centres, _ = kmeans2(found, min(components, len(found)), minit="++", rng=0, missing="warn")
    labels = np.concatenate(
        [vq(to_float(x).flatten(1).numpy(), centres)[0] for _, x in read_ahead(training, 1024)]
    )
    return _together([_component(training, labels == label, rank) for label in np.unique(labels)])


def _component(training, members: np.ndarray, rank: int) -> dict[str, torch.Tensor]:
    """Weight, mean, variances, axes and floor of a cluster; `rank` axes, 0 if it has fewer."""
    found = wiener.fit(Subset(training, np.flatnonzero(members)))
    d = found["mean"].numel()
    order = found["variances"].argsort(descending=True)[: min(rank, d)]
    variances, axes = found["variances"][order], found["axes"][:, order]
    real = variances > 1e-7 * variances.max().clamp(min=1e-12)
    left = found["variances"].sum() - variances[real].sum()
    variances, axes = variances[real], axes[:, real]
    missing = min(rank, d) - len(variances)
    return {
        "weights": torch.tensor(members.mean(), dtype=torch.float32),
        "means": found["mean"],
        "variances": torch.nn.functional.pad(variances, (0, missing)),
        "axes": torch.nn.functional.pad(axes, (0, missing)),
        "floors": left.clamp(min=0) / max(1, d - len(variances)),
    }


def _together(components: list[dict]) -> dict[str, torch.Tensor]:
    return {name: torch.stack([c[name] for c in components]) for name in components[0]}


def build(tensors: dict[str, torch.Tensor], training: Members) -> Mixture:
    return Mixture(**tensors)
