"""Sampling from the density implicit in a denoiser by stochastic coarse-to-fine ascent.

Kadkhodaie & Simoncelli (2021), algorithm 1. From y ~ N(mean, sd^2), for t = 1, 2, ...

    d = f(y) - y,   sigma_t = |d| / sqrt(number of pixels),   stop once sigma_t < sigma_min,
    h_t = h0 t / (1 + h0 (t - 1)),   gamma_t^2 = [(1 - beta h_t)^2 - (1 - h_t)^2] sigma_t^2,
    y <- y + h_t d + gamma_t z,   z ~ N(0, I),

and f(y) is the sample. Each image has its own sigma_t and its own end. beta = 1 adds no noise: the
steps are then Euler's, in log sigma, along the probability flow dy/dsigma = -sigma score(y).

A denoiser that needs sigma is told the one that the steps are made for, sigma_1 = sd and
sigma_{t+1} = (1 - beta h_t) sigma_t, which then also stands for the sigma_t above.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import torch

from gahb.denoising import told


@dataclasses.dataclass
class Samples:
    """Samples and how they came about.

    images: (sample, channel, y, x), clean. A diverged one holds its last estimate, 0
        where that is not finite.
    sigma: (sample, step), sigma_t of each step, NaN after the end.
    steps: (sample,), steps taken.
    diverged: (sample,), True where sigma_t grew past the bound, was not finite, or did not reach
        sigma_min in max_steps.
    trajectory: (sample, level, channel, y, x), y when sigma_t first was at or below each level; NaN
        where it never was.
    """

    images: np.ndarray
    sigma: np.ndarray
    steps: np.ndarray
    diverged: np.ndarray
    trajectory: np.ndarray


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What is known of the image that is sampled (algorithm 2 of the same paper).

    project: (image, channel, y, x) -> same shape, the part of an image that is measured: an
        orthogonal projection M M^T.
    measured: (channel, y, x), that part of the true image.
    """

    project: Callable[[torch.Tensor], torch.Tensor]
    measured: torch.Tensor


def inpainting(image: torch.Tensor, known: torch.Tensor) -> Measurement:
    """Known pixels of `image` (channel, y, x); `known` is True there."""
    return Measurement(lambda y: y * known.to(y.device), image * known)


def super_resolution(image: torch.Tensor, factor: int) -> Measurement:
    """Means of `image` (channel, y, x) over blocks of factor x factor pixels.

    Raises:
        ValueError: a side of the image is no multiple of `factor`.
    """
    if image.shape[1] % factor or image.shape[2] % factor:
        raise ValueError(f"sides {tuple(image.shape[1:])} must be multiples of factor = {factor}")

    def project(y):
        means = torch.nn.functional.avg_pool2d(y, factor)
        return means.repeat_interleave(factor, -1).repeat_interleave(factor, -2)

    return Measurement(project, project(image[None])[0])


# SplitMix64 (Steele, Lea & Flood, 2014), its constants as signed integers.
_STEP, _MIX_1, _MIX_2 = (
    n - 2**64 for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)


def _scrambled(state: torch.Tensor) -> torch.Tensor:
    """64 pseudo-random bits for each 64-bit state; >> of signed integers needs the mask."""
    state = (state ^ (state >> 30 & (1 << 34) - 1)) * _MIX_1
    state = (state ^ (state >> 27 & (1 << 37) - 1)) * _MIX_2
    return state ^ (state >> 31 & (1 << 33) - 1)


def noise(seed: int, samples: torch.Tensor, step: int, shape: tuple[int, ...]) -> torch.Tensor:
    """Standard normal noise that depends on seed, sample, step and pixel alone.

    Neither the batch nor the denoiser changes it, and no state is kept: it is a counter-based
    generator with Box and Muller's transform, computed on the device of `samples`.

    Args:
        seed: an integer of 64 bits.
        samples: (sample,), numbers of the samples, int64.
        step: 0 for the initial noise.
        shape: of one sample.

    Returns: (sample, *shape), float32.
    """
    key = torch.full_like(samples, seed)
    for counter in (samples, torch.full_like(samples, step)):
        key = _scrambled(key * _STEP + counter)
    pixels = math.prod(shape)
    pairs = torch.arange(1, (pixels + 1) // 2 + 1, device=samples.device)
    bits = _scrambled(_scrambled(key)[:, None] + pairs * _STEP)
    radius = (-2 * (((bits >> 32 & 0xFFFFFFFF) + 0.5) / 2**32).log()).sqrt()
    angle = (bits & 0xFFFFFFFF) * (2 * math.pi / 2**32)
    normal = torch.cat([radius * angle.cos(), radius * angle.sin()], 1)[:, :pixels]
    return normal.float().reshape(-1, *shape)


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
    snapshots: tuple[float, ...] = (),
    measurement: Measurement | None = None,
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
        sigma_max: a sample with |d| / sqrt(number of pixels) above this has diverged.
        max_steps: a sample that takes longer has diverged.
        snapshots: noise levels at which y is kept.
        measurement: samples agree with it exactly.
        batch: samples advanced together; finished ones leave.
        device: where the denoiser is.
        progress: called with the number of samples that ended.

    Raises:
        ValueError: h0 or beta outside (0, 1], or sigma_min or sd not below sigma_max.
    """
    if not (0 < h0 <= 1 and 0 < beta <= 1 and 0 < sigma_min < sigma_max and sd < sigma_max):
        raise ValueError(
            f"h0 = {h0} and beta = {beta} must be in (0, 1], and sigma_min = {sigma_min} > 0 and "
            f"sd = {sd} below sigma_max = {sigma_max}"
        )
    scheduled = getattr(denoiser, "needs_sigma", False)
    images = torch.zeros(count, *shape)
    sigmas = torch.full((count, max_steps), torch.nan)
    steps = torch.zeros(count, dtype=torch.int32)
    diverged = torch.zeros(count, dtype=torch.bool)
    trajectory = torch.full((count, len(snapshots), *shape), torch.nan)
    passed = torch.zeros(count, len(snapshots), dtype=torch.bool)
    start = torch.full((1, *shape), float(mean), device=device)
    if measurement is not None:
        start = start - measurement.project(start) + measurement.measured.to(device)
    for active in torch.arange(count).split(batch):
        y = start + sd * noise(seed, active.to(device), 0, shape)
        level = float(sd)
        for t in range(1, max_steps + 1):
            # A step with h0 = beta = 1 leaves no noise, by which a denoiser may divide.
            estimate = told(denoiser, max(level, 1e-6))(y)
            if measurement is not None:
                estimate = estimate - measurement.project(estimate) + measurement.measured.to(y)
            d = estimate - y
            size = d.square().flatten(1).mean(1).sqrt()
            sigma = torch.full_like(size, level) if scheduled else size
            lost = ~(size <= sigma_max).cpu()  # also true for NaN
            on_host = sigma.cpu()
            sigmas[active, t - 1] = on_host
            steps[active] = t
            for i, snapshot in enumerate(snapshots):
                first = ~lost & (on_host <= snapshot) & ~passed[active, i]
                passed[active[first], i] = True
                trajectory[active[first], i] = y[first.to(device)].cpu()
            ended = lost | (on_host < sigma_min) | (t == max_steps)
            if ended.any():
                images[active[ended]] = estimate[ended.to(device)].nan_to_num(0, 0, 0).cpu()
                diverged[active[ended]] = (lost | (on_host >= sigma_min))[ended]
                if progress is not None:
                    progress(int(ended.sum()))
                active = active[~ended]
                y, d, sigma = (a[~ended.to(device)] for a in (y, d, sigma))
                if not len(active):
                    break
            h = h0 * t / (1 + h0 * (t - 1))
            gamma = ((1 - beta * h) ** 2 - (1 - h) ** 2) ** 0.5 * sigma[:, None, None, None]
            y = y + h * d
            if beta < 1:
                y = y + gamma * noise(seed, active.to(device), t, shape)
            level *= 1 - beta * h
    longest = int(steps.max()) if count else 0
    return Samples(
        images.numpy(),
        sigmas[:, :longest].numpy(),
        steps.numpy(),
        diverged.numpy(),
        trajectory.numpy(),
    )
