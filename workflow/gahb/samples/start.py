r"""Starts of samples: images with so much noise that only noise is visible.

A sampler that starts at noise level sigma needs images from the density p_sigma, the data density
blurred by sigma. "paper" is mean + sd z, z ~ N(0, I), as if the data were a single image. That is
p_sigma only if the largest eigenvalue of the data's covariance C is far below sigma^2; otherwise
samples fade: along an axis where a Gaussian has variance lambda, the probability flow keeps the
fraction sigma^2 / (lambda + sigma^2). "gaussian" is the Gaussian with the data's mean m and
covariance,

.. math::
    y = m + \frac{X^\top w}{\sqrt{n - 1}} + \sigma z \sim \mathcal N(m, C + \sigma^2), \qquad
    w, z \sim \mathcal N(0, I),

where the rows of X are n images minus their mean: this needs no eigendecomposition, and no more
memory than a few images.
"""

import functools
from collections.abc import Callable

import torch

from gahb.images import to_float
from gahb.samples.noise import noise

#: Images read at a time. Each block has its own random numbers, so this affects the result.
BLOCK = 256


def paper(
    seed: int,
    samples: torch.Tensor,
    shape: tuple[int, int, int],
    *,
    mean: float | torch.Tensor,
    sd: float,
) -> torch.Tensor:
    """mean + sd z: (sample, channel, y, x).

    Args:
        seed: an integer of 64 bits.
        samples: (sample,), numbers of the samples, int64; a start does not depend on the others.
        shape: (channel, y, x).
        mean: mean of every pixel, or of each (channel, y, x).
        sd: standard deviation of every pixel.
    """
    return mean + sd * noise(seed, samples, 0, shape)


def gaussian(seed: int, samples: torch.Tensor, images, *, sigma: float) -> torch.Tensor:
    """Draws from N(m, C + sigma^2): (sample, channel, y, x), on the device of `samples`.

    Args:
        seed: an integer of 64 bits.
        samples: (sample,), numbers of the samples, int64; a start does not depend on the others.
        images: images with mean m and covariance C: a tensor, an array, or anything with a length
            that gives images (image, channel, y, x), bytes or floats, for a slice. Test images,
            because a start must not know a training set.
        sigma: noise level at which the sampler starts.

    Raises:
        ValueError: fewer than two images have no covariance.
    """
    count = len(images)
    if count < 2:
        raise ValueError(f"a covariance needs two images, found {count}")
    total = weighted = weights = 0
    for block, first in enumerate(range(0, count, BLOCK)):
        part = torch.as_tensor(images[first : first + BLOCK]).to(samples.device)
        x = to_float(part).flatten(1).double()
        # Steps from 0 onwards belong to the sampler.
        w = noise(seed, samples, -1 - block, (BLOCK,))[:, : len(x)].double()
        total, weighted, weights = total + x.sum(0), weighted + w @ x, weights + w.sum(1)
    mean = total / count
    spread = (weighted - weights[:, None] * mean) / (count - 1) ** 0.5
    shape = tuple(part.shape[1:])
    return (mean + spread).float().reshape(-1, *shape) + sigma * noise(seed, samples, 0, shape)


def named(
    start: str, seed: int, images, *, mean: float, sd: float
) -> Callable[[torch.Tensor], torch.Tensor]:
    """The function from numbers of samples to their starts, as the config says.

    Args:
        start: "gaussian" or "paper".
        seed: an integer of 64 bits.
        images: test images, as in `gaussian`.
        mean: mean of every pixel, for "paper".
        sd: noise level at which the sampler starts.
    """
    shape = tuple(images[:1].shape[1:])
    return {
        "paper": functools.partial(paper, seed, shape=shape, mean=mean, sd=sd),
        "gaussian": functools.partial(gaussian, seed, images=images, sigma=sd),
    }[start]
