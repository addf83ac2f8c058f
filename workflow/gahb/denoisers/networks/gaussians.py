r"""A mixture of Gaussians with learned means: the model of Buchanan et al. (2025).

.. math::
    f(y) = \sum_c r_c(y) \Bigl[m_c + \frac{v}{v + \sigma^2} (y - m_c)\Bigr], \qquad
    r_c(y) = \mathrm{softmax}_c\Bigl(-\frac{|y - m_c|^2}{2 (v + \sigma^2)}\Bigr)

is E[x | y] for an equal-weight mixture of isotropic Gaussians. With a mean on each training image
and v = 0 it is the memorizer; with the means and the variance of the images' own mixture it is the
best denoiser of that mixture. It serves to study which of the two is learned when the number of
means fits neither (S. Buchanan, D. Pai, Y. Ma & V. De Bortoli, On the edge of memorization in
diffusion models).

Training starts with the means on training images that are far apart (`start_at`), so that each
template has one.
"""

import math

import torch
from torch import nn

from gahb.denoisers.levels import Sigma, columns
from gahb.images import to_float

#: Initial standard deviation of the Gaussians, for images in [0, 1]; also of the means, if there is
#: no training set.
SPREAD = 0.2


class Gaussians(nn.Module):
    """Maps noisy images y to the noise in them, so that the denoiser is f(y) = y - Gaussians(y).

    It computes in the precision of its weights even under autocast: differences of distances are
    small.

    Args:
        image_channels: 1 (gray) or 3 (color).
        side: side of the images in pixels, the only size that it takes.
        means: number of Gaussians.

    forward: (image, channel, y, x) and sigma, a number or one for each image -> same shape.

    Raises:
        ValueError: images of another shape.
    """

    needs_sigma = True

    def __init__(self, image_channels: int = 1, *, side: int, means: int):
        super().__init__()
        start = 0.5 + SPREAD * torch.randn(means, image_channels, side, side)
        self.means = nn.Parameter(start)
        self.log_variance = nn.Parameter(torch.full((1, 1, 1, 1), 2 * math.log(SPREAD)))

    @torch.no_grad()
    def start_at(self, images: torch.Tensor) -> None:
        """Put the means on training images: the first, then always the farthest from all means.

        Args:
            images: the training set (image, channel, y, x), bytes or floats in [0, 1].

        Raises:
            ValueError: fewer images than means.
        """
        if len(images) < len(self.means):
            raise ValueError(
                f"means: found {len(self.means)} for N = {len(images)} training images; right is "
                "at most N"
            )
        images = to_float(images)
        taken, nearest = [0], torch.full((len(images),), torch.inf, device=images.device)
        while len(taken) < len(self.means):
            away = (images - images[taken[-1]]).flatten(1).square().sum(1)
            nearest = torch.minimum(nearest, away)
            taken.append(int(nearest.argmax()))
        self.means.copy_(images[taken])

    def forward(self, y: torch.Tensor, sigma: Sigma) -> torch.Tensor:
        if y.shape[1:] != self.means.shape[1:]:
            raise ValueError(
                f"images of shape {tuple(y.shape[1:])}, but these Gaussians are for "
                f"{tuple(self.means.shape[1:])}"
            )
        with torch.autocast(y.device.type, enabled=False):
            means, v, noise = (
                self.means.flatten(1),
                self.log_variance.exp(),
                columns(sigma, y, 4) ** 2,
            )
            # |y|^2 is the same for all of them and drops out.
            logits = y.flatten(1) @ means.T - means.square().sum(1) / 2
            mean = (logits / (v + noise).flatten(1)).softmax(1) @ means
            return noise / (v + noise) * (y - mean.reshape(y.shape))


build = Gaussians
