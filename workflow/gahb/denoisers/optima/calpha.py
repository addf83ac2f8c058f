r"""The Bayes optimum of C^alpha images: a chain over the contour, an exact solve given it.

Given the mask m of the contour and the gains g of its two backgrounds, x is Gaussian:

.. math::
    & C = g_b^2\, (m m^\top) \odot K + g_c^2\, (n n^\top) \odot K + v\, (m m^\top + n n^\top),
    \qquad n = 1 - m, \\
    & \mathbb E[x \mid y, m, g] = \tfrac 1 2 + C (C + \sigma^2)^{-1} \bigl(y - \tfrac 1 2\bigr),

with K the covariance of a stationary field of spectrum |k|^-2alpha and v the variance of the
offsets. Means along a chain come from `optima.fields`, which keeps some harmonics of K; the
difference from the exact solve is averaged over some of the states.

Two approximations: fields are filtered uniform noise, here Gaussian with the same spectrum; and the
brighter background reaches 1 and the other 0, which is replaced by offsets with mean 1/2 and the
true standard deviation. The mean may therefore be slightly worse than the optimum, on average never
better. It is worse with too few steps for the chains to mix. A contour that no group of chains
finds does not show in `rhat`.
"""

from typing import NamedTuple

import torch
from torch import nn
from torch.fx.experimental.proxy_tensor import get_proxy_mode

from gahb.denoisers.levels import Sigma, apart, columns, several
from gahb.denoisers.optima.chain import STARTING, Chain
from gahb.denoisers.optima.contours import masks
from gahb.denoisers.optima.fields import OFFSET, Likelihood

#: Fractions of the steps in which noise is lowered to its level, and after which means count.
COOLING, BURN_IN = 0.5, 0.6
#: Number of steps between moves of the gains.
SCALED = 3
#: Draws from the prior among which the chains of a group start.
STARTS = 1000
#: States of each group of chains for which the solve is exact.
EXACT = 2
#: Gains in the oracle's search, relative to fields that fill [0, 1].
SEARCHED = torch.tensor([0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 1.0])
#: Stopping criteria of conjugate gradients: relative residual, and iterations.
RESIDUAL, ITERATIONS = 1e-4, 300


class Posterior(NamedTuple):
    """Statistics of the posterior of clean images x given noisy ones.

    mean: E[x | y], (image, channel, y, x).
    variance: (image,) expected squared error of the mean per pixel, tr Cov(x | y) / d.
    error: (image,) squared Monte Carlo error of `mean` per pixel, from the differences between
        groups of chains.
    rhat: (image,) Gelman and Rubin's ratio between groups, 1 where they agree.
    """

    mean: torch.Tensor
    variance: torch.Tensor
    error: torch.Tensor
    rhat: torch.Tensor


class Calpha(nn.Module):
    """E[x | y] for gray C^alpha images, with a Monte Carlo error; see above for approximations.

    It has no derivatives. Means differ between batches, within their error.

    Args:
        alpha, side: regularity and side of the images.
        steps: steps of each chain, for each noise level.
        groups, chains: groups of chains that never meet, and chains in each.
        seed: seed of the chains; the same call gives the same means.
    """

    blind = False

    def __init__(
        self,
        alpha: float,
        side: int,
        steps: int = 300,
        groups: int = 4,
        chains: int = 2,
        seed: int = 0,
    ):
        super().__init__()
        self.alpha, self.side, self.steps = alpha, side, steps
        self.options = {"groups": groups, "chains": chains, "starts": STARTS, "seed": seed}
        k = torch.fft.fftfreq(side, 1 / side)
        k2 = k[:, None] ** 2 + k**2
        #: Variances of the Fourier coefficients of a field of gain 1.
        self.spectrum = torch.where(k2 > 0, k2, torch.inf).pow(-alpha) / 3
        noise = 2 * torch.rand(1000, side, side, generator=torch.Generator().manual_seed(0)) - 1
        fields = torch.fft.ifft2(torch.fft.fft2(noise) * (3 * self.spectrum).sqrt()).real.flatten(1)
        #: log of the range of such fields, by which the generator divides them.
        self.log_range = (fields.amax(1) - fields.amin(1)).log()

    def forward(self, y: torch.Tensor, sigma: Sigma) -> torch.Tensor:
        """E[x | y] (image, 1, y, x).

        Raises:
            NotImplementedError: a derivative is asked for.
        """
        if several(sigma):
            return apart(lambda y, _, one: self(y, one), y, sigma, sigma)
        if y.requires_grad or get_proxy_mode() is not None:
            raise NotImplementedError("the mean over a Markov chain has no derivatives")
        return self.posterior(y, sigma).mean

    @torch.no_grad()
    def posterior(self, y: torch.Tensor, sigma: float) -> Posterior:
        """E[x | y] for noisy images (image, 1, y, x), its expected error and Monte Carlo error."""
        data, images = y[:, 0].float().cpu() - 0.5, len(y)
        chain = Chain(data, sigma, self.alpha, self.log_range, **self.options)
        covariance = self.covariance()
        total, squares, exact, left = 0.0, 0.0, 0.0, 0.0
        burnt = int(BURN_IN * self.steps)
        solved = {self.steps - 1 - i * (self.steps - burnt) // EXACT for i in range(EXACT)}
        for step in range(self.steps):
            chain.draw()
            if step <= burnt and step % 10 == 0:
                part = max(0.0, 1 - step / (COOLING * self.steps))
                chain.cool(sigma * (max(sigma, STARTING) / sigma) ** part)
            if step % SCALED == 0:
                chain.scale()
            if step >= burnt:
                total, squares = total + chain.mean, squares + chain.mean.square()
            if step in solved:
                # The first chain of each group represents the others.
                which = torch.arange(len(chain.y)).view(chain.groups, -1)[:, :images].flatten()
                mean, variance = self.solve(
                    chain.y[which], sigma, chain.mask[which], chain.gains[which], covariance
                )
                exact, left = exact + (mean - chain.mean[which]) / EXACT, left + variance / EXACT
            chain.sweep()
        total, squares = (t / (self.steps - burnt) for t in (total, squares))
        within = (squares - total.square()).mean((1, 2)).view(-1, images).mean(0)
        means = total.view(chain.groups, -1, images, self.side**2)
        within += means.var(1, correction=0).mean((0, 2)) + left.view(-1, images).mean(0)
        means = means.mean(1) + exact.view(chain.groups, images, -1)
        between = means.var(0).mean(1)
        return Posterior(
            (means.mean(0) + 0.5).view_as(y).to(y),
            *(v.to(y) for v in (within + between, between / chain.groups)),
            (1 + between / within).sqrt().to(y),
        )

    def covariance(self) -> torch.Tensor:
        """Covariance of the pixels of a field of gain 1: (d, d)."""
        one = torch.fft.ifft2(self.spectrum).real
        s = torch.arange(self.side)
        apart = (s[:, None] - s) % self.side
        K = one[apart[:, None, :, None], apart[None, :, None, :]]
        return K.reshape(self.side**2, self.side**2)

    def solve(self, y, sigma, mask, gains, K) -> tuple[torch.Tensor, torch.Tensor]:
        """E[x | y, mask, gains] - 1/2 (image, y, x), and the variance per pixel (image,)."""
        means, variances = [], []
        for m, g, v in zip(mask.flatten(1), gains.square(), y.flatten(1), strict=True):
            n = 1 - m
            C = (g[0] * K + OFFSET**2) * (m[:, None] * m)
            C += (g[1] * K + OFFSET**2) * (n[:, None] * n)
            C.diagonal().add_(sigma**2)
            factor = torch.linalg.cholesky(C)
            means.append(v - sigma**2 * torch.cholesky_solve(v[:, None], factor)[:, 0])
            inverse = torch.cholesky_inverse(factor).diagonal()
            variances.append(sigma**2 * (1 - sigma**2 * inverse.mean()))
        return torch.stack(means).view_as(y), torch.stack(variances)

    @torch.no_grad()
    def given(self, mask: torch.Tensor, y: torch.Tensor, sigma: float) -> torch.Tensor:
        """The oracle that is told the contour: E[x | y, mask], at the likeliest gains.

        For any side, by conjugate gradients with the covariance in the Fourier domain.

        Args:
            mask: (image, y, x), from `optima.contours.masks`; either side may be marked.
            y: (image, 1, y, x).
        """
        data = y[:, 0].float().cpu() - 0.5
        typical = float(self.log_range.mean())
        likelihood = Likelihood(data, sigma, self.alpha, typical)
        pairs = torch.cartesian_prod(SEARCHED, SEARCHED) / self.log_range.mean().exp()
        found = torch.stack([likelihood(mask, p.expand(len(y), 2))[0] for p in pairs])
        parts = torch.stack([mask, 1 - mask], 1)
        power = pairs[found.argmax(0)].square()[:, :, None, None] * self.spectrum
        power[..., 0, 0] = OFFSET**2 * self.side**2

        def covariance(v):
            fields = torch.fft.ifft2(torch.fft.fft2(parts * v[:, None]) * power).real
            return (parts * fields).sum(1)

        def dot(u, v):
            return (u * v).sum((1, 2), keepdim=True)

        solution, residual = torch.zeros_like(data), data.clone()
        direction, size = residual, dot(residual, residual)
        least = RESIDUAL**2 * size
        for _ in range(ITERATIONS):
            if (size <= least).all():
                break
            moved = covariance(direction) + sigma**2 * direction
            step = size / dot(direction, moved)
            solution, residual = solution + step * direction, residual - step * moved
            before, size = size, dot(residual, residual)
            direction = residual + size / before * direction
        return (covariance(solution) + 0.5)[:, None].to(y)


class ContourKnown(nn.Module):
    """The oracle that is told the contour of each image: better than any denoiser can be.

    Args:
        optimum: the optimum for these images.
    """

    blind = False

    def __init__(self, optimum: Calpha):
        super().__init__()
        self.optimum, self.mask = optimum, None

    def tell(self, contour) -> None:
        """Set the contours (image, x) of the images that follow, as in images.zarr."""
        self.mask = masks(torch.as_tensor(contour).float(), self.optimum.side)

    def forward(self, y: torch.Tensor, sigma: Sigma) -> torch.Tensor:
        """E[x | y, contour] (image, 1, y, x).

        Raises:
            ValueError: no contours were set, or not one for each image.
        """
        told = 0 if self.mask is None else len(self.mask)
        if told != len(y):
            raise ValueError(f"told of {told} contours, but asked for {len(y)} images")
        if not several(sigma):
            return self.optimum.given(self.mask, y, sigma)
        columns(sigma, y, 1)
        found = torch.empty_like(y)
        for one in sigma.unique():
            at = (sigma == one).cpu()
            found[at] = self.optimum.given(self.mask[at], y[at], float(one))
        return found
