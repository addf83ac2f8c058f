r"""When a model of M Gaussians memorizes: the prediction of Buchanan et al. (2025).

An image is one of a few templates plus white noise of variance v, in d dimensions. A model of M
Gaussians, trained on N of them, can be a *partial memorizer*, which knows M of the N images, or the
*generalizer*, which knows the templates and v. In excess of the memorizer's, their squared errors
on the training set at noise level sigma are about

.. math:: d v \left(1 - \frac M N\right) \qquad\text{and}\qquad \frac{d v}{1 + v / \sigma^2},

and the model is predicted to memorize where the first is smaller: from

.. math:: M^* = N\, \mathrm{E}_\sigma\!\left[\frac{v}{v + \sigma^2}\right]

on, the mean over the noise levels of the training (S. Buchanan, D. Pai, Y. Ma & V. De Bortoli, On
the edge of memorization in diffusion models).
"""

import numpy as np

from gahb.training.recipe import HIGH, LOWEST


def levels(noise: str, count: int = 4096) -> np.ndarray:
    """Noise levels of a training, all equally likely: quantiles of "squared" or "mixed".

    `gahb.training.objective` draws from the same distributions.
    """
    u = (np.arange(count) + 0.5) / count
    if noise == "squared":
        return u**2
    return np.where(u < HIGH, np.sqrt(u / HIGH), LOWEST ** ((1 - u) / (1 - HIGH)))


def partial_memorizer_loss(d: int, v: float, part) -> np.ndarray:
    """d v (1 - M / N), the predicted error of a denoiser that knows M of the N images."""
    return d * v * (1 - np.asarray(part))


def generalizer_loss(d: int, v: float, sigma) -> np.ndarray:
    """d v / (1 + v / sigma^2), predicted for the denoiser that knows templates and variance."""
    return d * v / (1 + v / np.square(sigma))


def predicted(N: int, v: float, sigma) -> float:
    """M*, the M from which the partial memorizer is predicted to have the smaller error.

    Args:
        N: training images.
        v: variance of the noise around templates.
        sigma: noise levels of the training, all equally likely.
    """
    return float(N * np.mean(v / (v + np.square(sigma))))


def crossing(M, errors, level: float) -> float:
    """The M where errors that decrease with M fall below `level`, interpolated linearly.

    NaN if they never do, or are below it from the first M on.

    Args:
        M: increasing.
        errors: at each M.
    """
    M, errors = np.asarray(M, float), np.asarray(errors, float)
    below = np.flatnonzero(errors < level)
    if not len(below) or below[0] == 0:
        return np.nan
    i = below[0]
    part = (errors[i - 1] - level) / (errors[i - 1] - errors[i])
    return float(M[i - 1] + part * (M[i] - M[i - 1]))
