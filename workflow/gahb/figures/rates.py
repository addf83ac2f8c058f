"""Figure 4: the slopes of PSNR curves on C^alpha images follow alpha / (alpha + 1).

The eigenvectors are harmonics on the two regions of an image and along the edge between them.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gahb import measured
from gahb.figures import parts, style
from gahb.theory import fitted_slope, rate

EIGENVECTORS = 8
#: By how much the line of theoretical slope lies above the curve, in dB.
ABOVE = 1.5


@style.sheet()
def draw(
    alphas: list[float],
    curves: list[xr.Dataset],
    bases: list[xr.Dataset],
    slope_range: tuple[float, float],
) -> Figure:
    """PSNR curves on the test set above images and their leading eigenvectors.

    Args:
        alphas: regularity of each data set.
        curves: psnr.zarr of each.
        bases: eigenbasis.zarr of each; the first image and noise level are shown.
        slope_range: input PSNRs in dB between which slopes are fitted.
    """
    order = np.argsort(alphas)
    alphas = [alphas[i] for i in order]
    below = parts.mosaic_height(style.PAGE - 0.5, 2 + EIGENVECTORS, len(alphas))
    figure = Figure((style.PAGE, 2.7 + below))
    top, bottom = figure.subfigures(2, 1, height_ratios=[2.7, below])

    ax = top.subplots()
    _curves(ax, alphas, [parts.mean_psnr(curves[i], "test") for i in order], slope_range)
    low, high = slope_range
    title = rf"$\alpha$: slope at {low:g} to {high:g} dB ($\alpha/(\alpha+1)$)"
    top.legend(*ax.get_legend_handles_labels(), title=title, loc="outside right upper")

    shown = [bases[i].isel(image=0, sigma=0) for i in order]
    names = [rf"$\alpha = {alpha:g}$" for alpha in alphas]
    parts.compare_bases(bottom.subplots(), shown, names, EIGENVECTORS)
    return figure


def _curves(ax: Axes, alphas, curves: list[xr.DataArray], slope_range) -> None:
    """Each curve with the line fitted to it and, dashed above it, one of the theoretical slope."""
    color = style.shades(alphas)
    span = np.array(slope_range)
    lines = []
    for alpha, curve in zip(alphas, curves, strict=True):
        slope, error = fitted_slope(curve.input_psnr, curve, *slope_range)
        name = f"{alpha:g}: {slope:.3f} ± {error:.3f} ({rate(alpha):.3f})"
        lines.append((curve, {"color": color[alpha], "label": name}))
        inside = curve.sel(input_psnr=slice(span[0] - 1e-6, span[1] + 1e-6))
        offset, height = span - inside.input_psnr.values.mean(), float(inside.mean())
        ax.plot(span, height + slope * offset, color=color[alpha], linewidth=4, alpha=0.25)
        ax.plot(span, height + ABOVE + rate(alpha) * offset, "--", color=color[alpha])
    parts.psnr_panel(ax, lines)


def numbers(alphas, curves, bases, slope_range) -> list[dict]:
    """Measured and theoretical slope, and effective dimension of the image shown, by alpha."""
    return [
        {
            "alpha": alpha,
            "rate": rate(alpha),
            **measured.curves(curve, *slope_range),
            **measured.basis(basis.isel(image=0, sigma=0)),
        }
        for alpha, curve, basis in sorted(
            zip(alphas, curves, bases, strict=True), key=lambda row: row[0]
        )
    ]
