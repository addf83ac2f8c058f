"""The dimension of the data according to a denoiser, by noise level.

An optimal denoiser's squared error over sigma^2 is the trace of its Jacobian, and at low noise both
equal the dimension of the data. Networks keep more.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gahb.drawing import panels, style, words
from gahb.drawing.stores import Stores, together
from gahb.summaries import tables

FIGURE = {
    "title": "Dimension by noise level",
    "reads": {"density": ["S1"]},
    "beside": {"density": "every"},
    "sizes": "largest",
    "compares": "nothing",
    "uses": {"count": "density.count", "source": "datasets.*.source"},
}

#: Dimension of the data for sources where it is known: center, radius and two intensities.
KNOWN = {"disks": 5}
#: Measures, in words.
WORDS = {
    "trace": "trace of the Jacobian",
    "scaled_error": r"squared error / $\sigma^2$",
    "flipd": "FLIPD at clean images",
}
LINES = {"trace": "-", "scaled_error": "--", "flipd": ":"}


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """Three measures of dimension against noise, and the singular values of scores."""
    figure = Figure((style.PAGE, 2.9))
    left, right = figure.subplots(1, 2)
    names = _denoisers(shown)
    color = [words.NETWORK, *(line["color"] for line in words.looks(names[1:]).values())]
    for c, denoiser in zip(color, names, strict=True):
        each = stores.of("density", denoiser=denoiser, subset="S1")
        measures = together([_measures(data) for data in each])
        called = "network" if denoiser == shown["denoiser"] else words.called(denoiser)
        for name in measures:
            line = {"color": c, "linestyle": LINES[name], "label": f"{called}: {WORDS[name]}"}
            panels.curve(left, measures.input_psnr, measures[name], **line)
        _spectrum(right, each[0], color=c)
    known = {KNOWN[s] for s in shown["source"] if s in KNOWN}
    for dimension in known:
        line = {"color": words.OPTIMUM, "linewidth": 0.8, "zorder": 1}
        left.axhline(dimension, label=f"dimension of the data: {dimension}", **line)
        right.axvline(dimension, **line)
    left.set(xlabel="input PSNR (dB)", ylabel="dimensions", yscale="log")
    panels.plain_numbers(left.yaxis)
    right.axhline(1, **panels.REFERENCE)
    right.set(xlabel="rank, from the smallest", ylabel="singular value of scores")
    right.set(xscale="log", yscale="log")
    for axis in (right.xaxis, right.yaxis):
        panels.plain_numbers(axis)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    words.headline(figure, sentence(numbers(stores, shown), known))
    return figure


def sentence(rows: list[dict], known: set[int]) -> str:
    """How many dimensions the network keeps at the highest and at the lowest noise level."""
    network = [row for row in rows if row["denoiser"] == rows[0]["denoiser"]]
    first, *last = [
        (words.amount(row["trace"]), f"at {row['input_psnr']:g} dB") for row in words.ends(network)
    ]
    kept = [f"{first[0]} dimensions {first[1]}", *map(" ".join, last)]
    data = "".join(f"; the data have {dimension}" for dimension in known)
    return f"The network keeps {words.listed(kept)}{data}."


def _denoisers(shown: dict) -> list[str]:
    return [shown["denoiser"], *shown["references"]]


def _measures(data: xr.Dataset) -> xr.Dataset:
    """Means over test images, along input_psnr."""
    test = data.sel(set="test").mean(("pair", "image"))
    found = {"trace": test.trace, "scaled_error": test.mse / data.sigma**2}
    if "flipd" in data:
        found["flipd"] = test.flipd
    return xr.Dataset(found).swap_dims(sigma="input_psnr")


def _spectrum(ax: Axes, data: xr.Dataset, **line) -> None:
    """Singular values of the scores around the first test image, from the smallest."""
    values = data.singular_values[0].values[::-1]
    ax.plot(np.arange(1, len(values) + 1), np.maximum(values, 1e-3), ".", **line)


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """The measures at every fourth noise level, of the network and the references."""
    rows = []
    for denoiser in _denoisers(shown):
        each = [
            (data, _measures(data)) for data in stores.of("density", denoiser=denoiser, subset="S1")
        ]
        for level in range(0, each[0][1].sizes["input_psnr"], 4):
            found = tables.over_seeds([_row(data, measures, level) for data, measures in each])
            decibels = float(each[0][1].input_psnr[level])
            rows.append({"denoiser": denoiser, "input_psnr": decibels} | {"flipd": "blind"} | found)
    return rows


def _row(data: xr.Dataset, measures: xr.Dataset, level: int) -> dict:
    """The measures at one noise level, and the result for scores at the lowest level."""
    bundle = {name: float(data[name][0]) for name in ("bundle_dimension", "bundle_gap")}
    return {name: float(measures[name][level]) for name in measures} | bundle
