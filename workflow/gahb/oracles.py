"""Oracles: the best shrinkage of an image in a fixed basis."""

import numpy as np

from gahb.decibels import LEAST


def oracle_shrinkage(coefficients: np.ndarray, sigma: float) -> np.ndarray:
    """lambda_k = <x, e_k>^2 / (<x, e_k>^2 + sigma^2), the best factors in a fixed basis.

    The expected squared error is sigma^2 times their sum.
    """
    energy = np.square(coefficients)
    return energy / (energy + sigma**2)


def oracle_psnr(coefficients: np.ndarray, sigma, squares=None) -> np.ndarray:
    """Expected PSNR in dB of the best shrinkage in a fixed basis, for one image x.

    It is an oracle: its factors know x. No diagonal denoiser in this basis is better on average.

    Args:
        coefficients: <x, e_k> along the last axis.
        sigma: noise level, or an array that broadcasts against the sums over k.
        squares: |x|^2, (...,), and number of pixels, if the e_k do not span all images: the
            component outside is then set to 0.
    """
    errors = np.square(sigma) * oracle_shrinkage(coefficients, np.asarray(sigma)[..., None]).sum(-1)
    pixels = coefficients.shape[-1]
    if squares is not None:
        whole, pixels = squares
        errors = errors + np.maximum(whole - np.square(coefficients).sum(-1), 0)
    # The error of a blank image is 0.
    return -10 * np.log10(np.maximum(errors / pixels, LEAST))
