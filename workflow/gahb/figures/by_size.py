"""What figures of samples share: a block of images for each N, above histograms of cosines."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gahb.figures import parts, style

#: Most images side by side, and most of them for one N.
COLUMNS, EACH = 12, 3
BIN = 0.04


def chosen(similarity: dict[int, xr.Dataset]) -> dict[int, np.ndarray]:
    """By N, the first samples that did not diverge, as many as there is room for."""
    each = _each(similarity)
    return {N: np.flatnonzero(~s.diverged.values)[:each] for N, s in similarity.items()}


def _each(sizes) -> int:
    return min(EACH, max(1, COLUMNS // len(sizes)))


def draw(
    columns: dict[int, list[list]], names, similarity: dict[int, xr.Dataset], cosines: dict
) -> Figure:
    """Images above histograms, by N.

    Args:
        columns: for each N, for each sample shown, its images from top to bottom, RGB (y, x, 3).
        names: of the rows of images.
        similarity: similarity.zarr of each pair, by N.
        cosines: by name of a variable of similarity.zarr, the side of its histogram, -1 left and
            1 right of its N, and keywords of the histogram.
    """
    each, rows = _each(columns), len(names)
    pitch = 1 + parts.GAP
    block = each * pitch + 2 * parts.GAP
    start = block * np.arange(len(columns))
    left = np.add.outer(start, pitch * np.arange(each)).ravel()
    half = (block - 3 * parts.GAP) / 2
    width = style.PAGE if len(columns) > 2 else style.COLUMN
    # High enough for the width to bound the images, so that both axes are equally wide.
    heights = [rows * pitch * (width - 0.65) / (left[-1] + 1) + 0.67, 2.1]
    figure = Figure((width, sum(heights)))
    top, bottom = figure.subplots(2, 1, height_ratios=heights)

    tiles = [
        column for found in columns.values() for column in (found + [[None] * rows] * each)[:each]
    ]
    grid = [[(tile, "") for tile in row] for row in zip(*tiles, strict=True)]
    parts.mosaic(top, grid, names, left)
    top.xaxis.tick_top()
    top.xaxis.set_label_position("top")
    top.set_xlabel("images in the training set, $N$")
    top.set_xticks(start + half, [f"{N:,}" for N in columns])
    _cosines(bottom, list(similarity.values()), start + half, half, cosines)
    bottom.set_xlim(top.get_xlim())
    handles, labels = bottom.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    figure.legend(
        once.values(), once, ncols=3 if width == style.PAGE else 1, loc="outside lower center"
    )
    return figure


def _cosines(ax: Axes, similarity: list[xr.Dataset], centres, width: float, cosines) -> None:
    """Upright histograms of cosines, some left and some right of the centre of each N."""
    found = [np.concatenate([s[name].values.ravel() for name in cosines]) for s in similarity]
    low = np.floor(np.nanmin([*np.concatenate(found), 0.5]) / BIN) * BIN
    edges = np.linspace(low, 1, round((1 - low) / BIN) + 1)
    for s, centre in zip(similarity, centres, strict=True):
        for name, (side, line) in cosines.items():
            _histogram(ax, s[name].values.ravel(), edges, centre, side * width, line)
    ax.axhline(1, color=style.GRAY, linewidth=0.6, zorder=1)
    ax.set_xticks(centres, [f"{int(s.diverged.sum())}/{s.sizes['sample']}" for s in similarity])
    ax.set(xlabel="samples that diverged and are left out", ylabel="cosine")
    ax.tick_params(axis="x", length=0)


def _histogram(ax: Axes, cosines, edges, centre: float, width: float, line: dict) -> None:
    """One histogram, scaled to its peak, with its median; NaNs are left out."""
    cosines = cosines[~np.isnan(cosines)].clip(edges[0], edges[-1])
    if len(cosines):
        counts = np.histogram(cosines, edges)[0]
        ax.stairs(
            centre + width * counts / counts.max(), edges, baseline=centre,
            orientation="horizontal", **line,
        )  # fmt: skip
        median = np.median(cosines)
        ax.plot([centre, centre + width], [median, median], color=line["color"], linewidth=0.8)
