"""Sampling from the density implicit in a denoiser.

A sampler is a generator: in each step it yields y, the estimate f(y) and the noise level sigma_t
(sample,) of y, and is sent which samples to continue. A start gives the first y. `sample` does the
bookkeeping: it ends samples, and marks those that have diverged.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Generator

import numpy as np
import torch

from gahb.samples.inverse import Constrained, Measurement
from gahb.samples.noise import noise
from gahb.samples.start import paper

#: y, f(y) (sample, channel, y, x) and sigma_t (sample,).
Step = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@torch.no_grad()
def coarse_to_fine(
    denoiser,
    y: torch.Tensor,
    samples: torch.Tensor,
    seed: int,
    *,
    h0: float = 0.01,
    beta: float = 0.5,
    sd: float = 1.0,
) -> Generator[Step, torch.Tensor | slice, None]:
    r"""Stochastic coarse-to-fine ascent (Kadkhodaie & Simoncelli, 2021, algorithm 1).

    For t = 1, 2, ...

    .. math::
        & d_t = f(y) - y, \qquad \sigma_t = \frac{\lVert d_t\rVert}{\sqrt d}, \qquad
        h_t = \frac{h_0 t}{1 + h_0 (t - 1)}, \\
        & \gamma_t^2 = \bigl[(1 - \beta h_t)^2 - (1 - h_t)^2\bigr] \sigma_t^2, \\
        & y \leftarrow y + h_t d_t + \gamma_t z, \qquad z \sim \mathcal N(0, I),

    with d the number of pixels times channels. Each sample has its own sigma_t. beta = 1 adds no
    noise: the steps are then Euler's, in log sigma, along the probability flow
    dy/dsigma = -sigma score(y).

    A denoiser that is not blind is told the noise level intended by the steps, sigma_1 = sd and
    sigma_{t+1} = (1 - beta h_t) sigma_t, which then also replaces the sigma_t above.

    Args:
        denoiser: f.
        y: (sample, channel, y, x), at noise level `sd`.
        samples: (sample,), their numbers, which with `seed` determine their noise.
        h0, beta: in (0, 1].
    """
    level = float(sd)
    for t in itertools.count(1):
        # A step with h0 = beta = 1 leaves sigma = 0, by which a denoiser may divide.
        estimate = denoiser(y, max(level, 1e-6))
        d = estimate - y
        sigma = rms(d) if denoiser.blind else y.new_full((len(y),), level)
        going = yield y, estimate, sigma
        y, d, sigma, samples = (a[going] for a in (y, d, sigma, samples))
        h = h0 * t / (1 + h0 * (t - 1))
        gamma = ((1 - beta * h) ** 2 - (1 - h) ** 2) ** 0.5 * sigma[:, None, None, None]
        y = y + h * d + gamma * noise(seed, samples, t, y.shape[1:])
        level *= 1 - beta * h


def rms(images: torch.Tensor) -> torch.Tensor:
    """Root mean square of each image's pixels: (image,)."""
    return images.square().flatten(1).mean(1).sqrt()


@dataclasses.dataclass
class Samples:
    """Samples and how they were made.

    images: (sample, channel, y, x), clean: f of the last y. A diverged one is its last estimate,
        with 0 where that is not finite.
    sigma: (sample, step), sigma_t of each step, NaN after the end.
    steps: (sample,), steps taken.
    diverged: (sample,), True where |f(y) - y| grew past the bound, was not finite, or sigma_t did
        not reach sigma_min in max_steps.
    trajectory: (sample, level, channel, y, x), y when sigma_t was first at or below each level; NaN
        if it never was.
    """

    images: np.ndarray
    sigma: np.ndarray
    steps: np.ndarray
    diverged: np.ndarray
    trajectory: np.ndarray

    @classmethod
    def empty(cls, count: int, shape, max_steps: int, levels: int) -> "Samples":
        """Samples before the first step, as tensors on the CPU."""
        return cls(
            torch.zeros(count, *shape),
            torch.full((count, max_steps), torch.nan),
            torch.zeros(count, dtype=torch.int32),
            torch.zeros(count, dtype=torch.bool),
            torch.full((count, levels, *shape), torch.nan),
        )

    def take(self, steps, active: torch.Tensor, levels, sigma_min: float, sigma_max: float):
        """Follow a sampler until all its samples have ended; yields how many end in each step.

        Args:
            steps: the sampler, a generator of `Step`.
            active: (sample,), which samples it has.
            levels: noise levels at which y is kept.
            sigma_min, sigma_max: as in `sample`.
        """
        going, last = None, self.sigma.shape[1]
        passed = torch.zeros(len(self.images), len(levels), dtype=torch.bool)
        for t in range(1, last + 1):
            y, estimate, sigma = steps.send(going)
            sigma, lost = sigma.cpu(), ~(rms(estimate - y) <= sigma_max).cpu()  # or NaN
            self.sigma[active, t - 1] = sigma
            self.steps[active] = t
            for i, level in enumerate(levels):
                first = ~lost & (sigma <= level) & ~passed[active, i]
                passed[active[first], i] = True
                self.trajectory[active[first], i] = y[first.to(y.device)].cpu()
            ended = lost | (sigma <= sigma_min) | (t == last)
            going = slice(None)
            if ended.any():
                clean = estimate[ended.to(y.device)].nan_to_num(0, 0, 0).cpu()
                self.images[active[ended]] = clean
                self.diverged[active[ended]] = (lost | (sigma > sigma_min))[ended]
                yield int(ended.sum())
                active, going = active[~ended], (~ended).to(y.device)
                if not len(active):
                    return


@torch.no_grad()
def sample(
    denoiser,
    shape: tuple[int, int, int],
    count: int,
    seed: int,
    *,
    h0: float = 0.01,
    beta: float = 0.5,
    sigma_min: float = 0.01,
    mean: float = 0.5,
    sd: float = 1.0,
    sigma_max: float = 3.0,
    max_steps: int = 2000,
    levels: tuple[float, ...] = (),
    start: Callable[[torch.Tensor], torch.Tensor] | None = None,
    sampler: Callable[..., Generator] | None = None,
    measurement: Measurement | None = None,
    batch: int = 256,
    device: torch.device | str = "cpu",
    progress: Callable[[int], object] = lambda ended: None,
) -> Samples:
    """`count` samples of the density implicit in `denoiser`, by `coarse_to_fine` ascent.

    A sample starts at y ~ N(mean, sd^2) and is f(y) once sigma_t <= sigma_min.

    Args:
        denoiser: f, called denoiser(y, sigma), with an attribute `blind`; on `device`.
        shape: (channel, y, x) of a sample.
        seed: sample i has the same noise for any denoiser, count and batch.
        h0, beta, sigma_min, mean, sd: parameters of the steps, the end and the start.
        sigma_max, max_steps: a sample with |f(y) - y| / sqrt(number of pixels) above sigma_max has
            diverged, and so has one that takes more steps.
        levels: noise levels at which y is kept.
        start: numbers of samples -> their first y, at noise level `sd`, in place of mean + sd z.
        sampler: (denoiser, y, numbers) -> generator like `coarse_to_fine`, in place of it.
        measurement: samples agree with it exactly, and so does mean + sd z.
        batch: samples advanced together; finished ones leave, and `progress` is told how many.

    Raises:
        ValueError: h0 or beta outside (0, 1], or sigma_min or sd not below sigma_max.
    """
    if not (0 < h0 <= 1 and 0 < beta <= 1 and 0 < sigma_min < sigma_max and sd < sigma_max):
        raise ValueError(
            f"h0 = {h0} and beta = {beta} must be in (0, 1], and sigma_min = {sigma_min} > 0 and "
            f"sd = {sd} below sigma_max = {sigma_max}"
        )
    own = functools.partial(coarse_to_fine, seed=seed, h0=h0, beta=beta, sd=sd)
    drawn = Samples.empty(count, shape, max_steps, len(levels))
    center = torch.full(shape, float(mean), device=device)
    if measurement is not None:
        center, denoiser = measurement.imposed(center[None])[0], Constrained(denoiser, measurement)
    for active in torch.arange(count).split(batch):
        numbers = active.to(device)
        y = start(numbers) if start else paper(seed, numbers, shape, mean=center, sd=sd)
        steps = (sampler or own)(denoiser, y, numbers)
        for ended in drawn.take(steps, active, levels, sigma_min, sigma_max):
            progress(ended)
    longest = int(drawn.steps.max()) if count else 0
    fields = {f.name: getattr(drawn, f.name).numpy() for f in dataclasses.fields(Samples)}
    return Samples(**fields | {"sigma": fields["sigma"][:, :longest]})
