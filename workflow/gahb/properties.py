r"""Properties of a denoiser f as a map at a noisy image y: four numbers and a receptive field.

    homogeneity    mean over a = 1/2, 2 of |f(a y) - a f(y)| / |a f(y)|
    linearity      |f(y) - J y| / |f(y)|, over the entries p below
    equivariance   mean over shifts T by a pixel, along y and x, of |f(T y) - T f(y)| / |y - f(y)|,
                   over pixels further than a fourth of the side from the borders
    radius         (sum_pq |J_pq| |q - p|^2 / sum_pq |J_pq|)^(1/2), in pixels

with J = df/dy at y. All are 0 for a denoiser that is homogeneous, equal to its tangent through the
origin (Mohan et al., 2020), equivariant, or looks at one pixel only. A denoiser that is told sigma
is told a sigma at a y: then the first number tests whether it knows the scale of the images.
Deviations from equivariance are compared with the noise that f removes rather than with the image,
which any denoiser returns at low noise. p are entries drawn at random, the same for all images and
noise levels; T rolls the image, so that the opposite side enters at the border.
"""

import dataclasses

import numpy as np
import torch

from gahb.jacobian import Products

#: Factors of the contrast.
CONTRASTS = (0.5, 2.0)


@dataclasses.dataclass(frozen=True)
class Properties:
    """Properties of f at one noisy image.

    homogeneity, linearity, equivariance, radius: as at the top of this module; radius in pixels.
    field: mean over p of |J_pq|, summed over the channels of q, by the offset q - p
        (2 side - 1, 2 side - 1), with offset 0 in the middle; NaN where no p has such a pixel.
    """

    homogeneity: float
    linearity: float
    equivariance: float
    radius: float
    field: np.ndarray


def entries(shape: tuple[int, ...], count: int, seed: int) -> torch.Tensor:
    """At most `count` distinct entries p of an image (channel, y, x), as indices of its vector."""
    d = int(np.prod(shape))
    found = np.random.default_rng(seed).choice(d, min(count, d), replace=False)
    return torch.from_numpy(np.sort(found))


def properties(denoiser, y: torch.Tensor, sigma: float, p: torch.Tensor) -> Properties:
    """The properties of `denoiser`, called (y, sigma), at one noisy image y (channel, y, x).

    Raises:
        RuntimeError: torch cannot differentiate the denoiser.
    """
    at_y = Products(denoiser, y, sigma)
    estimate = at_y.value
    p = p.to(y.device)
    unit = torch.zeros(len(p), y.numel(), dtype=y.dtype, device=y.device)
    rows = at_y.transposed(unit.scatter_(1, p[:, None], 1))
    tangent, there = rows @ y.flatten(), estimate.flatten()[p]
    field, radius = receptive_field(rows.abs().cpu(), p.cpu(), y.shape)
    return Properties(
        homogeneity=_homogeneity(denoiser, y, sigma, estimate),
        linearity=float((there - tangent).norm() / there.norm()),
        equivariance=_equivariance(denoiser, y, sigma, estimate),
        radius=radius,
        field=field,
    )


@torch.no_grad()
def _homogeneity(denoiser, y, sigma: float, estimate) -> float:
    off = [denoiser(a * y[None], a * sigma)[0] / a - estimate for a in CONTRASTS]
    return float(torch.stack([o.norm() for o in off]).mean() / estimate.norm())


@torch.no_grad()
def _equivariance(denoiser, y, sigma: float, estimate) -> float:
    height, width = y.shape[1:]
    inside = ..., slice(height // 4, -(height // 4)), slice(width // 4, -(width // 4))
    found = []
    for axis in (1, 2):
        shifted = y.roll(1, axis)
        wrong = denoiser(shifted[None], sigma)[0] - estimate.roll(1, axis)
        removed = (y - estimate).roll(1, axis)
        found.append(wrong[inside].norm() / removed[inside].norm())
    return float(torch.stack(found).mean())


def receptive_field(weights: torch.Tensor, p: torch.Tensor, shape) -> tuple[np.ndarray, float]:
    """The field and the radius of `Properties`, of weights |J_pq| (p, d) of an image's entries.

    Uniform weights give the maximum radius that the image allows.
    """
    channels, height, width = shape
    each = weights.double().numpy().reshape(len(p), channels, height, width).sum(1)
    row, column = np.divmod(p.numpy() % (height * width), width)
    total = np.zeros((2 * height - 1, 2 * width - 1))
    seen = np.zeros_like(total)
    for w, y, x in zip(each, row, column, strict=True):
        place = slice(height - 1 - y, 2 * height - 1 - y), slice(width - 1 - x, 2 * width - 1 - x)
        total[place] += w
        seen[place] += 1
    dy, dx = np.arange(1 - height, height)[:, None], np.arange(1 - width, width)
    squared = (total * (dy**2 + dx**2)).sum()
    radius = float(np.sqrt(squared / total.sum())) if total.any() else 0.0
    return total / np.where(seen, seen, np.nan), radius
