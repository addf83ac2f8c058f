r"""The equivariant local score machine (Kamb & Ganguli, 2024): a pixel may come from elsewhere.

.. math::
    f(y)_p = \sum_{i, q} x_i[q]\; \mathrm{softmax}_{(i, q)}
    \bigl(-\lVert y|_{\Omega_p} - x_i|_{\Omega_q}\rVert^2 / 2\sigma^2\bigr)

with Omega_p the window x window pixels around p, and q over all places whose window lies inside the
image. With `borders` it sees the border, as a convolutional network does: a pixel whose window
crosses an edge uses only patches at the same distance from that edge, shifted along it, and in a
corner only patches at the same place. Without `borders`, such a pixel compares the part of its
window inside the image with inner patches. A window at least as large as the image gives the
memorizer.
"""

import itertools

import torch
import torch.nn.functional as F

from gahb.denoisers.levels import Sigma, columns
from gahb.denoisers.references.calibrated import kept
from gahb.denoisers.references.masked import CENTER
from gahb.denoisers.references.memorizer import memorized
from gahb.denoisers.references.softmax import softmax_mean
from gahb.denoisers.references.windowed import Windowed
from gahb.images import Members

CALIBRATED = "window"


class Equivariant(Windowed):
    """The equivariant local score machine of a training set; windows are odd.

    Args:
        images, levels, values, block: as in `Windowed`.
        borders: whether the border is seen.
    """

    def __init__(self, images, levels, values, borders: bool = True, block=None):
        super().__init__(images, levels, values, block)
        self.borders = borders

    def windowed(self, y: torch.Tensor, sigma: Sigma, window: int) -> torch.Tensor:
        if window >= min(y.shape[2:]):
            return memorized(y, sigma, self.training_set)
        found = self._seen if self.borders else self._unseen
        return found(y, sigma, window)

    def _seen(self, y, sigma, window):
        """Rows and columns near an edge keep their place, all others are equivalent."""
        margin, (height, width) = window // 2, y.shape[2:]
        grid = torch.arange(height * width).reshape(height, width)
        scale = columns(sigma, y, 4) ** -2
        found, places = [], []
        for which in itertools.product((False, True), repeat=2):
            down, across = (_places(n, margin, k) for n, k in zip(y.shape[2:], which, strict=True))
            if not len(down) * len(across):  # a window of one pixel crosses no edge
                continue

            def seen(images, down=down, across=across, which=which):
                """Windows around the pixels of these rows and columns."""
                found = _windows(images, window, *which)
                found = found[:, :, down] if which[0] else found
                return _arranged(found[..., across] if which[1] else found, *which)

            def blocks(seen=seen, down=down, across=across, which=which):
                for x in self.training_set.blocks(y, y[0].numel() * 2 * (window**2 + 1)):
                    keys = seen(x)
                    values = _arranged(x[:, :, down][..., across], *which)
                    yield keys, torch.linalg.vector_norm(keys, dim=2).square() / -2, values

            shape = (len(y), y.shape[1], len(down), len(across))
            own = _of_rows(scale, shape, which)
            means = softmax_mean(seen(y) * own, own, blocks)
            found.append(_scattered(means, shape, *which).flatten(2))
            places.append(grid[down][:, across].flatten())
        back = torch.cat(places).argsort().to(y.device)
        return torch.cat(found, 2)[..., back].reshape(y.shape)

    def _unseen(self, y, sigma, window):
        """All pixels use inner patches, masked like their own windows."""
        margin = window // 2
        inside = _windows(torch.full_like(y[:1], 1 + CENTER), window).expand(len(y), -1, -1, -1)
        scale = columns(sigma, y, 4) ** -2
        query = torch.cat([_windows(y, window), inside / -2], 1) * scale

        def blocks():
            for x in self.training_set.blocks(y, y[0].numel() * (5 * window**2 + 2)):
                keys = _windows(x, window, False, False)
                keys = _arranged(torch.cat([keys, keys.square()], 1), False, False)
                inner = x[..., margin : x.shape[2] - margin, margin : x.shape[3] - margin]
                values = _arranged(inner, False, False)
                yield keys, keys.new_zeros(keys.shape[:2]), values

        means = softmax_mean(_arranged(query, False, False), 0.0, blocks)
        return _scattered(means, y.shape, False, False)


def _windows(
    images: torch.Tensor, window: int, rows: bool = True, columns: bool = True
) -> torch.Tensor:
    """Windows around each pixel, 0 outside the image: (image, entry, y, x).

    If `rows` or `columns` is False, only windows that lie inside in that direction.
    """
    padding = (window // 2 * rows, window // 2 * columns)
    found = F.unfold(images - CENTER, window, padding=padding)
    height, width = (n - window + 1 + 2 * p for n, p in zip(images.shape[2:], padding, strict=True))
    return found.reshape(len(images), -1, height, width)


def _places(length: int, margin: int, near: bool) -> torch.Tensor:
    """Rows or columns nearer than `margin` to an edge, or the others."""
    place = torch.arange(length)
    inner = (place >= margin) & (place < length - margin)
    return place[inner != near]


def _order(rows: bool, columns: bool) -> list[int]:
    """Order of the dimensions (image, entry, y, x): first the kept ones, the entry last."""
    return [2] * rows + [3] * columns + [0] + [2] * (not rows) + [3] * (not columns) + [1]


def _arranged(images: torch.Tensor, rows: bool, columns: bool) -> torch.Tensor:
    """(image, entry, y, x) -> (kept place, image and other place, entry)."""
    kept_places = images.shape[2] ** rows * images.shape[3] ** columns
    moved = images.permute(_order(rows, columns))
    return moved.reshape(kept_places, -1, images.shape[1])


def _of_rows(scale: float | torch.Tensor, shape, which) -> float | torch.Tensor:
    """Numbers for each image (image, 1, 1, 1), repeated for each row of `_arranged`: (row, 1)."""
    if not isinstance(scale, torch.Tensor):
        return scale
    return _arranged(scale.expand(shape[0], 1, *shape[2:]), *which)[0]


def _scattered(means: torch.Tensor, shape, rows: bool, columns: bool) -> torch.Tensor:
    """The inverse of `_arranged`, for images (image, channel, y, x) of this shape."""
    order = _order(rows, columns)
    moved = means.reshape([shape[dim] for dim in order])
    return moved.permute([order.index(dim) for dim in range(4)])


def fit(
    training: Members,
    *,
    window: int | dict[float, int],
    borders: bool = True,
    most_images: int | None = None,
) -> dict[str, torch.Tensor]:
    """Noise levels and windows, whether borders are seen, and the maximum number of images."""
    taken = min(most_images or len(training), len(training))
    return kept(window) | {"borders": torch.tensor(borders), "images": torch.tensor(taken)}


def build(tensors: dict[str, torch.Tensor], training: Members) -> Equivariant:
    tensors = dict(tensors)
    images, borders = int(tensors.pop("images")), bool(tensors.pop("borders"))
    if images < len(training):
        training = training[:images]
    return Equivariant(training, **tensors, borders=borders)
