"""A bias-free multilayer perceptron on the flattened image: no neighborhoods, no equivariance.

A matrix takes the image to a vector, `layers` pairs of matrices with a ReLU between them each add
to that vector, and a matrix takes it back to an image (He et al., 2016, without convolutions).
BF-BatchNorm after each matrix of a pair; no additive constant, so that the denoiser is homogeneous
like the convolutional networks. It would have to learn from the images which pixels are neighbors.

The first and the last matrix are held as filters of the size of the image, and the others as 1x1
convolutions, so that they are initialized, trained and folded as in the other networks.
"""

import torch
from torch import nn

from gahb.denoisers.networks.batchnorm import BFBatchNorm2d


def _matrix(channels: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, kernel_size=1, bias=False)


class MLP(nn.Module):
    """Maps noisy images y to the noise in them, so that the denoiser is f(y) = y - MLP(y).

    Args:
        image_channels: 1 (gray) or 3 (color).
        side: side of the images in pixels, the only size that it takes.
        channels: entries of the vector, and of the hidden layer between a pair of matrices.
        layers: pairs of matrices.
        gain: initial value of the norms' gains (see BFBatchNorm2d).

    forward: (image, channel, y, x) -> same shape.

    Raises:
        ValueError: images with another side.
    """

    def __init__(
        self,
        image_channels: int = 1,
        *,
        side: int,
        channels: int = 256,
        layers: int = 2,
        gain: float | None = None,
    ):
        super().__init__()
        self.side = side
        self.first = nn.Conv2d(image_channels, channels, side, bias=False)
        self.inward = nn.ModuleList(_matrix(channels) for _ in range(layers))
        self.inner_norms = nn.ModuleList(BFBatchNorm2d(channels, gain) for _ in range(layers))
        self.outward = nn.ModuleList(_matrix(channels) for _ in range(layers))
        self.outer_norms = nn.ModuleList(BFBatchNorm2d(channels, gain) for _ in range(layers))
        # Predicts nothing at first: the vector is as large as the image.
        self.last = nn.Parameter(torch.zeros(channels, image_channels, side, side))
        self.relu = nn.ReLU()

    def forward(self, y):
        if y.shape[2:] != (self.side, self.side):
            raise ValueError(
                f"images of {y.shape[2]} x {y.shape[3]} pixels, but this perceptron is for "
                f"{self.side} x {self.side}"
            )
        x = self.first(y)
        for inward, inner_norm, outward, outer_norm in zip(
            self.inward, self.inner_norms, self.outward, self.outer_norms, strict=True
        ):
            x = x + outer_norm(outward(self.relu(inner_norm(inward(x)))))
        return nn.functional.conv_transpose2d(x, self.last)

    def normalized(self):
        """(convolution, norm) for each norm."""
        yield from zip(self.inward, self.inner_norms, strict=True)
        yield from zip(self.outward, self.outer_norms, strict=True)


build = MLP
