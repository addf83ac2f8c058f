"""The bias-free UNet of the paper (appendix A).

`blocks` encoder blocks, a middle block and as many decoder blocks of two 3x3 convolutions each;
2x2 average pooling down, 2x2 transposed convolutions up, skips by concatenation. ReLU after every
convolution but the last; BF-BatchNorm after every one but the first and the last. No additive
constant anywhere. With 3 blocks, 64 channels and gray images: 7,659,264 parameters.

Parameters are named as in the authors' published checkpoints.
"""

import itertools

import torch
from torch import nn

from gahb.denoisers.networks.batchnorm import BFBatchNorm2d


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=False)


def _block(inputs: int, outputs: int, gain: float | None) -> list[nn.Module]:
    return [
        _conv(inputs, outputs),
        BFBatchNorm2d(outputs, gain),
        nn.ReLU(),
        _conv(outputs, outputs),
        BFBatchNorm2d(outputs, gain),
        nn.ReLU(),
    ]


class UNet(nn.Module):
    """Maps noisy images y to the noise in them, so that the denoiser is f(y) = y - UNet(y).

    Args:
        image_channels: 1 (gray) or 3 (color).
        channels: channels of the first block, doubled at each scale.
        blocks: encoder blocks; the image side must be a multiple of 2**blocks.
        gain: initial value of the norms' gains (see BFBatchNorm2d).

    forward: (image, channel, y, x) -> same shape.
    """

    def __init__(
        self,
        image_channels: int = 1,
        channels: int = 64,
        blocks: int = 3,
        gain: float | None = None,
    ):
        super().__init__()
        width = [channels * 2**b for b in range(blocks + 1)]
        first = [_conv(image_channels, width[0]), nn.ReLU(), *_block(width[0], width[0], gain)[3:]]
        last = [*_block(2 * width[0], width[0], gain)[:3], _conv(width[0], image_channels)]
        self.encoder = nn.ModuleList(
            nn.Sequential(*(first if b == 0 else _block(width[b - 1], width[b], gain)))
            for b in range(blocks)
        )
        self.mid_block = nn.Sequential(*_block(width[-2], width[-1], gain))
        self.upsample = nn.ModuleList(
            nn.ConvTranspose2d(width[b + 1], width[b], kernel_size=2, stride=2, bias=False)
            for b in range(blocks)
        )
        self.decoder = nn.ModuleList(
            nn.Sequential(*(last if b == 0 else _block(2 * width[b], width[b], gain)))
            for b in range(blocks)
        )
        self.pool = nn.AvgPool2d(2)

    def forward(self, y):
        skips = []
        for encode in self.encoder:
            y = encode(y)
            skips.append(y)
            y = self.pool(y)
        y = self.mid_block(y)
        for b in reversed(range(len(self.decoder))):
            y = self.decoder[b](torch.cat([self.upsample[b](y), skips[b]], dim=1))
        return y

    def normalized(self):
        """(convolution, norm) for each norm."""
        for block in (*self.encoder, self.mid_block, *self.decoder):
            for layer, after in itertools.pairwise(block):
                if isinstance(after, BFBatchNorm2d):
                    yield layer, after


build = UNet
