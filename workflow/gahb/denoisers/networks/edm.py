r"""The usual UNet of diffusion models, which is told the noise level (Karras et al., 2022, EDM).

.. math::
    f(y) = \tfrac12 + \frac{s^2}{\sigma^2 + s^2}\,u + \frac{\sigma s}{\sqrt{\sigma^2 + s^2}}\,
    F\!\left(\frac{u}{\sqrt{\sigma^2 + s^2}},\, \frac{\ln\sigma}{4}\right), \qquad u = y - \tfrac12,

with s the standard deviation of pixels, so that the input and the target of F have unit variance at
every noise level. F has group norms, additive constants, SiLU, attention at the lowest resolution,
and gains and offsets that depend on the noise level. It is not homogeneous: all it shares with the
bias-free UNet is convolutions at several scales.

Attention is written as matrix products, because torch's fused attention has no forward derivatives.
"""

import math

import torch
from torch import nn

from gahb.denoisers.levels import Sigma, columns
from gahb.denoisers.networks.biased_unet import Offset

#: s, for images in [0, 1]; Karras et al. use 0.5 for images in [-1, 1].
SD = 0.25
#: Smallest noise level that F is told.
LEAST = 1e-4
#: Frequencies at which the logarithm of the noise level is embedded, each as a sine and a cosine.
WAVES = 8


def _conv(inputs: int, outputs: int, size: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)
    return nn.Sequential(convolution, Offset(outputs))


class Norm(nn.Module):
    """Group norm of at least four channels, with a gain and an offset for each channel."""

    def __init__(self, channels: int):
        super().__init__()
        self.groups = max(g for g in range(1, channels // 4 + 1) if channels % g == 0)
        # Four-dimensional, so that the optimizers do not treat it as a matrix.
        self.gain = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.offset = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x):
        normalized = nn.functional.group_norm(x, self.groups, eps=1e-6)
        return self.offset + self.gain * normalized


class Block(nn.Module):
    """A residual block of two convolutions, modulated by the embedded noise level."""

    def __init__(self, inputs: int, outputs: int, embedded: int):
        super().__init__()
        self.first_norm, self.first = Norm(inputs), _conv(inputs, outputs, 3)
        self.modulation = _conv(embedded, 2 * outputs, 1)
        self.second_norm, self.second = Norm(outputs), _conv(outputs, outputs, 3)
        self.skip = nn.Identity() if inputs == outputs else _conv(inputs, outputs, 1)

    def forward(self, x, level):
        h = self.first(nn.functional.silu(self.first_norm(x)))
        gain, offset = self.modulation(level).chunk(2, 1)
        h = nn.functional.silu(offset + (1 + gain) * self.second_norm(h))
        return (self.skip(x) + self.second(h)) / 2**0.5


class Attention(nn.Module):
    """Attention among all pixels of (image, channel, y, x), added to its input."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm, self.mix = Norm(channels), _conv(channels, channels, 1)
        self.queries, self.keys, self.values = (_conv(channels, channels, 1) for _ in range(3))

    def forward(self, x):
        h = self.norm(x)
        q, k, v = (m(h).flatten(2) for m in (self.queries, self.keys, self.values))
        weights = (q.mT @ k / q.shape[1] ** 0.5).softmax(2)
        mixed = (v @ weights.mT.to(v.dtype)).unflatten(2, x.shape[2:])
        return (x + self.mix(mixed)) / 2**0.5


class EDM(nn.Module):
    """Maps noisy images y to the noise in them, so that the denoiser is f(y) = y - EDM(y, sigma).

    Args:
        image_channels: 1 (gray) or 3 (color).
        channels: channels of the first block, at least 4, doubled at each scale.
        blocks: number of downsamplings; the image side must be a multiple of 2**blocks.

    forward: (image, channel, y, x) and sigma, a number or one for each image -> same shape.
    """

    needs_sigma = True

    def __init__(self, image_channels: int = 1, channels: int = 64, blocks: int = 3):
        super().__init__()
        width, embedded = [channels * 2**b for b in range(blocks + 1)], 4 * channels
        self.enter = _conv(image_channels, channels, 3)
        self.embed = nn.Sequential(
            _conv(2 * WAVES, embedded, 1), nn.SiLU(), _conv(embedded, embedded, 1), nn.SiLU()
        )
        self.encoder = nn.ModuleList(
            Block(width[max(b - 1, 0)], width[b], embedded) for b in range(blocks)
        )
        self.middle = Block(width[-2], width[-1], embedded)
        self.attention = Attention(width[-1])
        self.decoder = nn.ModuleList(
            Block(width[b + 1] + width[b], width[b], embedded) for b in range(blocks)
        )
        self.leave_norm = Norm(channels)
        # F is 0 at first.
        self.leave = nn.Parameter(torch.zeros(image_channels, channels, 3, 3))

    def forward(self, y: torch.Tensor, sigma: Sigma) -> torch.Tensor:
        sigma = torch.as_tensor(columns(sigma, y, 4), dtype=y.dtype, device=y.device)
        sigma, u = sigma.reshape(-1, 1, 1, 1), y - 0.5
        whole = (sigma.square() + SD**2).sqrt()
        found = self.predicted(u / whole, sigma.clamp(min=LEAST).log() / 4)
        return (sigma / whole).square() * u - sigma * SD / whole * found

    def predicted(self, x: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        """F at images of unit variance (image, channel, y, x) and levels (image, 1, 1, 1)."""
        phase = level * torch.arange(1, WAVES + 1, device=x.device).view(1, -1, 1, 1) * math.pi
        level = self.embed(torch.cat([phase.sin(), phase.cos()], 1))
        x, skips = self.enter(x), []
        for block in self.encoder:
            x = block(x, level)
            skips.append(x)
            x = nn.functional.avg_pool2d(x, 2)
        x = self.attention(self.middle(x, level))
        for block, skip in zip(reversed(self.decoder), reversed(skips), strict=True):
            x = torch.cat([nn.functional.interpolate(x, scale_factor=2.0), skip], 1)
            x = block(x, level)
        x = nn.functional.silu(self.leave_norm(x))
        return nn.functional.conv2d(x, self.leave, padding=1)


build = EDM
