"""Disks: a sum over possible places, with the intensities integrated out.

Given center and radius, an image is linear in the intensities a of the disk and b of the
background, x = a c + b (1 - c) with the coverages c of the pixels, so that their posterior is a
Gaussian on the unit square. The integral over b has a closed form, the one over a uses
Gauss-Legendre quadrature. Center and radius are summed over boxes, the most probable of which are
split repeatedly until they are much smaller than the noise can resolve. Exact up to this grid.
"""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from gahb.datasets.disks import RANGES
from gahb.denoisers.levels import Sigma, columns

#: Initial boxes along row, column and radius, and how many are split in eight at a time.
BOXES, SPLIT = (12, 12, 5), 64
#: Boxes are split until the largest side, in pixels, is this fraction of sigma.
FINEST = 0.25
#: Boxes with less than this fraction of the heaviest box's probability are left out.
LEAST = 1e-10
#: Boxes with more than this fraction of the heaviest box's probability are refined for a density.
HEAVY = 1e-6
#: Pixels of coverages held at a time.
PIXELS = 2**22
#: Nodes of the quadrature over a, and its reach in standard deviations.
NODES, REACH = 24, 6.0


class Disks(nn.Module):
    """E[x | y] for disks, computed in double precision, one image at a time.

    Args:
        side: side of the images.
    """

    blind = False

    def __init__(self, side: int):
        super().__init__()
        self.side = side
        low, high = torch.tensor(list(RANGES.values())[:3], dtype=torch.float64).T
        self.ranges = side * (high - low)
        counts = torch.tensor(BOXES)
        steps = [(torch.arange(n) + 0.5) / n for n in BOXES]
        unit = torch.cartesian_prod(*(s.double() for s in steps))
        #: Centers of the boxes and their sides, in pixels: (box, 3), and (3,).
        self.middles, self.sides = side * low + self.ranges * unit, self.ranges / counts
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        self.nodes, self.log_weights = torch.tensor(nodes), torch.tensor(weights / 2).log()

    def forward(self, y: torch.Tensor, sigma: Sigma) -> torch.Tensor:
        """E[x | y], (image, 1, y, x)."""
        return torch.stack([self._mean(*pair) for pair in _pairs(y, sigma)]).to(y)

    def log_density(self, y: torch.Tensor, sigma: Sigma) -> torch.Tensor:
        """log p_sigma(y), (image,)."""
        return torch.stack([self._log_density(*pair) for pair in _pairs(y, sigma)]).to(y)

    def _mean(self, y: torch.Tensor, sigma: float) -> torch.Tensor:
        middles, log_volumes = self._boxes(y, sigma)
        cover = self._cover(middles)
        log_p, a, b = self._intensities(y.flatten(), cover, sigma)
        weights = (log_p + log_volumes).softmax(0)
        return ((weights * (a - b)) @ cover + (weights * b).sum()).view_as(y)

    def _log_density(self, y: torch.Tensor, sigma: float) -> torch.Tensor:
        middles, log_volumes = self._boxes(y, sigma)
        log_mass = log_volumes + self._log_p(y, middles, sigma)
        # A box's center has an error of the square of its side: heavy boxes are summed over Gauss
        # nodes.
        heavy = log_mass > log_mass.max() + math.log(HEAVY)
        parts = (log_volumes[heavy, None, None].exp() * math.prod(BOXES)) ** (1 / 3)
        corners = torch.cartesian_prod(*3 * [middles.new_tensor([-0.5, 0.5])]) / 3**0.5
        nodes = middles[heavy, None] + corners * parts * self.sides.to(y.device)
        each = self._log_p(y, nodes.flatten(0, 1), sigma).view(-1, len(corners))
        finer = log_volumes[heavy] + each.logsumexp(1) - math.log(len(corners))
        constant = self.side**2 / 2 * math.log(2 * math.pi * sigma**2)
        return torch.cat([log_mass[~heavy], finer]).logsumexp(0) - constant

    def _log_p(self, y: torch.Tensor, middles: torch.Tensor, sigma: float) -> torch.Tensor:
        """log of the integral over the intensities at each place (place,), in batches."""
        return torch.cat(
            [
                self._intensities(y.flatten(), self._cover(some), sigma)[0]
                for some in middles.split(max(1, PIXELS // y.numel()))
            ]
        )

    @torch.no_grad()
    def _boxes(self, y, sigma) -> tuple[torch.Tensor, torch.Tensor]:
        """Centers (box, 3) and log volume fractions (box,), fine where y is informative."""
        device = y.device
        middles, sides = self.middles.to(device), self.sides.to(device)
        depths = torch.zeros(len(middles), dtype=torch.long, device=device)
        log_p = self._intensities(y.flatten(), self._cover(middles), sigma)[0]
        corners = torch.cartesian_prod(*3 * [torch.tensor([-0.5, 0.5], device=device)]).double()

        def log_volumes(depths):
            return -(depths * 3 * math.log(2)) - math.log(math.prod(BOXES))

        splits = max(0, math.ceil(math.log2(float(sides.max()) / (FINEST * sigma))))
        for _ in range(splits):
            mass = log_p + log_volumes(depths)
            heavy = mass.topk(min(SPLIT, len(mass))).indices
            half = sides / 2 ** (depths[heavy, None, None] + 1)
            new = (middles[heavy, None] + corners * half).flatten(0, 1)
            new_log_p = self._intensities(y.flatten(), self._cover(new), sigma)[0]
            rest = torch.ones_like(mass, dtype=torch.bool)
            rest[heavy] = False
            middles, log_p = torch.cat([middles[rest], new]), torch.cat([log_p[rest], new_log_p])
            depths = torch.cat([depths[rest], (depths[heavy] + 1).repeat_interleave(8)])
        volumes = log_volumes(depths)
        kept = log_p + volumes > (log_p + volumes).max() + math.log(LEAST)
        return middles[kept], volumes[kept]

    def _cover(self, middles: torch.Tensor) -> torch.Tensor:
        """Coverages of all pixels, as in `gahb.datasets.disks.render`: (box, d)."""
        row, column, radius = middles.T[:, :, None, None]
        grid = torch.arange(self.side, device=middles.device) + 0.5
        distance = torch.hypot(grid[:, None] - row, grid - column)
        return (radius - distance + 0.5).clamp(0, 1).flatten(1)

    def _intensities(self, y, cover, sigma) -> tuple[torch.Tensor, ...]:
        """log of the integral of exp(-|y - x|^2 / 2 sigma^2) over a and b, and their means: (box,).

        Args:
            y: (d,).
            cover: (box, d).
            sigma: noise level.
        """
        inside, both = cover.square().sum(1), (cover * (1 - cover)).sum(1)
        outside = (1 - cover).square().sum(1)
        of_a = cover @ y
        of_b = y.sum() - of_a
        # |y - x|^2 is a parabola in a when b is optimal for that a.
        precision = inside - both.square() / outside
        top = (of_a - both * of_b / outside) / precision
        least = y.square().sum() - of_b.square() / outside - precision * top.square()
        spread = REACH * sigma / precision.sqrt()
        low, high = ((top.clamp(0, 1) + s * spread).clamp(0, 1) for s in (-1, 1))
        a = low[:, None] + (high - low)[:, None] * (self.nodes.to(y.device) + 1) / 2
        b = (of_b[:, None] - a * both[:, None]) / outside[:, None]
        s = sigma / outside[:, None].sqrt()
        log_b, mean_b = _truncated(b, s)
        squares = least[:, None] + precision[:, None] * (a - top[:, None]).square()
        log_p = log_b - squares / (2 * sigma**2) + self.log_weights.to(y.device)
        weights = log_p.softmax(1)
        log_p = log_p.logsumexp(1) + (high - low).log()
        return log_p, (weights * a).sum(1), (weights * mean_b).sum(1)


def _pairs(y: torch.Tensor, sigma: Sigma) -> Iterator[tuple[torch.Tensor, float]]:
    """Each image in float64, and its noise level."""
    sigmas = torch.as_tensor(columns(sigma, y, 1), dtype=torch.float64).expand(len(y)).tolist()
    return zip(y.double(), sigmas, strict=True)


def _truncated(mean: torch.Tensor, sd: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """log of the integral of exp(-(b - mean)^2 / 2 sd^2) over [0, 1], and the mean of b there."""
    low, high = -mean / sd, (1 - mean) / sd
    # In the lower tail, where differences of the distribution function stay accurate.
    lower, upper = torch.where(low > 0, -high, low), torch.where(low > 0, -low, high)
    logs = torch.special.log_ndtr(upper)
    log_part = logs + torch.log1p(-(torch.special.log_ndtr(lower) - logs).exp())
    root = math.log(2 * math.pi) / 2
    ends = [(-end.square() / 2 - root - log_part).exp() for end in (low, high)]
    # Far outside, this would be the difference of two large numbers.
    found = (mean + sd * (ends[0] - ends[1])).clamp(0, 1)
    return log_part + sd.log() + root, found
