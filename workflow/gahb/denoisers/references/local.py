r"""The local score machine (Kamb & Ganguli, 2024): a pixel sees only its window.

.. math::
    f(y)_p = \sum_i x_i[p]\; \mathrm{softmax}_i
    \bigl(-\lVert (y - x_i)|_{W_p}\rVert^2 / 2\sigma^2\bigr)

with W_p the window x window pixels around p. All images are equal outside, so that the border is
seen. A window at least as large as the image gives the memorizer.
"""

import torch
import torch.nn.functional as F

from gahb.denoisers.levels import Sigma, columns
from gahb.denoisers.references.calibrated import kept
from gahb.denoisers.references.masked import CENTER
from gahb.denoisers.references.softmax import softmax_mean
from gahb.denoisers.references.windowed import Windowed
from gahb.images import Members

CALIBRATED = "window"


class Local(Windowed):
    """The local score machine of a training set; windows are odd."""

    def windowed(self, y: torch.Tensor, sigma: Sigma, window: int) -> torch.Tensor:
        """f(y), (image, channel, y, x), for an odd window.

        The distances of pixels are summed over windows, with a number of additions logarithmic in
        the window's side and without copies of the training images.
        """
        shape, scale = y.shape, columns(sigma, y, 2) ** -2

        def of_pixels(images):
            return (images.flatten(2) - CENTER).permute(2, 1, 0)

        def blocks():
            for x in self.training_set.blocks(y, 4 * y[0].numel() + y[0, 0].numel()):
                keys = of_pixels(x).contiguous()
                yield keys.mT, keys.square().sum(1) / -2, keys.mT

        def over(logits):
            both = logits.reshape(*shape[2:], -1)
            return sums(sums(both, window, 0), window, 1).reshape(logits.shape)

        means = softmax_mean(of_pixels(y).mT * scale, scale, blocks, over)
        return (means.permute(1, 2, 0) + CENTER).reshape(shape)


def sums(values: torch.Tensor, window: int, dim: int) -> torch.Tensor:
    """Sums over `window` neighbors, an odd number, along a dimension padded with zeros.

    Sums over twice as many are sums of two.
    """
    length, margin = values.shape[dim], window // 2
    padding = (0, 0) * (values.ndim - 1 - dim) + (margin, margin)
    run, size, found, start = F.pad(values, padding), 1, None, 0
    while size <= window:
        if window & size:
            part = run.narrow(dim, start, length)
            found, start = part if found is None else found + part, start + size
        if 2 * size <= window:
            left = run.shape[dim] - size
            run = run.narrow(dim, 0, left) + run.narrow(dim, size, left)
        size *= 2
    return found


def fit(training: Members, *, window: int | dict[float, int]) -> dict[str, torch.Tensor]:
    """Noise levels and windows: it works with the images themselves."""
    return kept(window)


def build(tensors: dict[str, torch.Tensor], training: Members) -> Local:
    return Local(training, **tensors)
