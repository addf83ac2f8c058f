"""Fixed orthogonal bases of images: cosines, and Daubechies' wavelets with four taps (1988).

A basis is a list of orthogonal matrices: the first is applied to the columns and rows of an image,
each further one to the columns and rows of the low frequencies that the previous one left. Cosines
have one matrix, wavelets one for each scale.
"""

import numpy as np
import scipy.fft
import torch

TAPS = (np.array([1, 3, 3, 1]) + np.sqrt(3) * np.array([1, 1, -1, -1])) / np.sqrt(32)


def basis(name: str, side: int) -> list[torch.Tensor]:
    """The matrices of the basis "dct" or "wavelet" of images of side x side pixels, in float64.

    Raises:
        ValueError: wavelets for an odd side.
    """
    return {"dct": _cosines, "wavelet": _wavelets}[name](side)


def coefficients(images: torch.Tensor, steps: list[torch.Tensor]) -> torch.Tensor:
    """Coefficients of images (..., y, x), same shape; low frequencies come first."""
    found = images.clone()
    for step in steps:
        n = len(step)
        found[..., :n, :n] = step @ found[..., :n, :n] @ step.T
    return found


def combined(coefficients: torch.Tensor, steps: list[torch.Tensor]) -> torch.Tensor:
    """The images (..., y, x) that have these coefficients."""
    found = coefficients.clone()
    for step in reversed(steps):
        n = len(step)
        found[..., :n, :n] = step.T @ found[..., :n, :n] @ step
    return found


def _cosines(side: int) -> list[torch.Tensor]:
    return [torch.from_numpy(scipy.fft.dct(np.eye(side), axis=0, norm="ortho"))]


def _wavelets(side: int) -> list[torch.Tensor]:
    """Periodic wavelets: halve the length while it is even and at least the four taps."""
    if side % 2:
        raise ValueError(f"wavelets need an even number of pixels a side, found {side}")
    steps, n = [], side
    while n % 2 == 0 and n >= len(TAPS):
        step = np.zeros((n, n))
        for i in range(n // 2):
            for t, tap in enumerate(TAPS):
                step[i, (2 * i + t) % n] += tap
                step[n // 2 + i, (2 * i + 3 - t) % n] += (-1) ** t * tap
        steps.append(torch.from_numpy(step))
        n //= 2
    return steps
