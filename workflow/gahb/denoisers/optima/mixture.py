"""Images that are one of a few templates plus white Gaussian noise. Exact."""

import math

import torch
from torch import nn

from gahb.denoisers.levels import Sigma, columns


class Mixture(nn.Module):
    """E[x | y] for x = template + spread w, w ~ N(0, I), all templates equally likely.

    Args:
        templates: (template, channel, y, x).
        spread: standard deviation of the noise, a scalar.
    """

    blind = False

    def __init__(self, templates: torch.Tensor, spread: torch.Tensor | float):
        super().__init__()
        self.register_buffer("templates", templates)
        self.register_buffer("spread", torch.as_tensor(spread))

    def _squares(self, y: torch.Tensor) -> torch.Tensor:
        """|y - template|^2, (image, template)."""
        return torch.stack([(y - t).flatten(1).square().sum(1) for t in self.templates], 1)

    def forward(self, y: torch.Tensor, sigma: Sigma) -> torch.Tensor:
        """E[x | y], (image, channel, y, x): y shrunk towards the posterior mean of the template."""
        variance = self.spread**2 + columns(sigma, y, 2) ** 2
        weights = (-self._squares(y) / (2 * variance)).softmax(1)
        mean = (weights @ self.templates.flatten(1)).reshape(y.shape)
        gain = self.spread**2 / (self.spread**2 + columns(sigma, y, 4) ** 2)
        return mean + gain * (y - mean)

    def log_density(self, y: torch.Tensor, sigma: Sigma) -> torch.Tensor:
        """log p_sigma(y), (image,)."""
        variance = self.spread**2 + columns(sigma, y, 2) ** 2
        logs = (-self._squares(y) / (2 * variance)).logsumexp(1) - math.log(len(self.templates))
        return logs - y[0].numel() / 2 * (2 * math.pi * variance).log().flatten()
