"""Agreement of two denoisers on the same noisy images, in the measures that the field reports.

Of outputs a and b of d entries each, b the one to be explained, at noise level sigma:

    r                  correlation of the mean-removed a and b
    r2                 1 - |a - b|^2 / |b - mean(b)|^2
    explained          1 - |a - b|^2 / |b|^2
    mse                |a - b|^2 / d
    score_distance     |a - b|^2 / sigma^4, the squared distance of the two scores

Published numbers differ because each paper takes another of these.
"""

import torch


def measures(a: torch.Tensor, b: torch.Tensor, sigma: float) -> dict[str, torch.Tensor]:
    """The measures above, by name: (image,) each, in float64.

    Args:
        a: outputs of the one that explains, (image, channel, y, x).
        b: outputs of the one to be explained.
        sigma: noise level of what both denoised.
    """
    a, b = a.double().flatten(1), b.double().flatten(1)
    squared = (a - b).square().sum(1)
    centered_a, centered_b = (u - u.mean(1, keepdim=True) for u in (a, b))
    variance = centered_b.square().sum(1)
    return {
        "r": (centered_a * centered_b).sum(1) / (centered_a.norm(dim=1) * variance.sqrt()),
        "r2": 1 - squared / variance,
        "explained": 1 - squared / b.square().sum(1),
        "mse": squared / b.shape[1],
        "score_distance": squared / sigma**4,
    }
