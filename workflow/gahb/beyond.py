r"""Agreement beyond the covariance: structure shared by two samples that no Gaussian makes.

Two networks trained on disjoint images make nearly the same sample from the same start. So do two
Wiener filters, which know nothing but mean and covariance. Let g be the sample of the Gaussian that
has the mean m and the covariance C of all images of the data set, from the same start. With the
means over pixels removed, g is projected out of both samples,

.. math::
    r_j = s_j - \langle s_j, \hat g\rangle\, \hat g, \qquad
    \mathrm{beyond} = \frac{\langle r_1, r_2\rangle}{\|r_1\|\, \|r_2\|}, \qquad
    \mathrm{share}_j = \frac{\|r_j\|^2}{\|s_j\|^2}, \qquad \hat g = g / \|g\|.

beyond is the partial correlation of s_1 and s_2 given g, undefined where a share is 0.

Three traps:

- Differences s_j - g in place of projections share the term -g: independent samples score 1/2.
- A Gaussian fitted to M images, none of them training images, has an error of its own, which both
  differences share: two Wiener filters of N images each then score about N / (N + M), 0.84 with the
  200 test images of the default study and N = 1,000. Hence all images are used.
- A g that starts elsewhere, or lacks the noise of the ascent, leaves the start and noise that both
  samples share: two Wiener filters score 0.98.

The null, two Wiener filters of N images each out of all n, is not 0. To first order a filter's
error is a mean over its images. Their covariances, in units of an image's, are 1/N for one filter
with itself, 0 for two filters of disjoint images, and 1/n for each with g and for g with itself, so

.. math:: \mathrm{beyond} = \frac{0 - 1/n - 1/n + 1/n}{1/N - 2/n + 1/n} = -\frac{N}{n - N}.

At N = n / 2 it is -1: the errors of both halves are opposite. Filters of few images shrink too
much. This effect is common to both and of second order, so the null is positive while N is small.
`gahb.prediction.beyond` has both terms.
"""

import numpy as np
import torch
import xarray as xr

from gahb import statistics, store

#: Meaning of NaN.
WHY = "diverged, or nothing is left"
#: A share and a pixel contrast below which only rounding in single precision remains.
NOTHING, BLANK = 1e-8, 1e-6


def left(samples: torch.Tensor, g: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Residuals of samples given a Gaussian's, and their share of the squared norm.

    Args:
        samples, g: (sample, channel, y, x), from the same starts.

    Returns: r / |r| (sample, pixel), NaN where nothing is left, and the share (sample,), NaN for a
        blank sample; in float64.
    """
    s, g = (x.double().flatten(1) for x in (samples, g))
    s, g = (x - x.mean(1, keepdim=True) for x in (s, g))
    g = torch.nn.functional.normalize(g, dim=1)
    r = s - (s * g).sum(1, keepdim=True) * g
    squared = s.square().sum(1)
    blank = squared <= s.shape[1] * BLANK**2
    share = torch.where(blank, torch.nan, r.square().sum(1) / squared)
    unit = r / r.norm(dim=1, keepdim=True)
    return torch.where(share[:, None] > NOTHING, unit, torch.nan), share


def share(samples: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """Part of each sample's squared norm that is beyond the Gaussian's: (sample,)."""
    return left(samples, g)[1]


def beyond(a: torch.Tensor, b: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """Partial correlation of a and b given g: (sample,), NaN where either has nothing beyond g.

    Args:
        a, b: samples of two denoisers (sample, channel, y, x).
        g: the Gaussian's samples, from the same starts.
    """
    return (left(a, g)[0] * left(b, g)[0]).sum(1)


def with_median(name: str, dims, values: np.ndarray, words: str, nan=WHY) -> dict[str, xr.Variable]:
    """The variable NAME (..., sample), and NAME_median (..., bound), its medians with intervals."""
    medians = np.apply_along_axis(statistics.median, -1, values)
    of_medians = store.variable((*dims[:-1], "bound"), medians, f"median {words}", nan=WHY)
    return {name: store.variable(dims, values, words, nan=nan), f"{name}_median": of_medians}
