"""A Markov chain over contours, gains and fields of C^alpha images, many chains at a time.

In turn, fields are drawn from their posterior given contour and gains; gains are scaled, with the
fields integrated out; and the contour moves while the fields stay fixed, each time to one of the
rows along a line. Chains start at more noise and cool; meanwhile chains that fit better replace
others in their group. The white noise of the contour is approximated by a Gaussian with the same
variance, 1/3.
"""

import torch

from gahb.denoisers.optima.contours import Contours, masks
from gahb.denoisers.optima.fields import Likelihood

#: Noise level at which chains start.
STARTING = 0.3
#: Moves of the contour while the fields stay fixed, and the rows that each chooses among: their
#: number on either side, and their distance.
SWEEP, REACH, SHORTEST, LONGEST = 8, 8, 0.1, 2.0


class Chain:
    """States of many chains: white noise of the contour, gains, and the mean of x given them.

    Chains are ordered by group, then by chain in the group, then by image.

    Args:
        y: noisy images (image, y, x), 1/2 subtracted.
        sigma, alpha: noise level and regularity.
        log_range: (any,) samples of the log of the range of a field of gain 1.
        groups, chains: number of independent groups, and of chains in each.
        starts: number of draws from the prior among which each group starts.
        seed: seed of all random numbers.
    """

    def __init__(self, y, sigma, alpha, log_range, *, groups, chains, starts, seed):
        self.y, self.sigma, self.side = y.repeat(groups * chains, 1, 1), sigma, y.shape[-1]
        self.groups, self.chains = groups, groups * chains
        self.log_range, self.contours = log_range, Contours(self.side, alpha)
        self.generator = torch.Generator().manual_seed(seed)
        typical = float(log_range.mean())
        self.likelihood = Likelihood(self.y, sigma, alpha, typical)
        # From the posterior at more noise, among draws from the prior separate for each group.
        noise = self.randn(groups * starts, self.side) / 3**0.5
        drawn = torch.randint(len(log_range), (groups * starts, 2), generator=self.generator)
        gains = (0.05 + 0.9 * self.rand(groups * starts, 2)) / log_range[drawn].exp()
        self.sigma = max(sigma, STARTING)
        blurred = Likelihood(y, self.sigma, alpha, typical)
        log_p = blurred.of_all(masks(self.contours(noise).round(), self.side), gains)
        log_p = log_p.view(groups, -1, len(y)).transpose(1, 2).softmax(2).flatten(0, 1)
        likely = torch.multinomial(log_p, chains, True, generator=self.generator)
        likely = likely.view(groups, -1, chains) + starts * torch.arange(groups)[:, None, None]
        likely = likely.transpose(1, 2).flatten()
        self.likelihood.sigma = self.sigma
        self.noise, self.gains = noise[likely], gains[likely]
        self.draw()

    def rand(self, *shape):
        return torch.rand(*shape, generator=self.generator)

    def randn(self, *shape):
        return torch.randn(*shape, generator=self.generator)

    def prior(self, gains: torch.Tensor) -> torch.Tensor:
        """log p(log gains) (chain,): a gain is U(0, 1) over the range of a field."""
        mean, sd = self.log_range.mean(), self.log_range.std()
        logs = gains.log()
        return (torch.special.log_ndtr((-logs - mean) / sd) + logs).sum(1)

    def draw(self) -> None:
        """Draw fields given contour and gains; update the mean of x given these, and log p(y)."""
        self.mask = masks(self.contours(self.noise).round(), self.side)
        self.log_p, self.mean, self.fields = self.likelihood(self.mask, self.gains, self.normal())

    def normal(self) -> torch.Tensor:
        """Standard normal numbers from which fields are drawn: (chain, coefficient)."""
        return self.randn(len(self.y), 2 * len(self.likelihood.harmonics.sd) + 2)

    def cool(self, sigma: float) -> None:
        """Lower the noise level to sigma. In each group, chains that fit y better there replace
        those that fit it worse."""
        before = self.log_p
        self.sigma = self.likelihood.sigma = sigma
        self.draw()
        weights = (self.log_p - before).view(self.groups, self.chains // self.groups, -1)
        size = weights.shape[1]
        chosen = torch.multinomial(
            weights.transpose(1, 2).flatten(0, 1).softmax(1), size, True, generator=self.generator
        )
        chosen = chosen.view(self.groups, -1, size).transpose(1, 2)
        index = torch.arange(len(self.log_p)).view(weights.shape).gather(1, chosen).flatten()
        self.noise, self.gains = self.noise[index], self.gains[index]
        self.draw()

    def scale(self) -> None:
        """A Metropolis step of the gains; fields are redrawn whether or not it is accepted."""
        n = len(self.gains)
        size = 0.5 * self.rand(n, 1) * (self.rand(n, 2) < 0.7)
        gains = self.gains * (size * self.randn(n, 2)).exp()
        log_p, mean, fields = self.likelihood(self.mask, gains, self.normal())
        ratio = log_p - self.log_p + self.prior(gains) - self.prior(self.gains)
        kept = self.rand(n).log() < ratio
        self.gains[kept], self.log_p[kept] = gains[kept], log_p[kept]
        self.mean[kept], self.fields[kept] = mean[kept], fields[kept]

    def sweep(self) -> None:
        """Gibbs moves of the contour given the fields, each among the rows along a line."""
        n, side = self.noise.shape
        tables, height = self.tables(), self.contours(self.noise)
        number = torch.arange(-REACH, REACH + 1.0)[:, None]
        least = self.contours.least_width
        for _ in range(SWEEP):
            place = torch.randint(side, (n, 1), generator=self.generator)
            width = least * (side / 2 / least) ** self.rand(n, 1).square()
            apart = SHORTEST * (LONGEST / SHORTEST) ** self.rand(n, 1)
            move = apart * self.contours.bumps(width, place)
            rows = move @ self.contours.matrix.T
            at = (height[:, None] + number * rows[:, None]).round_().clamp_(0, side).long()
            log_p = self.told(tables, at)
            log_p -= 1.5 * (self.noise[:, None] + number * move[:, None]).square().sum(2)
            chosen = torch.multinomial(log_p.softmax(1), 1, generator=self.generator) - REACH
            self.noise, height = self.noise + chosen * move, height + chosen * rows

    def tables(self) -> torch.Tensor:
        """log p(y in a column | fields): (3, chain, row 0 to side, column). If a < b are the rows
        of the contour in this column and the one to its left, in either order, the sum of the first
        at a and the second at b; if a = b, the third.
        """
        part = torch.arange(5).view(5, 1, 1, 1) / 4
        b, c = self.fields.unbind(1)
        squares = self.gains.square()[..., None, None] * self.likelihood.harmonics.rest
        noise = self.sigma**2 + part**2 * squares[:, 0] + (1 - part) ** 2 * squares[:, 1]
        pixels = -0.5 * ((self.y - part * b - (1 - part) * c).square() / noise + noise.log())
        # A contour at row 0 has no blurred pixel.
        single = torch.nn.functional.pad(pixels, (0, 0, 0, 1))
        single[1:4, :, 0] = torch.stack([pixels[2, :, 0], pixels[4, :, 0], pixels[4, :, 0]])
        sums = torch.nn.functional.pad(pixels.cumsum(2), (0, 0, 1, 0))
        after = torch.nn.functional.pad(sums, (0, 0, 0, 1), "replicate")[:, :, 1:]
        first = sums[0] + single[1] - after[2]
        last = sums[2] + single[3] + sums[4, :, -1:] - after[4]
        same = sums[0] + single[2] + sums[4, :, -1:] - after[4]
        return torch.stack([first, last, same])

    def told(self, tables: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
        """log p(y | fields, contour) of contours `at` (chain, any, column): (chain, any)."""
        left = torch.cat([at[..., :1], at[..., :-1]], -1)
        low, high = at.minimum(left), at.maximum(left)
        apart = tables[0].gather(1, low) + tables[1].gather(1, high)
        return torch.where(low == high, tables[2].gather(1, low), apart).sum(2)
