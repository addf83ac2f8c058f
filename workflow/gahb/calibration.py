r"""Calibration of a theory on a network: at each noise level, the value of its option for which its
score is most aligned with the network's (Kamb & Ganguli, 2024).

.. math::
    \cos = \frac{\langle f(y) - y,\, g(y) - y\rangle}
    {\lVert f(y) - y\rVert\, \lVert g(y) - y\rVert}

for theory f and network g at the same y; the value with the greatest median over images is chosen.
"""

import numpy as np
import torch

from gahb.denoisers.references.calibrated import Refused
from gahb.jacobian import jacobian


def windows(listed: list[int] | None, side: int) -> list[int]:
    """The listed windows, or all odd ones, smaller than the image, then the whole image."""
    return [*(w for w in listed or range(1, side, 2) if w < side), side]


@torch.no_grad()
def cosines(theory, network, noisy: torch.Tensor, sigmas, values: list) -> np.ndarray:
    """The cosine above: (value, sigma, image); NaN where the theory refuses the value.

    Args:
        theory: f, called theory(y, sigma, value).
        network: g, called network(y, sigma).
        noisy: y, (sigma, image, channel, y, x).
        sigmas: their noise levels.
        values: values of the theory's option.

    Raises:
        Refused: the theory refuses all values at a noise level.
    """
    found = torch.full((len(values), *noisy.shape[:2]), torch.nan)
    for s, (y, sigma) in enumerate(zip(noisy, map(float, sigmas), strict=True)):
        score, why = (network(y, sigma) - y).flatten(1), None
        for v, value in enumerate(values):
            try:
                other = (theory(y, sigma, value) - y).flatten(1)
            except Refused as refused:
                why = refused
                continue
            found[v, s] = torch.cosine_similarity(score, other).cpu()
        if why and found[:, s].isnan().all():
            raise why
    return found.numpy()


def best(cosines: np.ndarray, values: list) -> list:
    """The value with the greatest median over images for each sigma; the first in a tie."""
    return [values[i] for i in np.nan_to_num(np.median(cosines, 2), nan=-np.inf).argmax(0)]


def sensitivity(network, noisy: torch.Tensor, sigmas) -> torch.Tensor:
    """The network's mean |df_p / dy_n| over images, at each noise level: (sigma, d, d)."""
    return torch.stack(
        [
            sum(jacobian(network, image, float(sigma)).abs() for image in y) / len(y)
            for y, sigma in zip(noisy, sigmas, strict=True)
        ]
    )
