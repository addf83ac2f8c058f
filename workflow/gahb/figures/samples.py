"""Figure 2: samples of two networks trained on different images, and what they resemble.

Small N: each network returns its own training images. Large N: both make the same image, which is
in neither training set.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gahb import store
from gahb.figures import parts, style

ROWS = ("closest in $S_1$", "network 1", "network 2", "closest in $S_2$")
#: Most images side by side, and most of them for one N.
COLUMNS, EACH = 12, 3
BIN = 0.04
#: Cosines of similarity.zarr: side of the axis, and keywords of the histogram.
COSINES = {
    "between": (
        -1,
        {"color": "C0", "fill": True, "alpha": 0.6, "label": "between the two networks"},
    ),
    "closest": (
        1,
        {"color": "C1", "fill": True, "alpha": 0.6, "label": "to closest training image"},
    ),
    "closest_pair": (1, {"color": "black", "linewidth": 0.8, "label": "$S_1$ to closest in $S_2$"}),
}


@style.sheet()
def draw(
    samples: dict[int, list[xr.Dataset]], similarity: dict[int, xr.Dataset], images: xr.DataArray
) -> Figure:
    """The first samples that did not diverge, for each N, above the cosines of all of them.

    Args:
        samples: samples.zarr of the networks trained on N images of S1 and of S2, by N.
        similarity: similarity.zarr of each pair, by N.
        images: the images of the data set (image, channel, y, x).
    """
    each = min(EACH, max(1, COLUMNS // len(samples)))
    pitch = 1 + parts.GAP
    block = each * pitch + 2 * parts.GAP
    start = block * np.arange(len(samples))
    left = np.add.outer(start, pitch * np.arange(each)).ravel()
    half = (block - 3 * parts.GAP) / 2
    width = style.PAGE if len(samples) > 2 else style.COLUMN
    # High enough for the width to bound the images, so that both axes are equally wide.
    heights = [4 * pitch * (width - 0.65) / (left[-1] + 1) + 0.67, 2.1]
    figure = Figure((width, sum(heights)))
    top, bottom = figure.subplots(2, 1, height_ratios=heights)

    columns = [
        column for N in samples for column in _columns(samples[N], similarity[N], images, each)
    ]
    rows = [[(tile, "") for tile in row] for row in zip(*columns, strict=True)]
    parts.mosaic(top, rows, ROWS, left)
    top.xaxis.tick_top()
    top.xaxis.set_label_position("top")
    top.set_xlabel("images in the training set, $N$")
    top.set_xticks(start + half, [f"{N:,}" for N in samples])
    _cosines(bottom, list(similarity.values()), start + half, half)
    bottom.set_xlim(top.get_xlim())
    handles, names = bottom.get_legend_handles_labels()
    once = dict(zip(names, handles, strict=True))
    figure.legend(
        once.values(), once, ncols=3 if width == style.PAGE else 1, loc="outside lower center"
    )
    return figure


def _columns(samples, similarity, images, count) -> list[list]:
    """For each of the first `count` samples of a pair: its four images, from top to bottom."""
    chosen = np.flatnonzero(~similarity.diverged.values)[:count]
    nearest = similarity.closest_image.values[:, chosen]
    real = [store.take(images, index) for index in nearest]
    drawn = [s.samples.isel(sample=chosen).values for s in samples]
    columns = [
        [parts.photo(tile) for tile in tiles]
        for tiles in zip(real[0], *drawn, real[1], strict=True)
    ]
    return columns + [[None] * 4] * (count - len(columns))


def _cosines(ax: Axes, similarity: list[xr.Dataset], centres, width: float) -> None:
    """Upright histograms of cosines: left between the networks, right to the training images."""
    found = [np.concatenate([s[name].values.ravel() for name in COSINES]) for s in similarity]
    low = np.floor(np.nanmin([*np.concatenate(found), 0.5]) / BIN) * BIN
    edges = np.linspace(low, 1, round((1 - low) / BIN) + 1)
    for s, centre in zip(similarity, centres, strict=True):
        for name, (side, line) in COSINES.items():
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
