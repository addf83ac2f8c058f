"""Figure 6: the control. Pixels shuffled alike in every image: nothing is lost but the geometry.

The network denoises shuffled images worse, and its eigenvectors are not harmonic: neighbouring
pixels differ in them as in white noise.
"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from gahb import measured
from gahb.figures import parts, style

NAMES = ("original", "shuffled")
EIGENVECTORS = 8
#: Most ranks whose roughness is shown: an image of 80 x 80 pixels has 6400 eigenvectors.
RANKS = 300


@style.sheet()
def draw(curves: list[xr.Dataset], bases: list[xr.Dataset]) -> Figure:
    """PSNR curves on the test set, shrinkage factors, roughness and eigenvectors of both.

    Args:
        curves: psnr.zarr of the original and of the shuffled images.
        bases: eigenbasis.zarr of both; the first image and noise level are shown.
    """
    below = parts.mosaic_height(style.PAGE - 0.7, 2 + EIGENVECTORS, 2)
    figure = Figure((style.PAGE, 2.3 + below))
    top, bottom = figure.subfigures(2, 1, height_ratios=[2.3, below])
    shown = [basis.isel(image=0, sigma=0) for basis in bases]
    lines = [{"color": f"C{i}", "label": name} for i, name in enumerate(NAMES)]

    psnr, factors, rough = top.subplots(1, 3)
    means = [parts.mean_psnr(c, "test") for c in curves]
    parts.psnr_panel(psnr, list(zip(means, lines, strict=True)))
    psnr.legend(*(handles[:2] for handles in psnr.get_legend_handles_labels()), loc="upper left")
    parts.shrinkage_panel(factors, list(zip(shown, lines, strict=True)))
    for basis, line in zip(shown, lines, strict=True):
        ranks = parts.spread_ranks(basis, RANKS)
        vectors = basis.vectors.sel(rank=ranks).compute()
        rough.semilogx(ranks, roughness(vectors), ".", **line)
    rough.axhline(1, **parts.REFERENCE)
    rough.set(xlabel="rank $k$", ylabel="roughness of $e_k$ (1: white noise)", ylim=(0, None))

    parts.compare_bases(bottom.subplots(), shown, NAMES, EIGENVECTORS)
    return figure


def roughness(vectors: xr.DataArray) -> np.ndarray:
    """How much neighbouring pixels differ: 0 if constant, 1 as in white noise: (rank,).

    Args:
        vectors: (rank, channel, y, x), of norm 1.
    """
    pixels = ("channel", "y", "x")
    squares = [np.square(vectors.diff(dim)) for dim in ("y", "x")]
    pairs = sum(s[0].size for s in squares)
    return sum(s.sum(pixels) for s in squares).values * vectors[0].size / (2 * pairs)


def numbers(curves, bases, slope_range: tuple[float, float]) -> list[dict]:
    """PSNRs, slope, effective dimension, mean roughness of the leading eigenvectors, of both."""
    rows = []
    for name, curve, basis in zip(NAMES, curves, bases, strict=True):
        one = basis.isel(image=0, sigma=0)
        leading = roughness(one.vectors.isel(rank=slice(EIGENVECTORS)).compute()).mean()
        rows.append(
            {"images": name, **measured.curves(curve, *slope_range), **measured.basis(one)}
            | {"roughness": float(leading)}
        )
    return rows
