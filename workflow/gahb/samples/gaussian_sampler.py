"""Samples of a Gaussian from the same starts as networks' samples, and with the same noise.

Networks' samples take a few steps of Heun's method. The Gaussian's follow the exact flow: the error
of equal steps would be common to all and inflate their agreement. Ascent adds noise in each step,
which the Gaussian's samples must share.
"""

from collections.abc import Callable

import torch

from gahb.denoisers.references.wiener import Wiener
from gahb.samples.gaussian import gaussian_flow
from gahb.samples.sampler import sample


def gaussian_samples(
    f: Wiener,
    first: Callable[[torch.Tensor], torch.Tensor],
    count: int,
    *,
    sampler: str,
    sd: float,
    sigma_min: float,
    seed: int,
    **ascent,
) -> torch.Tensor:
    """Samples of a Gaussian, made like networks' samples: (sample, channel, y, x).

    Args:
        f: the Gaussian, as the Wiener filter of its mean and covariance, in float64.
        first: numbers of samples -> their starts.
        count: number of samples.
        sampler: "ode", in the limit of many steps, or "ascent".
        sd, sigma_min: noise levels of start and end.
        seed: seed of the noise of ascent.
        ascent: further arguments of `gahb.samples.sampler.sample`: h0, beta, sigma_max and
            max_steps.
    """
    device = f.mean.device
    if sampler == "ode":
        return gaussian_flow(f, first(torch.arange(count, device=device)).double(), sd, sigma_min)
    single = Wiener(f.mean.float(), f.variances.float(), f.axes.float())
    drawn = sample(
        single,
        tuple(f.mean.shape),
        count,
        seed,
        sd=sd,
        sigma_min=sigma_min,
        start=first,
        device=device,
        **ascent,
    )
    return torch.from_numpy(drawn.images).to(device)
