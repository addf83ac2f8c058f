"""What kind of map each denoiser is, against noise, and how far it looks.

What the architecture makes of a denoiser: whether it is homogeneous and linear around each image,
commutes with shifts, and from which pixels it takes an estimate.
"""

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gahb import statistics
from gahb.drawing import panels, style
from gahb.drawing.stores import Stores, together

FIGURE = {
    "title": "Properties of denoisers",
    "reads": {"properties": ["S1"]},
    "sizes": "largest",
    "compares": "denoisers",
    "uses": {"count": "properties.count", "pixels": "properties.pixels"},
}

#: Measures, in words, and the scale of their axes.
WORDS = {
    "homogeneity": ("not homogeneous", "linear"),
    "linearity": ("not its tangent", "log"),
    "equivariance": ("not equivariant", "linear"),
    "radius": ("receptive field (pixels)", "linear"),
}
#: Decades of the receptive fields that are seen.
DECADES = 3


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """Each measure against the noise level, a line for each denoiser; below, receptive fields."""
    names = shown["denoisers"]
    width = style.PAGE / max(len(names), 6)
    figure = Figure((style.PAGE, 3.7 + width))
    top, bottom = figure.subfigures(2, 1, height_ratios=[3.7, width])
    axes = top.subplots(2, 2, sharex=True)
    found = {name: _of(stores, shown, name) for name in names}
    axes[1, 1].axhline(next(iter(found.values())).attrs["even"], **panels.REFERENCE)
    for ax, (measure, (words, scale)) in zip(axes.flat, WORDS.items(), strict=True):
        for i, name in enumerate(names):
            line = {"color": f"C{i % 6}", "linestyle": "-" if i < 6 else "--", "label": name}
            _band(ax, found[name], measure, **line)
        ax.set(ylabel=words, xscale="log", yscale=scale)
        if scale == "linear":
            ax.set_ylim(bottom=0)
    for ax in axes[1]:
        levels = next(iter(found.values())).sigma.values
        ax.set_xticks(levels, [f"{level:g}" for level in levels])
        ax.minorticks_off()
        ax.set_xlabel("noise level $\\sigma$")
    top.legend(*axes[0, 0].get_legend_handles_labels(), ncols=6, loc="outside lower center")
    tiles = [(_picture(found[name]), name) for name in names]
    panels.mosaic(bottom.subplots(), [tiles])
    return figure


def _of(stores: Stores, shown: dict, denoiser: str) -> xr.Dataset:
    """The properties of one denoiser, the mean of its seeds."""
    each = stores.of("properties", denoiser=denoiser, N=shown["sizes"][-1])
    return together(each).mean("seed").assign_attrs(even=each[0].attrs["even"]).sortby("sigma")


def _band(ax: Axes, found: xr.Dataset, measure: str, **line) -> None:
    """Mean over images of a measure, in the band of its interval over images."""
    means = np.array([statistics.mean(values) for values in found[measure].values])
    ax.plot(found.sigma, means[:, 0], marker="o", **line)
    ax.fill_between(
        found.sigma, means[:, 1], means[:, 2], color=line["color"], alpha=0.25, linewidth=0
    )


def _picture(found: xr.Dataset) -> np.ndarray:
    """The mean receptive field at the least noise level, of `DECADES`, as RGB (y, x, 3)."""
    field = found.field.isel(sigma=0).mean("image").values
    with np.errstate(divide="ignore"):
        decades = np.log10(field / np.nanmax(field))
    shade = np.nan_to_num(1 + decades / DECADES, nan=0, neginf=0).clip(0, 1)
    return mpl.colormaps["viridis"](shade)[..., :3]


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """For each denoiser and noise level: mean of each measure over images, and its interval."""
    rows = []
    for name in shown["denoisers"]:
        found = _of(stores, shown, name)
        for sigma in found.sigma.values:
            row = {"denoiser": name, "N": shown["sizes"][-1], "sigma": float(sigma)}
            for measure in WORDS:
                values = found[measure].sel(sigma=sigma).values
                names = (measure, f"{measure}_low", f"{measure}_high")
                row |= dict(zip(names, map(float, statistics.mean(values)), strict=True))
            rows.append(row)
    return rows
