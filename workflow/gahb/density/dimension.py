"""The dimension of an image according to a denoiser, by methods other than its Jacobian's trace."""

import numpy as np
import torch

from gahb.density.errors import noises
from gahb.images import to_float

#: Scores for each pixel of an image whose normal bundle is estimated (as in Stanczuk et al.).
SCORES = 4
#: Step of a finite difference over sigma: f does not vary at scales below sigma.
STEP = 0.1


@torch.no_grad()
def flipd(denoiser, images, index, sigmas, *, probes: int, seed: int, batch: int = 256):
    """FLIPD (Kamkari et al. 2024): tr J(x) + |f(x) - x|^2 / sigma^2, with f at the clean image.

    Only for a denoiser that is told sigma, since a clean image says nothing about it. The trace is
    estimated by Hutchinson's method, from random signs and central differences.

    Args:
        denoiser: f, on the device of `images`.
        images: clean images x (image, channel, y, x), bytes or floats.
        index: (image,), their indices in the data set, which determine the signs.
        sigmas: noise levels.
        probes: vectors of random signs for each image and noise level.
        seed: seed of the signs.
        batch: images at a time.

    Returns: (sigma, image).
    """
    found = np.empty((len(sigmas), len(images)))
    for start in range(0, len(images), batch):
        part = slice(start, start + batch)
        x = to_float(images[part])
        for s, sigma in enumerate(map(float, sigmas)):
            bias = (denoiser(x, sigma) - x).double().square().flatten(1).sum(1) / sigma**2
            trace, step = 0, STEP * sigma
            for u in noises(seed, index[part], s, probes, x.shape[1:]).sign().to(x.device):
                ends = denoiser(torch.cat([x + step * u, x - step * u]), sigma).chunk(2)
                change = (u * (ends[0] - ends[1])).double().flatten(1).sum(1)
                trace = trace + change / (2 * step * probes)
            found[s, part] = (trace + bias).cpu()
    return found


@torch.no_grad()
def normal_bundle(
    denoiser, image, sigma: float, *, index: int, seed: int, batch: int = 256
) -> np.ndarray:
    """Singular values of the scores around an image (Stanczuk et al. 2022), decreasing, (d,).

    At low noise, scores point back to the data manifold, so that singular values are large normal
    to it and small along it: the number of small ones is its dimension. The mean score is removed,
    in case the denoiser moves the clean image itself; singular values are scaled by sigma /
    sqrt(number of scores), so that they lie between 0.5 and 1.5 where scores have no direction.

    Args:
        denoiser: f, on the device of `image`.
        image: clean (channel, y, x), bytes or floats.
        sigma: a small noise level.
        index: index of the image in its data set.
        seed: seed of the noises.
        batch: noisy images at a time.
    """
    x, d = to_float(image), image.numel()
    gram, count = torch.zeros(d, d, dtype=torch.float64, device=x.device), SCORES * d
    total = gram.new_zeros(d)
    for level, start in enumerate(range(0, count, batch)):
        z = noises(seed, [index], level, min(batch, count - start), x.shape)[:, 0].to(x.device)
        y = x + sigma * z
        score = ((denoiser(y, sigma) - y) / sigma).double().flatten(1)
        gram.addmm_(score.T, score, alpha=1 / count)
        total += score.sum(0)
    gram -= torch.outer(total, total) / count**2
    return torch.linalg.eigvalsh(gram).flip(0).clamp(min=0).sqrt().cpu().numpy()


def at_gap(values: np.ndarray, floor: float = 1e-3) -> tuple[int, float]:
    """Number of singular values below the widest gap, and the ratio of the two next to the gap.

    A ratio near 1 means that there is no gap, and then the number is meaningless.

    Args:
        values: (d,), decreasing, scaled as in `normal_bundle`.
        floor: smaller values are rounding errors and count as this.
    """
    clipped = np.maximum(values, floor)
    ratios = clipped[:-1] / clipped[1:]
    widest = int(np.argmax(ratios))
    return len(values) - 1 - widest, float(ratios[widest])
