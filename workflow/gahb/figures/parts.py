"""Parts that several figures are made of: grids of images, PSNR panels, spectra."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from gahb.figures.style import DIVERGING, GRAY

#: Space between the images of a grid, and above those that have a note, in parts of an image.
GAP, NOTE = 0.08, 0.3
#: Where the colours of an eigenvector end, in root mean squares.
SATURATION = 2.5
#: Keywords of a filled histogram, and of a line to compare with.
FILLED = {"fill": True, "alpha": 0.6}
REFERENCE = {"color": GRAY, "dashes": (4, 2), "linewidth": 0.8, "zorder": 1}


def label(variable: xr.DataArray) -> str:
    """Meaning and unit of a variable of a store, for an axis."""
    units = variable.attrs["units"]
    return variable.attrs["long_name"] + (f" ({units})" if units != "1" else "")


# Grids of images.


def photo(image: xr.DataArray | np.ndarray) -> np.ndarray:
    """An image (channel, y, x), bytes or intensities clipped to [0, 1], as RGB (y, x, 3)."""
    values = np.moveaxis(np.asarray(image), 0, -1)
    values = values / 255 if values.dtype == np.uint8 else values.clip(0, 1)
    return np.broadcast_to(values, (*values.shape[:2], 3)).astype(float)


def signed(vector: xr.DataArray | np.ndarray) -> np.ndarray:
    """An eigenvector (channel, y, x) as RGB (y, x, 3), saturated at SATURATION root mean squares.

    Zero is white for gray images and middle gray for those in color. Not scaled by the largest
    entry: a few pixels in a corner would hide the rest.
    """
    values = np.moveaxis(np.asarray(vector), 0, -1)
    scale = SATURATION * (np.sqrt(np.square(values).mean()) or 1)
    values = (0.5 + 0.5 * values / scale).clip(0, 1)
    return DIVERGING(values[..., 0])[..., :3] if values.shape[-1] == 1 else values


def mosaic(ax: Axes, rows: list[list], names=(), left=None, space: float = GAP) -> None:
    """Draw images in a grid, each one unit wide, y downwards.

    Args:
        ax: gets units of an image as its data coordinates.
        rows: for each row, (image, note) for each column: RGB (y, x, 3), None for a blank place,
            and what to write above it.
        names: name of each row.
        left: left edge of each column; side by side by default.
        space: between rows.
    """
    columns = max(map(len, rows))
    left = (1 + GAP) * np.arange(columns) if left is None else np.asarray(left)
    top = (1 + space) * np.arange(len(rows))
    for y, row in zip(top, rows, strict=True):
        for x, (image, note) in zip(left, row, strict=False):
            if image is not None:
                _tile(ax, image, x, y)
            if note:
                ax.annotate(
                    note, (x + 0.5, y), (0, 1.5), textcoords="offset points",
                    ha="center", va="bottom",
                )  # fmt: skip
    ax.set(xlim=(left[0], left[-1] + 1), ylim=(top[-1] + 1, 0), aspect="equal", xticks=[])
    ax.set_yticks(top + 0.5 if len(names) else [], names)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _tile(ax: Axes, image: np.ndarray, x: float, y: float) -> None:
    # Viewers of PDF smooth the pixels of small images; repeated pixels stay sharp.
    factor = -(-200 // image.shape[0])
    enlarged = image.repeat(factor, 0).repeat(factor, 1)
    ax.imshow(enlarged, extent=(x, x + 1, y + 1, y), interpolation="none")
    frame = {"edgecolor": GRAY, "linewidth": 0.4, "clip_on": False}
    ax.add_patch(Rectangle((x, y), 1, 1, fill=False, **frame))


def mosaic_height(
    width: float, columns: int, rows: int, space: float = GAP, notes: float = 0.22
) -> float:
    """Height in inches of a mosaic `width` inches wide, with `notes` inches above its first row."""
    image = width / (columns + GAP * (columns - 1))
    return image * (rows + space * (rows - 1)) + notes


def eigenvectors(basis: xr.Dataset, ranks) -> list[tuple]:
    """A row of a mosaic: eigenvectors e_k of one image at one noise level, k among `ranks`."""
    vectors = basis.vectors.sel(rank=[k for k in ranks if k <= basis.sizes["rank"]]).compute()
    return [(signed(vector), rf"$k = {int(vector['rank'])}$") for vector in vectors]


def spread_ranks(basis: xr.Dataset, count: int) -> np.ndarray:
    """At most `count` ranks, from the first to the last, evenly on a logarithmic scale."""
    return np.unique(np.geomspace(1, basis.sizes["rank"], count).round().astype(int))


def denoising(basis: xr.Dataset) -> list[tuple]:
    """A row of a mosaic: clean, noisy and denoised image, with PSNRs."""
    return [
        (photo(basis.clean), "clean"),
        (photo(basis.noisy), f"noisy\n{psnr(basis.noisy, basis.clean):.1f} dB"),
        (photo(basis.denoised), f"denoised\n{psnr(basis.denoised, basis.clean):.1f} dB"),
    ]


def psnr(image: xr.DataArray, clean: xr.DataArray) -> float:
    """PSNR in dB of an image."""
    return float(-10 * np.log10(np.square(image.values - clean.values).mean()))


def compare_bases(ax: Axes, bases: list[xr.Dataset], names, count: int) -> None:
    """A row for each eigenbasis: clean and noisy image, and `count` leading eigenvectors."""
    rows = [
        [
            (photo(basis.clean), "clean"),
            (photo(basis.noisy), "noisy"),
            *eigenvectors(basis, range(1, count + 1)),
        ]
        for basis in bases
    ]
    rows[1:] = [[(image, "") for image, _ in row] for row in rows[1:]]
    mosaic(ax, rows, names)


# Panels.


def mean_psnr(curves: xr.Dataset, which: str) -> xr.DataArray:
    """Output against input PSNR on the "train" or "test" set: the mean of the images' dBs."""
    psnr = curves.psnr.sel(set=which).mean("image", keep_attrs=True)
    return psnr.swap_dims(sigma="input_psnr").sortby("input_psnr").compute()


def psnr_panel(ax: Axes, curves: list[tuple]) -> None:
    """Output against input PSNR, beside the identity.

    Args:
        ax: where.
        curves: (mean PSNR, keywords of the line) of each.
    """
    ax.margins(x=0.03)
    for curve, line in curves:
        ax.plot(curve.input_psnr, curve, "o-", **line)
    # Through a point among the curves, so that it widens neither axis.
    point = min(float(curve.input_psnr.max()), max(float(c.max()) for c, _ in curves))
    ax.axline((point, point), slope=1, label="output = input", **REFERENCE)
    ax.set(xlabel=label(curve.input_psnr), ylabel=label(curve))


def shrinkage_panel(ax: Axes, bases: list[tuple]) -> None:
    """Shrinkage factors lambda_k against rank.

    Args:
        ax: where.
        bases: (eigenbasis of one image at one noise level, keywords of the line) of each.
    """
    for basis, line in bases:
        ax.plot(basis["rank"], basis.shrinkage, "o-", markersize=1.5, **line)
    ax.axhline(1, **REFERENCE)
    ax.set(xscale="log", xlabel="rank $k$", ylabel=r"shrinkage factor $\lambda_k$")
