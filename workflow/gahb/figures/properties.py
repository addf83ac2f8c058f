"""Properties of each denoiser as a map, against noise, and how far it looks.

They follow from the architecture: whether a denoiser is homogeneous and linear around each image,
whether it commutes with shifts, and which pixels an estimate depends on.
"""

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from gahb import statistics
from gahb.drawing import panels, style, words
from gahb.drawing.stores import Stores, together
from gahb.summaries import tables

FIGURE = {
    "title": "Properties of denoisers",
    "reads": {"properties": ["S1"]},
    "sizes": "largest",
    "compares": "denoisers",
    "uses": {"count": "properties.count", "pixels": "properties.pixels"},
}

#: Measures, and those that are drawn, in words: homogeneous maps equal their tangents.
MEASURES = ("homogeneity", "linearity", "equivariance", "radius")
WORDS = {
    "homogeneity": "not homogeneous",
    "equivariance": "not equivariant",
    "radius": "receptive field (pixels)",
}
#: Value up to which a denoiser in single precision counts as homogeneous.
HOMOGENEOUS = 1e-4
#: Decades of the receptive fields that are visible.
DECADES = 3


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """Measures against the noise level, a line for each denoiser; below, receptive fields."""
    names = shown["denoisers"]
    width = style.PAGE / max(len(names), 6)
    figure = Figure((style.PAGE, 2.7 + width))
    top, bottom = figure.subfigures(2, 1, height_ratios=[2.7, width])
    axes = top.subplots(1, len(WORDS))
    rows, found = numbers(stores, shown), {name: _of(stores, shown, name) for name in names}
    first = next(iter(found.values()))
    axes[-1].axhline(first.attrs["even"], label="all pixels alike", **panels.REFERENCE)
    for ax, measure in zip(axes, WORDS, strict=True):
        for i, name in enumerate(names):
            line = {"color": words.series(i), "linestyle": "-" if i < 6 else "--", "label": name}
            of = [row for row in rows if row["denoiser"] == name]
            panels.banded(ax, of, measure, "sigma", **line)
        ax.set(ylabel=WORDS[measure], xscale="log", xlabel=r"noise level $\sigma$")
        ax.set_ylim(bottom=0)
        ax.set_xticks(first.sigma.values, [f"{level:g}" for level in first.sigma.values])
        ax.minorticks_off()
    top.legend(*axes[-1].get_legend_handles_labels(), ncols=4, loc="outside lower center")
    tiles = [(_picture(found[name]), name) for name in names]
    panels.mosaic(bottom.subplots(), [tiles], ["receptive\nfields"])
    words.headline(figure, sentence(rows))
    return figure


def sentence(rows: list[dict]) -> str:
    """Which denoisers are homogeneous, and whose receptive fields are smallest and largest."""
    each = {}
    for row in rows:
        each.setdefault(words.called(row["denoiser"]), []).append(row)
    not_so = [n for n, of in each.items() if max(row["homogeneity"] for row in of) > HOMOGENEOUS]
    radius = {n: sum(row["radius"] for row in of) / len(of) for n, of in each.items()}
    if len(not_so) == len(each):
        said = "No denoiser is homogeneous"
    else:
        said = "All denoisers are homogeneous" + f" but {words.listed(not_so)}" * bool(not_so)
    ends = words.ends(sorted(radius, key=radius.get))
    ends = [f"{words.number(radius[name], 1)} pixels ({name})" for name in ends]
    return f"{said}; receptive fields have radii of {' to '.join(ends)}."


def _of(stores: Stores, shown: dict, denoiser: str) -> xr.Dataset:
    """The properties of one denoiser, averaged over its seeds."""
    each = stores.of("properties", denoiser=denoiser, N=shown["sizes"][-1])
    return together(each).mean("seed").assign_attrs(even=each[0].attrs["even"]).sortby("sigma")


def _picture(found: xr.Dataset) -> np.ndarray:
    """The mean receptive field at the lowest noise level over `DECADES`, as RGB (y, x, 3)."""
    field = found.field.isel(sigma=0).mean("image").values
    with np.errstate(divide="ignore"):
        decades = np.log10(field / np.nanmax(field))
    shade = np.nan_to_num(1 + decades / DECADES, nan=0, neginf=0).clip(0, 1)
    return mpl.colormaps["viridis"](shade)[..., :3]


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """Means of the measures over images, with intervals, by denoiser and noise level."""
    rows = []
    for name in shown["denoisers"]:
        found = _of(stores, shown, name)
        for sigma in found.sigma.values:
            row = {"denoiser": name, "N": shown["sizes"][-1], "sigma": float(sigma)}
            for measure in MEASURES:
                values = found[measure].sel(sigma=sigma).values
                row |= tables.bounded(measure, statistics.mean(values))
            rows.append(row)
    return rows
