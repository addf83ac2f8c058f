"""PSNRs in dB: noise levels, and the slopes and errors that theory predicts."""

import numpy as np

#: Smaller squared errors count as this, the rounding error of float32: 144 dB.
LEAST = 2**-48


def input_psnr(sigma):
    """Expected PSNR in dB of the noisy image itself: -20 log10(sigma)."""
    return -20 * np.log10(sigma)


def sigma_from_psnr(decibel):
    """Noise level whose input PSNR is `decibel` dB."""
    return 10 ** (-np.asarray(decibel) / 20)


def minimax_slope(alpha: float) -> float:
    """The minimax rate of the class of C^alpha images, as the slope of output against input PSNR.

    Sorted coefficients that decay as k^-(alpha + 1) give an error of order
    sigma^(2 alpha / (alpha + 1)), so a slope of alpha / (alpha + 1).
    """
    return alpha / (alpha + 1)


def projection_psnr(sigma, dimension: int, pixels: int):
    """PSNR in dB of projection onto a plane of this dimension: error dimension sigma^2 / d."""
    return -10 * np.log10(dimension * np.square(sigma) / pixels)
