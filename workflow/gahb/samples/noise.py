"""Noise that depends only on its address: seed, sample, step and pixel."""

import math

import torch

# SplitMix64 (Steele, Lea & Flood, 2014), with its constants as signed integers.
_STEP, _MIX_1, _MIX_2 = (
    n - 2**64 for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)


def _scrambled(state: torch.Tensor) -> torch.Tensor:
    """64 pseudo-random bits for each 64-bit state; >> of signed integers needs the mask."""
    state = (state ^ (state >> 30 & (1 << 34) - 1)) * _MIX_1
    state = (state ^ (state >> 27 & (1 << 37) - 1)) * _MIX_2
    return state ^ (state >> 31 & (1 << 33) - 1)


def noise(seed: int, samples: torch.Tensor, step: int, shape: tuple[int, ...]) -> torch.Tensor:
    """Standard normal noise that depends only on seed, sample, step and pixel.

    Neither the batch nor the denoiser changes it, and no state is kept: it is a counter-based
    generator with the Box-Muller transform, computed on the device of `samples`.

    Args:
        seed: an integer of 64 bits.
        samples: (sample,), numbers of the samples, int64.
        step: 0 for the initial noise.
        shape: shape of one sample.

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
