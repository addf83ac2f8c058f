r"""Predictions from the covariance of the images alone, before any training.

Two Wiener filters, each of N images with covariance C, are the Gaussian null of two networks: the
similarity of their samples, and the gap between training and test errors, need no network. By
random matrix theory (the deterministic equivalents of F. Bach 2023, arXiv 2303.01372) they do not
even need the N images. With

.. math::
    \kappa = s + \frac{\kappa}{n} \mathrm{tr}\, C G, \qquad G = (C + \kappa)^{-1}, \qquad
    s = \sigma^2,

the covariance C_n of n images without a mean has E[C_n (C_n + s)^-1] ~ C G, and with D = tr C^2 G^2

.. math::
    & s^2\, \mathrm{tr}[C_n' A\, C_n' B] \approx \kappa^2 \Bigl(\mathrm{tr}[G A G B]
    + \frac{\mathrm{tr}[C G A G]\; \mathrm{tr}[C G B G]}{n - D}\Bigr), \\
    & \mathrm{tr}[(C_n C_n')^2] \approx D + \frac{\kappa^2 (\mathrm{tr}\, C G^2)^2}{n - D}, \qquad
    C_n' = (C_n + s)^{-1}.

Subtracting the mean of N images leaves n = N - 1 and scales C by (N - 1) / N. For N = 1 the filter
returns its only image. Errors are per pixel, in squared units of the images.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import scipy.optimize
import torch

from gahb.denoisers.references.wiener import Wiener
from gahb.images import to_float

#: Number of angles in the mean over theta in `between`: exact to 1e-6 for smooth functions.
ANGLES = 64


def kappa(variances: np.ndarray, n: float, s: float) -> float:
    """The solution kappa >= s of kappa = s + (kappa / n) sum_k v_k / (v_k + kappa).

    Args:
        variances: (k,), eigenvalues v_k of C.
        n: degrees of freedom, above 0.
        s: sigma^2, 0 or more; with 0 and n at least the rank of C the solution is 0.
    """

    def excess(log):
        k = np.exp(log)
        return 1 - s / k - (variances / (variances + k)).sum() / n

    low, high = np.log([max(s, 1e-14), s + variances.sum() / n + 1e-14])
    return float(np.exp(scipy.optimize.brentq(excess, low, high))) if excess(low) < 0 else s


def errors(variances: np.ndarray, N: int, sigma: float) -> np.ndarray:
    """Mean squared errors (train, test) of the Wiener filter of N images, summed over pixels.

    With f(y) = m + A (y - m), A = C_N (C_N + s)^-1, the training error is s tr A exactly, and the
    test error is tr[(1 - A)^2 C] (1 + 1/N) + s tr A^2.

    Args:
        variances: (k,), eigenvalues of C.
        N: number of images.
        sigma: noise level.
    """
    if N == 1:
        return np.array([0.0, 2 * variances.sum()])
    s, n, v = sigma**2, N - 1, variances * (N - 1) / N
    k = kappa(v, n, s)
    kept, spread = v / (v + k), v / (v + k) ** 2
    D = np.square(kept).sum()
    bias = k**2 * spread.sum() / (1 - D / n) * N / (N - 1)
    noise = D + k**2 * spread.sum() ** 2 / (n - D)
    return np.array([s * kept.sum(), (1 + 1 / N) * bias + s * noise])


def _moments(variances: np.ndarray, varying: np.ndarray, mean: float, N: float, sigma: float):
    """Moments of samples s of a Wiener filter of N images, as in `between`: eigenvalues h of E s
    along the axes, the expected product of two filters' samples |E s|^2, and the expected square E
    |s|^2."""
    if N == 1:  # its only image, whatever the start
        return 0 * variances, mean, mean + (varying * variances).sum()
    start = varying * (variances + sigma**2)
    n, v = N - 1, variances * (N - 1) / N
    theta = (np.arange(ANGLES) + 0.5) * np.pi / 2 / ANGLES
    first = np.mean([v / (v + kappa(v, n, s)) for s in (sigma * np.sin(theta)) ** 2], 0)
    second = v / (v + kappa(v, n, sigma**2))
    of_mean = (varying * (1 - 2 * first + second) * variances / N).sum()
    product, square = ((start * kept).sum() for kept in (first**2, second))
    return first, mean + product, mean + square + of_mean


def between(variances: np.ndarray, varying: np.ndarray, mean: float, N: int, sigma: float) -> float:
    r"""The cosine between samples of two Wiener filters, each of N images of its own.

    Both follow the probability flow from one start y ~ N(m, C + s) at noise level sigma, which ends
    at m_N + h(C_N) (y - m_N), h(v) = (v / (v + s))^(1/2). Since

    .. math:: h(v) = \frac 2 \pi \int_0^{\pi/2} \frac{v}{v + s \sin^2 \theta}\, d\theta,

    E h(C_N) is the mean of C G over theta, with kappa at s sin^2 theta, and E h(C_N)^2 is C G with
    kappa at s. The cosine is the ratio of the expected product and the expected square.

    Args:
        variances: (k,), eigenvalues of C.
        varying: (k,), the squared norm of each eigenvector once its pixels' mean is removed,
            because cosines are of mean-removed images.
        mean: |m|^2 once the mean over pixels is removed.
        N: number of images.
        sigma: noise level at which samples start.
    """
    _, product, square = _moments(variances, varying, mean, N, sigma)
    return product / square


def beyond(
    variances: np.ndarray, varying: np.ndarray, mean: float, N: int, n: int, sigma: float
) -> float:
    r"""`between`, once the sample g of the Gaussian of all n images is projected out of both.

    N of n images vary about these as n N / (n - N) images do about the density. With the samples'
    mean E s and variance V = E |s|^2 - |E s|^2 for that many images, and their common part B = |E
    s|^2 - <E s, g>^2 / |g|^2, it is

    .. math:: \frac{B - V N / (n - N)}{B + V},

    since errors of two filters have the correlation -N / (n - N), as in `gahb.beyond`. V along g,
    one axis of many, is not removed.

    Args:
        variances, varying, mean, N, sigma: as in `between`, with C and m of all n images.
        n: images, at least 2 N.
    """
    as_many = N if N == 1 else N * n / (n - N)
    first, product, square = _moments(variances, varying, mean, as_many, sigma)
    start, h = varying * (variances + sigma**2), (variances / (variances + sigma**2)) ** 0.5
    along = mean + (start * first * h).sum()
    common = product - along**2 / (mean + (start * h**2).sum())
    variance = square - product
    return float((common - variance * N / (n - N)) / (common + variance))


@dataclasses.dataclass(frozen=True)
class Expected:
    """Expected values: between and beyond (N,), mse (N, set, sigma) per pixel."""

    between: np.ndarray
    beyond: np.ndarray
    mse: np.ndarray


def expected(
    of_others: Wiener, of_all: Wiener, n: int, sizes: Sequence[int], sigmas: Sequence[float], start
) -> Expected:
    """`between`, `beyond` and `errors` for each N.

    Args:
        of_others: the Wiener filter of all images but the test images.
        of_all: the Wiener filter of all images, whose samples `beyond` projects out.
        n: number of all images.
        sizes: numbers of training images N.
        sigmas: noise levels of the errors.
        start: noise level at which samples start.
    """
    others, everything = _spectrum(of_others), _spectrum(of_all)
    variances, d = others[0], len(of_all.axes)
    return Expected(
        np.array([between(*others, N, start) for N in sizes]),
        np.array([beyond(*everything, N, n, start) for N in sizes]),
        np.array([np.stack([errors(variances, N, s) for s in sigmas], 1) for N in sizes]) / d,
    )


def _spectrum(f: Wiener) -> tuple[np.ndarray, np.ndarray, float]:
    """variances, varying and mean, as in `between`, of the images of a filter."""
    m, axes = f.mean.flatten().cpu().numpy(), f.axes.cpu().numpy()
    varying = 1 - np.square(axes.sum(0)) / len(axes)
    return f.variances.cpu().numpy(), varying, float(np.square(m - m.mean()).sum())


def wiener_errors(f: Wiener, test: torch.Tensor, sigma: float) -> np.ndarray:
    """Mean squared errors (train, test) per pixel of a Wiener filter f, exact over the noise.

    With A = C (C + s)^-1: s tr A on its own images, |(1 - A)(x - m)|^2 + s tr A^2 on another image.

    Args:
        f: the filter of a training set.
        test: images (image, channel, y, x), over which the second is averaged.
        sigma: noise level.
    """
    kept = f.variances / (f.variances + sigma**2)
    x = (to_float(test).to(f.mean.dtype) - f.mean).flatten(1)
    missed = x.square().sum(1).mean() - ((x @ f.axes).square().mean(0) * (2 - kept) * kept).sum()
    errors = [sigma**2 * kept.sum(), missed + sigma**2 * kept.square().sum()]
    return torch.stack(errors).cpu().numpy() / x.shape[1]
