"""How many dimensions an image has in the eyes of a denoiser, beyond the trace of its Jacobian."""

import numpy as np
import torch

from gahb.density.errors import noises
from gahb.images import to_float

#: Scores for each pixel of an image whose normal bundle is found (Stanczuk et al. take as many).
SCORES = 4
#: Step of a finite difference, in parts of sigma: f changes over sigma, not over less.
STEP = 0.1


@torch.no_grad()
def flipd(denoiser, images, index, sigmas, *, probes: int, seed: int, batch: int = 256):
    """FLIPD (Kamkari et al. 2024): tr J(x) + |f(x) - x|^2 / sigma^2, f asked at the clean image.

    Only of a denoiser that is told sigma, for a clean image says nothing of it. The trace is
    Hutchinson's, from random signs and central differences.

    Args:
        denoiser: f, on the device of `images`.
        images: clean images x (image, channel, y, x), bytes or floats.
        index: (image,), their indices in the data set, by which the signs are drawn.
        sigmas: noise levels.
        probes: vectors of random signs for each image and noise level.
        seed: of the signs.
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
    """Singular values of the scores around an image (Stanczuk et al. 2022), falling, (d,).

    At little noise scores point back to the data, so that across them singular values are large,
    along them small: as many are small as the data have dimensions. Their mean is removed, for a
    denoiser that moves the clean image itself; they are scaled by sigma / sqrt(number of scores),
    so that they lie between 0.5 and 1.5 where there are no data to point to.

    Args:
        denoiser: f, on the device of `image`.
        image: clean (channel, y, x), bytes or floats.
        sigma: a small noise level.
        index: of the image in its data set.
        seed: of the noises.
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
    """How many singular values lie below the widest gap, and the ratio of the two beside it.

    A ratio near 1 means that there is no gap, and the number then says nothing.

    Args:
        values: (d,), falling, scaled as those of `normal_bundle`.
        floor: smaller ones count as this: they are rounding.
    """
    clipped = np.maximum(values, floor)
    ratios = clipped[:-1] / clipped[1:]
    widest = int(np.argmax(ratios))
    return len(values) - 1 - widest, float(ratios[widest])
