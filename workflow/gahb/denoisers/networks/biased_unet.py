"""The UNet with biases: an additive constant for each channel before each ReLU and at the end.

Nothing else differs from the bias-free UNet, and the constants start at 0, so that both start as
the same map. With them the denoiser is no longer homogeneous: f(a y) != a f(y), and f(y) = J y +
c(y) has an offset c (Mohan et al., 2020, Robust and interpretable blind image denoising via
bias-free convolutional neural networks).
"""

import torch
from torch import nn

from gahb.denoisers.networks.unet import UNet


class Offset(nn.Module):
    """Adds a constant to each channel of (image, channel, y, x)."""

    def __init__(self, channels: int):
        super().__init__()
        # Four-dimensional like the gains, so that the optimizers do not treat it as a matrix.
        self.offset = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x):
        return x + self.offset


class BiasedUNet(UNet):
    """The UNet with an `Offset` before each ReLU and after the last convolution; see `UNet`."""

    def __init__(self, image_channels: int = 1, **options):
        super().__init__(image_channels, **options)
        for block in (*self.encoder, self.mid_block, *self.decoder):
            width = 0
            for place, layer in enumerate(block):
                if isinstance(layer, nn.Conv2d):
                    width = layer.out_channels
                elif isinstance(layer, nn.ReLU):
                    block[place] = nn.Sequential(Offset(width), layer)
        self.decoder[0].append(Offset(image_channels))


build = BiasedUNet
