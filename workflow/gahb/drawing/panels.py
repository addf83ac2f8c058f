"""Parts of several figures: grids of images, curves, cosines by N."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import (
    EngFormatter,
    FixedLocator,
    LogLocator,
    MaxNLocator,
    NullFormatter,
)

from gahb.drawing import pictures, style
from gahb.drawing.stores import together
from gahb.summaries import eigenbasis

#: Space between the images of a grid, and above those with a note, relative to an image.
GAP, NOTE = 0.08, 0.3
#: Maximum number of samples side by side, and of samples for one N.
COLUMNS, EACH = 12, 3
#: Keywords of a filled histogram, and of a line for comparison.
FILLED = {"fill": True, "alpha": 0.6}
REFERENCE = {"color": style.GRAY, "dashes": (4, 2), "linewidth": 0.8, "zorder": 1}


def label(variable: xr.DataArray) -> str:
    """Meaning and unit of a variable of a store, for an axis."""
    units = variable.attrs["units"]
    return variable.attrs["long_name"] + (f" ({units})" if units != "1" else "")


# Grids of images.


def mosaic(ax: Axes, rows: list[list], names=(), left=None, space: float = GAP) -> None:
    """Draw images in a grid, each one unit wide, y downwards.

    Args:
        ax: axes, whose data coordinates become units of an image.
        rows: for each row, (image, note) for each column: RGB (y, x, 3), or None for a blank place,
            and the text above it.
        names: name of each row.
        left: left edge of each column; side by side by default.
        space: space between rows.
    """
    columns = max(map(len, rows))
    left = (1 + GAP) * np.arange(columns) if left is None else np.asarray(left)
    top = (1 + space) * np.arange(len(rows))
    for y, row in zip(top, rows, strict=True):
        for x, (image, note) in zip(left, row, strict=False):
            if image is not None:
                _tile(ax, image, x, y)
            if note:
                at = {"textcoords": "offset points", "ha": "center", "va": "bottom"}
                ax.annotate(note, (x + 0.5, y), (0, 1.5), **at)
    ax.set(xlim=(left[0], left[-1] + 1), ylim=(top[-1] + 1, 0), aspect="equal", xticks=[])
    ax.set_yticks(top + 0.5 if len(names) else [], names)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _tile(ax: Axes, image: np.ndarray, x: float, y: float) -> None:
    # Viewers of PDF smooth the pixels of small images; repeated pixels stay sharp.
    factor = -(-200 // image.shape[0])
    enlarged = image.repeat(factor, 0).repeat(factor, 1)
    ax.imshow(enlarged, extent=(x, x + 1, y + 1, y), interpolation="none")
    frame = {"edgecolor": style.GRAY, "linewidth": 0.4, "clip_on": False}
    ax.add_patch(Rectangle((x, y), 1, 1, fill=False, **frame))


def mosaic_height(width: float, columns: int, rows: int, space: float = GAP) -> float:
    """Height in inches of a mosaic `width` inches wide, with a note above its first row."""
    image = width / (columns + GAP * (columns - 1))
    return image * (rows + space * (rows - 1)) + 0.22


def eigenvectors(basis: xr.Dataset, ranks) -> list[tuple]:
    """A row of a mosaic: eigenvectors e_k of one image at one noise level, k among `ranks`."""
    vectors = basis.vectors.sel(rank=[k for k in ranks if k <= basis.sizes["rank"]]).compute()
    return [(pictures.signed(vector), rf"$k = {int(vector['rank'])}$") for vector in vectors]


def spread_ranks(basis: xr.Dataset, count: int) -> np.ndarray:
    """At most `count` ranks, from the first to the last, evenly on a logarithmic scale."""
    return np.unique(np.geomspace(1, basis.sizes["rank"], count).round().astype(int))


def denoising(basis: xr.Dataset) -> list[tuple]:
    """A row of a mosaic: clean, noisy and denoised image, with PSNRs."""
    found = eigenbasis.denoising(basis)
    return [
        (pictures.photo(basis.clean), "clean"),
        (pictures.photo(basis.noisy), f"noisy\n{found['noisy_psnr']:.1f} dB"),
        (pictures.photo(basis.denoised), f"denoised\n{found['denoised_psnr']:.1f} dB"),
    ]


def compare_bases(ax: Axes, bases: list[xr.Dataset], names, count: int) -> None:
    """A row for each eigenbasis: clean and noisy image, and `count` leading eigenvectors."""
    rows = [
        [
            (pictures.photo(basis.clean), "clean"),
            (pictures.photo(basis.noisy), "noisy"),
            *eigenvectors(basis, range(1, count + 1)),
        ]
        for basis in bases
    ]
    rows[1:] = [[(image, "") for image, _ in row] for row in rows[1:]]
    mosaic(ax, rows, names)


# Curves.


def curve(ax: Axes, x, values: xr.DataArray, **line) -> None:
    """The median of `values` (seed, ...) over seeds, with a band from smallest to largest."""
    (drawn,) = ax.plot(x, values.median("seed"), **{"marker": "o"} | line)
    if values.sizes["seed"] > 1:
        band = {"color": drawn.get_color(), "alpha": 0.25, "linewidth": 0}
        ax.fill_between(x, values.min("seed"), values.max("seed"), **band)


def column(rows: list[dict], name: str) -> list[float]:
    """The number of this name in each row, NaN if missing."""
    return [row.get(name, np.nan) for row in rows]


def banded(ax: Axes, rows: list[dict], name: str, against: str = "N", **line) -> None:
    """A number of each row against another, with the band of its interval."""
    x, values = column(rows, against), np.array(column(rows, name))
    line = {"marker": "o", **line}
    shown = values if ax.get_yscale() == "linear" else np.where(values > 0, values, np.nan)
    ax.plot(x, shown, **line)
    low, high = (column(rows, f"{name}_{end}") for end in ("low", "high"))
    ax.fill_between(x, low, high, color=line["color"], alpha=0.2, linewidth=0)


def log_axis(ax: Axes, room: float = 300) -> None:
    """A logarithmic axis of counts, with labels like 20k."""
    ax.set_xscale("log")
    plain_numbers(ax.xaxis, EngFormatter(sep=""), room)


def plain_numbers(axis: Axis, formatter="{x:g}", room: float = 300) -> None:
    """Numbers such as 0.1 and 20 on a logarithmic axis.

    If its ends are less than a factor of `room` apart, twos and fives have labels, too; otherwise
    threes have, where there is only one power of ten. If this gives fewer than two labels, as
    around a single N, its middle has one.
    """
    low, high = axis.get_view_interval()

    def labels(subs: list[int]) -> int:
        at = np.multiply.outer(10.0 ** np.arange(-6, 9), subs)
        return ((low <= at) & (at <= high)).sum()

    subs = [1, 2, 5] if high < room * low else [1] if labels([1]) > 1 else [1, 3]
    axis.set_major_locator(LogLocator(subs=subs))
    if labels(subs) < 2:
        axis.set_major_locator(FixedLocator([float(f"{np.sqrt(low * high):.3g}")]))
    axis.set_major_formatter(formatter)
    axis.set_minor_formatter(NullFormatter())


def mean_psnr(curves: xr.Dataset, which: str) -> xr.DataArray:
    """Output PSNR (seed, input_psnr) on the "train" or "test" set: the mean in dB over images."""
    psnr = curves.psnr.sel(set=which).mean("image", keep_attrs=True)
    return psnr.swap_dims(sigma="input_psnr").sortby("input_psnr").compute()


def psnr_panel(ax: Axes, curves: list[tuple]) -> None:
    """Output against input PSNR, with the identity.

    Args:
        ax: where.
        curves: (mean PSNR, keywords of the line) for each curve.
    """
    ax.margins(x=0.03)
    for psnr, line in curves:
        curve(ax, psnr.input_psnr, psnr, **line)
    # Through a point of the curves, so that it widens neither axis.
    point = min(float(psnr.input_psnr.max()), max(float(p.max()) for p, _ in curves))
    ax.axline((point, point), slope=1, label="output = input", **REFERENCE)
    ax.set(xlabel=label(psnr.input_psnr), ylabel=label(psnr))


def shrinkage_panel(ax: Axes, bases: list[tuple]) -> None:
    """Shrinkage factors lambda_k against rank.

    Args:
        ax: where.
        bases: (eigenbasis of one image at one noise level for each seed, keywords) for each line.
    """
    for each, line in bases:
        factors = together([basis.shrinkage for basis in each]).compute()
        curve(ax, factors["rank"], factors, markersize=1.5, **line)
    ax.axhline(1, **REFERENCE)
    ax.set(xscale="log", xlabel="rank $k$", ylabel=r"shrinkage factor $\lambda_k$")


# Samples: a block of images for each N, above a panel of cosines.


def first_samples(similarity: xr.Dataset, sizes: int) -> np.ndarray:
    """The first seed's first samples that did not diverge, as many as fit for `sizes` N."""
    return np.flatnonzero(~similarity.diverged.isel(seed=0).values)[: _each(sizes)]


def _each(sizes: int) -> int:
    return min(EACH, max(1, COLUMNS // sizes))


def blocks(
    ax: Axes, columns: dict[int, list[list]], names, each: int, space: float = GAP
) -> tuple[np.ndarray, float]:
    """Images in a block for each N, with the N above it.

    Args:
        ax: axes to draw on, as in `mosaic`.
        columns: for each N, for each sample shown, its images from top to bottom, with their notes.
        names: names of the rows of images.
        each: columns of a block, some of which may stay blank.
        space: space between rows.

    Returns: the center of each block, and half the width of one.
    """
    blank = [[(None, "")] * len(names)]
    start = (each * (1 + GAP) + 2 * GAP) * np.arange(len(columns))
    left = np.add.outer(start, (1 + GAP) * np.arange(each)).ravel()
    half = (each * (1 + GAP) - GAP) / 2
    tiles = [tile for found in columns.values() for tile in (found + blank * each)[:each]]
    mosaic(ax, list(zip(*tiles, strict=True)), names, left, space)
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")
    ax.set_xlabel("images in the training set, $N$")
    ax.set_xticks(start + half, [f"{N:,}" for N in columns])
    return start + half, half


def by_size(
    columns: dict[int, list[list]], names, lines: list[tuple], counts: list[tuple]
) -> Figure:
    """Images above one panel of cosines, by N.

    Args:
        columns: for each N, for each sample shown, its images from top to bottom, RGB (y, x, 3).
        names: of the rows of images.
        lines: for each line of cosines, its values for each N, and keywords.
        counts: for each N, how many samples are memorized, finished, and diverged.
    """
    each, rows = _each(len(columns)), len(names)
    width = style.PAGE if len(columns) > 2 else style.COLUMN
    # High enough that the width bounds the images, so that both axes are equally wide.
    images = len(columns) * (each * (1 + GAP) + 2 * GAP) - 3 * GAP
    heights = [rows * (1 + GAP) * (width - 0.7) / images + 0.5, 1.8]
    figure = Figure((width, sum(heights) + 0.4))
    top, ax = figure.subplots(2, 1, height_ratios=heights)
    tiles = {N: [[(tile, "") for tile in column] for column in columns[N]] for N in columns}
    centres, half = blocks(top, tiles, names, each)
    for i, (values, line) in enumerate(lines):
        # Shifted, so that bars do not hide each other.
        beside = centres + half * (i - (len(lines) - 1) / 2) / 6
        spread(ax, beside, values, **line)
    if ax.get_ylim()[0] < 0:
        ax.axhline(0, **REFERENCE)
    lost = any(diverged for *_, diverged in counts)
    ax.set(xlim=top.get_xlim(), ylim=(None, 1.05), ylabel="cosine")
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    ax.set_xlabel("samples memorized" + "; lost: diverged, left out" * lost)
    ax.set_xticks(centres, [f"{m}/{n}" + f"\n{d} lost" * (d > 0) for m, n, d in counts])
    columns = 2 if width == style.PAGE else 1
    figure.legend(*ax.get_legend_handles_labels(), ncols=columns, loc="outside lower center")
    return figure


def spread(ax: Axes, x, values: list[np.ndarray], **line) -> None:
    """Medians of values, with bars that contain four fifths of them; NaNs are left out."""
    kept = [each[~np.isnan(each)] for each in values]
    ends = [np.quantile(each, [0.1, 0.5, 0.9]) if len(each) else [np.nan] * 3 for each in kept]
    low, middle, high = np.transpose(ends)
    ax.plot(x, middle, **({"marker": "o", "markersize": 4, "linewidth": 0.8} | line))
    ax.vlines(x, low, high, color=line["color"], linewidth=2.5, alpha=0.35)


def points(ax: Axes, values, centre: float, width: float, line: dict) -> None:
    """A point for each value, spread over a width around a center; NaNs are left out."""
    values = values[~np.isnan(values)]
    # Multiples of the golden ratio, modulo 1, are evenly spread however many they are.
    x = centre + width * (0.05 + 0.9 * (np.arange(len(values)) * (5**0.5 - 1) / 2 % 1))
    ax.plot(x, values, ".", markersize=4, markeredgewidth=0, alpha=0.7, rasterized=True, **line)
