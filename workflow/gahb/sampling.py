"""Sampling from the density implicit in a denoiser by stochastic coarse-to-fine ascent.

Kadkhodaie & Simoncelli (2021), algorithm 1; section 5. From y ~ N(mean, sd^2), for t = 1, 2, ...

    d = f(y) - y,   sigma_t = |d| / sqrt(number of pixels),   stop once sigma_t < sigma_min,
    h_t = h0 t / (1 + h0 (t - 1)),   gamma_t^2 = [(1 - beta h_t)^2 - (1 - h_t)^2] sigma_t^2,
    y <- y + h_t d + gamma_t z,   z ~ N(0, I),

and f(y) is the sample. beta = 1 adds no noise. Each image has its own sigma_t and its own end.
"""

import dataclasses

import numpy as np
import torch


@dataclasses.dataclass
class Samples:
    """Samples and how they came about.

    images: (sample, channel, y, x), clean. A diverged one holds the last finite estimate.
    sigma: (sample, step), sigma_t of each step, NaN after the end.
    steps: (sample,), steps taken.
    diverged: (sample,), True where sigma_t grew past the bound, was not finite, or did not reach
        sigma_min in max_steps.
    """

    images: np.ndarray
    sigma: np.ndarray
    steps: np.ndarray
    diverged: np.ndarray


class _Noise:
    """Standard normal noise that depends on seed, sample and step alone, not on the batch."""

    def __init__(self, seed: int, samples, shape, device):
        seeds = [np.random.SeedSequence([seed, int(s)]).generate_state(1)[0] for s in samples]
        self.generators = [torch.Generator().manual_seed(int(s)) for s in seeds]
        self.shape, self.device = shape, device

    def draw(self, active) -> torch.Tensor:
        noise = torch.empty(len(active), *self.shape)
        for row, i in zip(noise, active, strict=True):
            row.normal_(generator=self.generators[i])
        return noise.to(self.device)


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
    batch: int = 256,
    device: torch.device | str = "cpu",
    progress=None,
) -> Samples:
    """`count` samples of the density implicit in `denoiser`.

    Args:
        denoiser: f, maps (image, channel, y, x) to the same shape.
        shape: (channel, y, x) of a sample.
        count: number of samples.
        seed: sample i has the same noise for any denoiser, count and batch.
        h0, beta, sigma_min, mean, sd: of the algorithm above.
        sigma_max: a sample whose sigma_t exceeds this has diverged.
        max_steps: a sample that takes longer has diverged.
        batch: samples advanced together; finished ones leave.
        progress: called with the number of samples that ended.

    Raises:
        ValueError: h0 or beta outside (0, 1], or sigma_min not below sigma_max.
    """
    if not (0 < h0 <= 1 and 0 < beta <= 1 and 0 < sigma_min < sigma_max):
        raise ValueError(
            f"h0 = {h0} and beta = {beta} must be in (0, 1], and 0 < sigma_min = {sigma_min} "
            f"< sigma_max = {sigma_max}"
        )
    images = torch.zeros(count, *shape)
    sigmas = torch.full((count, max_steps), torch.nan)
    steps = torch.zeros(count, dtype=torch.int32)
    diverged = torch.zeros(count, dtype=torch.bool)
    for start in range(0, count, batch):
        active = np.arange(start, min(start + batch, count))
        noise = _Noise(seed, active, shape, device)
        y = mean + sd * noise.draw(active - start)
        for t in range(1, max_steps + 1):
            d = denoiser(y) - y
            sigma = d.square().flatten(1).mean(1).sqrt()
            on_host = sigma.cpu()
            sigmas[active, t - 1] = on_host
            steps[active] = t
            lost = ~(on_host <= sigma_max)  # also true for NaN
            ended = lost | (on_host < sigma_min) | (t == max_steps)
            if ended.any():
                rows = active[ended.numpy()]
                diverged[rows] = lost[ended] | (on_host[ended] >= sigma_min)
                images[rows] = (y + d)[ended.to(y.device)].nan_to_num().cpu()
                keep = ~ended
                active = active[keep.numpy()]
                y, d, sigma = (a[keep.to(y.device)] for a in (y, d, sigma))
                if progress is not None:
                    progress(len(rows))
                if not len(active):
                    break
            h = h0 * t / (1 + h0 * (t - 1))
            gamma = ((1 - beta * h) ** 2 - (1 - h) ** 2) ** 0.5 * sigma[:, None, None, None]
            y = y + h * d + gamma * noise.draw(active - start)
    longest = int(steps.max()) if count else 0
    return Samples(images.numpy(), sigmas[:, :longest].numpy(), steps.numpy(), diverged.numpy())
