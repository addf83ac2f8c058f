"""Gaussian images, stationary on the torus. Exact."""

import math

import torch
from torch import nn

from gahb.denoisers.levels import Sigma, columns


class Gaussian(nn.Module):
    """E[x | y] for x whose orthonormal Fourier coefficients are independent Gaussians.

    Args:
        mean: mean of a pixel (channel,).
        spectrum: (channel, y, x), variances of the coefficients.
    """

    blind = False

    def __init__(self, mean: torch.Tensor, spectrum: torch.Tensor):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("spectrum", spectrum)

    def _coefficients(self, y: torch.Tensor) -> torch.Tensor:
        return torch.fft.fft2(y - self.mean[:, None, None], norm="ortho")

    def forward(self, y: torch.Tensor, sigma: Sigma) -> torch.Tensor:
        """E[x | y], (image, channel, y, x): the Wiener filter."""
        gain = self.spectrum / (self.spectrum + columns(sigma, y, 4) ** 2)
        kept = torch.fft.ifft2(self._coefficients(y) * gain, norm="ortho").real
        return self.mean[:, None, None] + kept

    def log_density(self, y: torch.Tensor, sigma: Sigma) -> torch.Tensor:
        """log p_sigma(y), (image,)."""
        variances = self.spectrum + columns(sigma, y, 4) ** 2
        squares = self._coefficients(y).abs().square() / variances
        return -(squares + (2 * math.pi * variances).log()).flatten(1).sum(1) / 2
