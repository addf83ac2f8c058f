r"""Log-densities from squared errors (pointwise I-MMSE; Guo et al. 2005, Kong et al. 2023).

If f(y) = E[x | y] under a density q, and q_sigma is q blurred by N(0, sigma^2), then for every x

.. math::
    \frac{d}{d\sigma}\, \mathbb E_z \log q_\sigma(x + \sigma z)
    = \frac{\mathrm{mse}(x, \sigma) - d\, \sigma^2}{\sigma^3},

because q_sigma obeys the heat equation and f(y) - y = sigma^2 grad log q_sigma(y). So a denoiser's
errors above a cut-off sigma_0 give the expected log-density of the image with that noise,

.. math:: \mathbb E_z \log q_{\sigma_0}(x + \sigma_0 z).

It is computed as the difference from a Gaussian, whose own is known, since that is less noisy;
above the largest noise level q is the Gaussian.
"""

import numpy as np
import torch

from gahb.denoisers.references.wiener import Wiener
from gahb.density.integral import weights


def gaussian_log_density(wiener: Wiener, images: torch.Tensor, sigmas: np.ndarray) -> np.ndarray:
    """E_z log q_sigma(x + sigma z) for a Wiener filter's own density q = N(mean, C), in nats.

    -1/2 sum_k [log 2 pi (v_k + sigma^2) + (c_k^2 + sigma^2) / (v_k + sigma^2)], with c_k the
    coefficients of x - mean along the eigenvectors of C and v_k their variances.

    Args:
        wiener: the filter.
        images: x (image, channel, y, x), floats.
        sigmas: noise levels.

    Returns: (sigma, image).
    """
    centered = (images - wiener.mean).double().flatten(1)
    squares = (centered @ wiener.axes.double()).square()
    # If there are fewer eigenvectors than pixels, the others have variance 0.
    outside = centered.shape[1] - squares.shape[1]
    rest = (centered.square().sum(1) - squares.sum(1)).clamp(min=0) if outside else 0
    found = []
    for noise in np.square(np.asarray(sigmas, float)):
        v = wiener.variances.double() + noise
        each = (2 * torch.pi * v).log().sum() + ((squares + noise) / v).sum(1)
        each = each + outside * (np.log(2 * np.pi * noise) + 1) + rest / noise
        found.append(-each.cpu().numpy() / 2)
    return np.array(found)


def log_density(
    mse: np.ndarray, mse_gaussian: np.ndarray, gaussian: np.ndarray, sigmas: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """E_z log q_sigma(x + sigma z) at each noise level as the cut-off, and its standard error.

    Args:
        mse, mse_gaussian: errors of the denoiser and of the Gaussian's Wiener filter with the same
            noises, (sigma, pair, image); at least two pairs, from which the standard error comes.
        gaussian: the Gaussian's own (sigma, image), from `gaussian_log_density`.
        sigmas: noise levels as for `gahb.density.integral.weights`.

    Returns: both (sigma, image), in nats.
    """
    gain, w = mse_gaussian - mse, weights(sigmas)
    variance = gain.var(1, ddof=1) / gain.shape[1]
    return gaussian + w @ gain.mean(1), np.sqrt(np.square(w) @ variance)
