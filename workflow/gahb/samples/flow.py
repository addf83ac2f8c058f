r"""Sampling by the probability flow, which adds no noise: the same start gives the same sample.

As the noise level sigma falls, y moves so that its density stays the data density blurred by sigma
(Song et al., 2021). With the score (f(y) - y) / sigma^2 (Miyasawa) and sigma as time,

.. math:: \frac{dy}{d\sigma} = \frac{y - f(y)}{\sigma}.

It is solved by Heun's method on the noise levels of Karras et al. (2022, EDM, algorithm 1 and
equation 5), whose last step, from sigma_min to 0, is Euler's: it ends at f(y).
"""

import itertools
from collections.abc import Generator, Sequence

import torch


def noise_levels(sigma_max: float, sigma_min: float, steps: int, rho: float = 7.0) -> list[float]:
    """`steps` noise levels from sigma_max down to sigma_min, evenly spaced in sigma^(1 / rho).

    Raises:
        ValueError: not 0 < sigma_min < sigma_max, or fewer than two steps.
    """
    if not (0 < sigma_min < sigma_max and steps >= 2):
        raise ValueError(
            f"sigma_min = {sigma_min} must be above 0 and below sigma_max = {sigma_max}, and "
            f"steps = {steps} at least 2"
        )
    first, last = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    inner = [(first + (last - first) * i / (steps - 1)) ** rho for i in range(1, steps - 1)]
    return [sigma_max, *inner, sigma_min]


@torch.no_grad()
def probability_flow(
    denoiser, y: torch.Tensor, sigmas: Sequence[float]
) -> Generator[tuple[torch.Tensor, ...], torch.Tensor | slice | None, None]:
    """Follow the flow from `y` along the noise levels, each image independently.

    Yields y, f(y) and the noise level (sample,) at each of them, and may be sent which samples to
    continue; the last f(y) are the samples.

    Args:
        denoiser: f, called (y, sigma); a blind one ignores sigma.
        y: (sample, channel, y, x), at the noise level sigmas[0].
        sigmas: noise levels, decreasing, above 0. Each but the last takes two evaluations of f.
    """
    for sigma, lower in itertools.pairwise(sigmas):
        estimate = denoiser(y, sigma)
        going = yield y, estimate, y.new_full((len(y),), sigma)
        if going is not None:
            y, estimate = y[going], estimate[going]
        slope = (y - estimate) / sigma
        ahead = y + (lower - sigma) * slope
        slope_ahead = (ahead - denoiser(ahead, lower)) / lower
        y = y + (lower - sigma) * (slope + slope_ahead) / 2
    yield y, denoiser(y, sigmas[-1]), y.new_full((len(y),), sigmas[-1])


@torch.no_grad()
def followed(denoiser, y: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """Samples (sample, channel, y, x) at the end of the flow from `y`; arguments as above."""
    (*_, (_, last, _)) = probability_flow(denoiser, y, sigmas)
    return last
