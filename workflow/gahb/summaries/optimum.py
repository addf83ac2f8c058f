"""The distance of denoisers from the optimum, on the same noisy images at the same noise levels.

The optimum may be known for fewer images and noise levels than a network, and only on the test set.
PSNRs are in dB; means are over images.
"""

import numpy as np
import xarray as xr

from gahb import statistics
from gahb.summaries.tables import bounded

#: Input PSNRs in dB at which distances to the optimum are reported.
LEVELS = (10.0, 15.0, 20.0, 30.0)
#: Noisy images that the paper's networks saw.
PAPER = 2.5e8


def on_test_set(curves: xr.Dataset) -> xr.DataArray:
    """PSNRs (input_psnr, image) of psnr.zarr on the test set."""
    found = curves.psnr.sel(set="test").swap_dims(sigma="input_psnr").sortby("input_psnr")
    return found.drop_vars(["sigma", "set"]).transpose("input_psnr", "image")


def below(curves: xr.Dataset, optimum: xr.Dataset) -> xr.DataArray:
    """PSNR of the optimum minus PSNR of a denoiser, (input_psnr, image), where both are known.

    Args:
        curves, optimum: psnr.zarr of both; the optimum's images are the first of the denoiser's.

    Raises:
        ValueError: they are not the same images.
    """
    ours, best = on_test_set(curves), on_test_set(optimum)
    ours = ours.isel(image=slice(best.sizes["image"]))
    indices = [
        data.image_index.sel(set="test").values[: best.sizes["image"]]
        for data in (curves, optimum)
        if "image_index" in data
    ]
    if ours.sizes["image"] < best.sizes["image"] or any((i != indices[0]).any() for i in indices):
        raise ValueError("the optimum is not of the first test images of the PSNR curves")
    return best - ours  # the levels of both


def above_measured(optimum: xr.Dataset) -> xr.DataArray:
    """By how many dB the exact optimum may lie above the measured one, (input_psnr,).

    A posterior mean over chains has a Monte Carlo error, whose expected square adds to the squared
    error. 0 if there is none.
    """
    best = on_test_set(optimum)
    if "monte_carlo_error" not in optimum:
        return 0 * best.mean("image")
    error = on_test_set(optimum.drop_vars("psnr").rename(monte_carlo_error="psnr"))
    part = error.mean("image") / (10 ** (-best / 10)).mean("image")
    return -10 * np.log10(1 - part.clip(max=0.9))


def rhat(optimum: xr.Dataset) -> float:
    """The largest ratio between groups of chains, over images and levels."""
    return float(optimum.rhat.sel(set="test").max())


def closed(curves: xr.Dataset, linear: xr.Dataset, optimum: xr.Dataset) -> dict[float, np.ndarray]:
    """Share of the gap from the Wiener filter to the optimum that a denoiser closes, by input PSNR.

    It is a ratio of mean differences in dB over the images of the optimum, with an interval.
    """
    left, gap = below(curves, optimum), below(linear, optimum)
    levels = [p for p in left.input_psnr.values if p in gap.input_psnr.values]
    return {
        float(p): statistics.ratio(
            (gap - left).sel(input_psnr=p).values, gap.sel(input_psnr=p).values
        )
        for p in levels
    }


def extrapolated(images_seen, below, seed: int = 0) -> dict[str, np.ndarray]:
    """Two curves fitted to the mean dB below the optimum of networks that saw more and more images.

    - line: a + b log2(n), which crosses the optimum
    - power law: a n^b, which never does

    Args:
        images_seen: (network,), at least two different ones.
        below: (network, image) dB below the optimum.
        seed: seed of the resamplings of images.

    Each number but `scatter` has a 95 % interval over images, not over seeds, nor over the form of
    the curve:

    per_doubling: b of the line, dB for twice as many images seen.
    line_at_paper, power_at_paper: dB below the optimum at PAPER images seen; no power law where a
        network is not below the optimum.
    reached: log10 of the images seen where the line crosses the optimum, inf if it never does.
    scatter: root mean square of the points about the line.
    """
    n, below = np.log2(np.asarray(images_seen, float)), np.asarray(below, float)
    count, far = below.shape[1], np.log2(PAPER)
    images = np.random.default_rng(seed).integers(count, size=(statistics.RESAMPLINGS, count))
    # The original images come first.
    means = np.concatenate([below.mean(1)[None], below[:, images].mean(2).T])
    slope, start = _line(n, means)
    falls = slope < 0
    crossed = np.where(falls, -start / np.where(falls, slope, 1) * np.log10(2), np.inf)
    found = {"per_doubling": slope, "line_at_paper": start + slope * far, "reached": crossed}
    if (means[0] > 0).all():
        power, scale = _line(n, np.log(means.clip(min=1e-3)))
        found["power_at_paper"] = np.exp(scale + power * far)
    scatter = np.sqrt(np.square(means[0] - start[0] - slope[0] * n).mean())
    return {name: _bounds(each) for name, each in found.items()} | {
        "scatter": np.array([scatter, np.nan, np.nan])
    }


def _bounds(each: np.ndarray) -> np.ndarray:
    """The first, and a 95 % interval of the others."""
    return np.array([each[0], *np.quantile(each[1:], [0.025, 0.975], method="nearest")])


def _line(x, y):
    """Slope and intercept of the least-squares lines through y (..., point)."""
    x0 = x - x.mean()
    slope = (y * x0).sum(-1) / np.square(x0).sum()
    return slope, y.mean(-1) - slope * x.mean()


def against_optimum(curves: xr.Dataset, optimum: xr.Dataset, low: float, high: float) -> dict:
    """Comparison of a denoiser's psnr.zarr with the optimum's, for the same noisy images.

    `optimum` is the denoiser's test PSNR between input PSNRs of low and high dB and its mean
    distance there; `optimum_slope` the optimum's slope there, if it has three levels;
    `optimum_error` by how many dB the exact optimum may be higher, the maximum over levels, and
    `rhat` whether its chains agree, if it has any.
    """
    best, own = on_test_set(optimum), on_test_set(curves)
    between = slice(low - 1e-6, high + 1e-6)
    inside, gap = (
        best.sel(input_psnr=between),
        below(curves, optimum).sel(input_psnr=between),
    )
    # The optimum has few images: their mean distance is far more certain than their mean PSNR.
    found = {"optimum": float(own.sel(input_psnr=between).mean() + gap.mean())} if gap.size else {}
    if inside.sizes["input_psnr"] > 2:
        slope = statistics.slope(best.input_psnr, best, low, high)
        found |= bounded("optimum_slope", slope)
    if "rhat" in optimum:
        found["optimum_error"] = float(above_measured(optimum).max())
        found["rhat"] = rhat(optimum)
    return found | below_optimum(curves, optimum)


def below_optimum(curves: xr.Dataset, optimum: xr.Dataset, levels=LEVELS) -> dict:
    """Mean dB below the optimum at the `levels` that both have, all common ones if None."""
    return at_levels("below_optimum", below(curves, optimum), levels)


def at_levels(name: str, differences: xr.DataArray, levels=LEVELS) -> dict:
    """NAME_P, the mean of differences (input_psnr, image) in dB at each of `levels` that they have,
    with its interval; at all of them if `levels` is None."""
    return {
        key: value
        for p in differences.input_psnr.values
        if levels is None or p in levels
        for key, value in bounded(
            f"{name}_{p:g}", statistics.mean(differences.sel(input_psnr=p))
        ).items()
    }
