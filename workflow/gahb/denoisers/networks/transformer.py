r"""A bias-free transformer: patches as tokens, attention among all of them or in a local window.

Each layer adds to the tokens the output of attention, and then the output of two matrices with a
ReLU for each token (Vaswani et al., 2017; Dosovitskiy et al., 2021). A head weights token j for
token i by

    softmax_j( g \sqrt{c} <q_i, k_j> / (|q_i| |k_j|) + b_{j - i} ),

with c the channels of a head, g a learned gain, and b a learned bias for each offset j - i, which
is minus infinity outside the window (Liu et al., 2021, Swin transformer; Henry et al., 2020,
Query-key normalization). Only the directions of queries and keys matter, so that the weights do not
change with the contrast of the image; the values are linear. With BF-BatchNorm (which divides but
subtracts nothing) in place of layer norm, and no additive constant in the image, the network is
homogeneous: f(a y) = a f(y), a > 0.
"""

import torch
from torch import nn

from gahb.denoisers.networks.batchnorm import BFBatchNorm2d


def _matrix(inputs: int, outputs: int) -> nn.Conv2d:
    # The same for each token; a convolution, since the optimizers and the norms expect one.
    return nn.Conv2d(inputs, outputs, kernel_size=1, bias=False)


class Attention(nn.Module):
    """Attention among grid x grid tokens (image, channel, y, x), as described above.

    Args:
        channels: channels of a token.
        heads: number of heads among which they are split.
        grid: tokens along the side of the image.
        window: side of the window of tokens that a token sees around itself (odd); None is all.
        gain: initial value of the norm's gains (see BFBatchNorm2d).
    """

    def __init__(
        self, channels: int, heads: int, grid: int, window: int | None, gain: float | None
    ):
        super().__init__()
        self.heads, reach = heads, (grid - 1 if window is None else window // 2)
        self.queries, self.keys = _matrix(channels, channels), _matrix(channels, channels)
        self.values, self.mix = _matrix(channels, channels), _matrix(channels, channels)
        self.norm = BFBatchNorm2d(channels, gain)
        self.gains = nn.Parameter(torch.full((1, heads, 1, 1), (channels // heads) ** 0.5))
        self.bias = nn.Parameter(torch.zeros(1, heads, 2 * reach + 1, 2 * reach + 1))
        y, x = torch.arange(grid**2) // grid, torch.arange(grid**2) % grid
        dy, dx = y - y[:, None], x - x[:, None]
        # Not stored with the weights: these follow from the options.
        self.register_buffer("far", (dy.abs() > reach) | (dx.abs() > reach), persistent=False)
        offset = (dy + reach) * (2 * reach + 1) + dx + reach
        self.register_buffer("offset", offset.masked_fill(self.far, 0), persistent=False)

    def forward(self, x):
        q, k, v = (
            m(x).flatten(2).unflatten(1, (self.heads, -1))
            for m in (self.queries, self.keys, self.values)
        )
        q, k = self.gains * nn.functional.normalize(q, dim=2), nn.functional.normalize(k, dim=2)
        bias = self.bias.flatten(2)[:, :, self.offset].masked_fill(self.far, -torch.inf)
        weights = (q.mT @ k + bias).softmax(3)
        mixed = (v @ weights.mT.to(v.dtype)).flatten(1, 2).unflatten(2, x.shape[2:])
        return self.norm(self.mix(mixed))


class Transformer(nn.Module):
    """Maps noisy images y to the noise in them, so that the denoiser is f(y) = y - Transformer(y).

    Args:
        image_channels: 1 (gray) or 3 (color).
        side: side of the images in pixels, the only size that it takes.
        channels: channels of a token.
        layers: number of layers of attention and matrices.
        heads: number of attention heads.
        patch: side in pixels of the patch that forms a token.
        window: side in patches of the window in which a token sees others, odd; None is the image.
        gain: initial value of the norms' gains (see BFBatchNorm2d).

    forward: (image, channel, y, x) -> same shape.

    Raises:
        ValueError: images with another side, or a side, heads or window that do not fit.
    """

    def __init__(
        self,
        image_channels: int = 1,
        *,
        side: int,
        channels: int = 96,
        layers: int = 4,
        heads: int = 4,
        patch: int = 2,
        window: int | None = None,
        gain: float | None = None,
    ):
        super().__init__()
        if side % patch:
            raise ValueError(f"side {side} is not a multiple of the {patch} pixels of a patch")
        if channels % heads:
            raise ValueError(f"{channels} channels cannot be split into {heads} heads")
        if window is not None and window % 2 == 0:
            raise ValueError(f"a window of {window} patches has no middle; give an odd number")
        self.side = side
        self.embed = nn.Conv2d(image_channels, channels, patch, stride=patch, bias=False)
        self.attention = nn.ModuleList(
            Attention(channels, heads, side // patch, window, gain) for _ in range(layers)
        )
        self.wide = nn.ModuleList(_matrix(channels, 4 * channels) for _ in range(layers))
        self.wide_norms = nn.ModuleList(BFBatchNorm2d(4 * channels, gain) for _ in range(layers))
        self.narrow = nn.ModuleList(_matrix(4 * channels, channels) for _ in range(layers))
        self.narrow_norms = nn.ModuleList(BFBatchNorm2d(channels, gain) for _ in range(layers))
        # Predicts nothing at first (Peebles & Xie, 2023); tokens are as large as the image.
        self.last = nn.Parameter(torch.zeros(channels, image_channels, patch, patch))
        self.relu = nn.ReLU()

    def forward(self, y):
        if y.shape[2:] != (self.side, self.side):
            raise ValueError(
                f"images of {y.shape[2]} x {y.shape[3]} pixels, but this transformer is for "
                f"{self.side} x {self.side}"
            )
        x = self.embed(y)
        for attention, wide, wide_norm, narrow, narrow_norm in zip(
            self.attention, self.wide, self.wide_norms, self.narrow, self.narrow_norms, strict=True
        ):
            x = x + attention(x)
            x = x + narrow_norm(narrow(self.relu(wide_norm(wide(x)))))
        return nn.functional.conv_transpose2d(x, self.last, stride=self.last.shape[2:])

    def normalized(self):
        """(convolution, norm) for each norm."""
        yield from ((a.mix, a.norm) for a in self.attention)
        yield from zip(self.wide, self.wide_norms, strict=True)
        yield from zip(self.narrow, self.narrow_norms, strict=True)


build = Transformer
