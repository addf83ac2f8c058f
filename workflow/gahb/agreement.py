"""Agreement of two denoisers on the same noisy images, in the measures that the field reports.

For outputs a and b with d entries each, where b is to be explained, at noise level sigma:

- `r`: correlation of the mean-removed a and b
- `r2`: 1 - |a - b|^2 / |b - mean(b)|^2
- `explained`: 1 - |a - b|^2 / |b|^2
- `mse`: |a - b|^2 / d
- `score_distance`: |a - b|^2 / sigma^4, the squared distance of the two scores

Published numbers differ because papers use different measures.
"""

import numpy as np
import torch
import xarray as xr


def noisy_images(clean: torch.Tensor, sigmas, seed: int) -> torch.Tensor:
    """Each image at each noise level, with the same z: (sigma, image, channel, y, x).

    Args:
        clean: images (image, channel, y, x), floats.
        sigmas: noise levels.
        seed: seed of the noise.
    """
    z = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed)).to(clean)
    return torch.stack([clean + sigma * z for sigma in sigmas])


def measures(
    a: torch.Tensor, b: torch.Tensor, sigma: float | torch.Tensor
) -> dict[str, torch.Tensor]:
    """The measures above by name, each (image,), in float64.

    Args:
        a: outputs of the denoiser that explains, (image, channel, y, x).
        b: outputs of the denoiser to be explained.
        sigma: noise level of their common input, a number or (image,).
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


@torch.no_grad()
def compared(network, against: dict, wiener, y: torch.Tensor, sigma: torch.Tensor) -> dict:
    """All measures by name, (against, level, image): each of `against` as a, the network as b.

    r2_beyond_wiener is r2 after the Wiener filter's output is subtracted from both, since a linear
    filter already explains nearly all of the images themselves. Values are NaN where y is NaN, or
    where the network does nothing beyond the filter.

    Args:
        network, wiener: called (y, sigma).
        against: denoisers by name.
        y: (level, image, channel, y, x).
        sigma: noise level of each image, (level, image).
    """
    names = ["r", "r2", "explained", "mse", "score_distance", "r2_beyond_wiener"]
    found = {name: np.full((len(against), *sigma.shape), np.nan) for name in names}
    known = ~sigma.isnan()
    if not known.any():
        return found
    at, s = y[known], sigma[known]
    linear, b = wiener(at, s), network(at, s)
    for i, denoiser in enumerate(against.values()):
        a = denoiser(at, s)
        measured = measures(a, b, s)
        measured["r2_beyond_wiener"] = measures(a - linear, b - linear, s)["r2"]
        for name, values in measured.items():
            finite = values.where(values.isfinite(), values.new_tensor(torch.nan))
            found[name][i, known.cpu()] = finite.cpu()
    return found


def passed(samples: xr.Dataset, count: int, device) -> tuple[torch.Tensor, torch.Tensor]:
    """States that a network's samples passed through: y (level, sample, channel, y, x), and sigma.

    Args:
        samples: samples.zarr, whose first `count` samples are taken.
        count: number of samples in the result, NaN where there are fewer or one diverged.
        device: device of the result.

    Returns: y at the first noise level at or below each `level`, and that noise level (level,
        sample).
    """
    first = samples.isel(sample=slice(count)).compute()
    below = first.sigma.values[:, :, None] <= first.level.values
    reached = below.any(1) & ~first.diverged.values[:, None]
    sigma = np.take_along_axis(first.sigma.values, below.argmax(1), 1)
    sigma = np.where(reached, sigma, np.nan)
    missing = count - len(sigma)
    sigma = np.pad(sigma, ((0, missing), (0, 0)), constant_values=np.nan)
    trajectory = np.pad(first.trajectory.values, ((0, missing), *[(0, 0)] * 4))
    y = torch.from_numpy(trajectory).transpose(0, 1)
    return y.to(device), torch.from_numpy(sigma.T.copy()).to(device)
