"""The optimum in figures: its curve with its error, and the distance of networks below it."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from gahb.drawing import style
from gahb.summaries import tables
from gahb.summaries.optimum import above_measured, below, below_optimum, on_test_set

#: Style of a point with its interval.
BAR = {"fmt": "o-", "markersize": 3, "linewidth": 0.9, "capsize": 2, "capthick": 0.8}


def optimum_curve(ax: Axes, optimum: xr.Dataset, beside: xr.Dataset, **line) -> None:
    """Mean PSNR of the optimum on test images, with a band up to where its exact value may lie.

    The optimum is computed for fewer images, which may be easier or harder than all. So the curve
    drawn is that of a denoiser, psnr.zarr `beside`, plus its mean distance on the common images.
    """
    psnr = (on_test_set(beside).mean("image") + below(beside, optimum).mean("image")).compute()
    (drawn,) = ax.plot(psnr.input_psnr, psnr, ":s", markersize=2.5, **line)
    band = {"color": drawn.get_color(), "alpha": 0.25, "linewidth": 0}
    ax.fill_between(psnr.input_psnr, psnr, psnr + above_measured(optimum), **band)


def below_panel(ax: Axes, lines: list[tuple]) -> None:
    """Decibels below the optimum against input PSNR, with intervals.

    Args:
        ax: axes to draw on.
        lines: (psnr.zarr of each seed, psnr.zarr of the optimum, keywords of the line) for each
            line.
    """
    for i, (curves, optimum, line) in enumerate(lines):
        row = tables.over_seeds([below_optimum(c, optimum, levels=None) for c in curves])
        levels = [float(n.rpartition("_")[2]) for n in row if n[-1].isdigit()]
        # Shifted, so that intervals do not hide each other.
        x = np.array(levels) + 0.35 * (i - (len(lines) - 1) / 2)
        bars(ax, x, row, [f"below_optimum_{p:g}" for p in levels], **line)
    ax.axhline(0, color=style.GRAY, linewidth=0.8, zorder=1)
    ax.set(xlabel="input PSNR (dB)", ylabel="below the optimum (dB)")
    ax.set_ylim(bottom=min(0, ax.get_ylim()[0]))


def bars(ax: Axes, x, row: dict, names: list[str], **line) -> None:
    """Numbers of a row with their intervals, if they have any."""
    values = np.array([row[name] for name in names])
    low, high = (
        np.array([row.get(f"{n}_{end}", row[n]) for n in names]) for end in ("low", "high")
    )
    ax.errorbar(x, values, [values - low, high - values], **(BAR | line))
