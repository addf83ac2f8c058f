"""Integrals over noise levels, of squared errors and of their differences."""

import numpy as np
from scipy.integrate import cumulative_simpson, simpson

#: Tolerated error due to the grid of noise levels: a fraction of an integral of squared errors, or
#: nats for each entry of an image.
PART, ENTRY = 0.01, 1e-3


def weights(sigmas: np.ndarray) -> np.ndarray:
    """w, (cut-off, sigma): sum_j w_ij g(sigma_j) is the integral of g sigma^-3 above sigma_i.

    Simpson's rule in log sigma, since g / sigma^2 varies slowly.

    Args:
        sigmas: noise levels, decreasing, a constant factor apart.
    """
    logs = -np.log(sigmas)
    steps = np.eye(len(logs)) / np.square(sigmas)[:, None]
    return cumulative_simpson(steps, dx=logs[1] - logs[0], axis=0, initial=0)


def integration_error(mse: np.ndarray, sigmas: np.ndarray, entries: int) -> float:
    """Error of Simpson's rule for the integral of the mean mse times sigma^-3, in nats.

    A fifteenth of the change of the integral when every second level is left out (Richardson).

    Args:
        mse: (sigma, pair, image), at least two pairs.
        sigmas: 4 n + 1 noise levels as for `weights`.
        entries: number of entries of an image.

    Raises:
        ValueError: the error exceeds PART of the integral and ENTRY for each entry, by more than
            the noises explain.
    """
    step, levels = np.log(sigmas[0] / sigmas[1]), np.eye(len(sigmas)) / np.square(sigmas)
    fine, coarse = simpson(levels, dx=step), simpson(levels[:, ::2], dx=2 * step)
    off, mean = (fine - coarse) / 15, mse.mean((1, 2))
    error, whole = abs(off @ mean), fine @ mean
    variance = mse.var(1, ddof=1).mean(1) / mse[0].size
    noise = np.sqrt(np.square(off) @ variance)
    if error - 3 * noise > max(PART * whole, ENTRY * entries):
        raise ValueError(
            f"{len(sigmas)} noise levels are too few: the integral of squared errors over them is "
            f"{whole:.4g} nats with an error of {error:.2g}, {error / whole:.1%} of it; right "
            f"are at most {PART:.0%} or {ENTRY * entries:.2g} nats. Raise density.intervals"
        )
    return error
