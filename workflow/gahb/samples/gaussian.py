r"""The probability flow of a Gaussian, in closed form.

From noise level sigma_0 to sigma it scales an axis of variance v by
((v + sigma^2) / (v + sigma_0^2))^(1/2); denoised, the sample is

.. math:: g = m + \sum_k \frac{v_k}{\sqrt{(v_k + \sigma^2)(v_k + \sigma_0^2)}}
    \langle y - m, e_k\rangle\, e_k .
"""

import torch

from gahb.denoisers.references.wiener import Wiener


def gaussian_flow(f: Wiener, y: torch.Tensor, start: float, end: float = 0.0) -> torch.Tensor:
    """Samples of a Gaussian by the probability flow, in closed form; shape of `y`.

    Args:
        f: the Gaussian, as the Wiener filter of its mean and covariance.
        y: (sample, channel, y, x), where samples start.
        start: noise level of `y`.
        end: noise level at which the flow ends, and f denoises.
    """
    kept = f.variances / (f.variances + start**2)
    if end:
        kept = kept * f.variances / (f.variances + end**2)
    coefficients = (y - f.mean).flatten(1) @ f.axes
    return f.mean + (coefficients * kept.sqrt() @ f.axes.T).reshape(y.shape)
