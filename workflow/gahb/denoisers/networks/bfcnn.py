"""BF-CNN, the bias-free convolutional network of the paper's appendix (Mohan et al., 2020).

`layers` 3x3 convolutions at full resolution: ReLU after the first, BF-BatchNorm and ReLU after
each of the others but the last. No additive constant. 21 layers see 43x43 pixels.

Parameters are named as in the authors' published checkpoints.
"""

from torch import nn

from gahb.denoisers.networks.batchnorm import BFBatchNorm2d


class BFCNN(nn.Module):
    """Maps noisy images y to the noise in them, so that the denoiser is f(y) = y - BFCNN(y).

    Args:
        image_channels: 1 (gray) or 3 (color).
        channels: channels of every hidden layer.
        layers: number of convolutions.
        gain: initial value of the norms' gains (see BFBatchNorm2d).

    forward: (image, channel, y, x) -> same shape.
    """

    def __init__(
        self,
        image_channels: int = 1,
        channels: int = 64,
        layers: int = 21,
        gain: float | None = None,
    ):
        super().__init__()
        width = [image_channels] + [channels] * (layers - 1) + [image_channels]
        self.conv_layers = nn.ModuleList(
            nn.Conv2d(width[i], width[i + 1], kernel_size=3, padding=1, bias=False)
            for i in range(layers)
        )
        self.BN_layers = nn.ModuleList(BFBatchNorm2d(channels, gain) for _ in range(layers - 2))
        self.relu = nn.ReLU()

    def forward(self, y):
        first, *hidden, last = self.conv_layers
        y = self.relu(first(y))
        for conv, norm in zip(hidden, self.BN_layers, strict=True):
            y = self.relu(norm(conv(y)))
        return last(y)

    def normalized(self):
        """(convolution, norm) for each norm."""
        return zip(self.conv_layers[1:-1], self.BN_layers, strict=True)


build = BFCNN
