"""How far networks are from the optimum, and what brings them closer.

Against what differs between the networks of a study: noisy images seen in training, the number of
training images N, or the networks themselves.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from gahb.drawing import style
from gahb.drawing.optimum import bars
from gahb.drawing.stores import Stores
from gahb.summaries import optimum as optima
from gahb.summaries import tables
from gahb.summaries.optimum import below_optimum

FIGURE = {
    "title": "Distance to the optimum",
    "reads": {"psnr": ["S1"], "history": ["S1"]},
    "sizes": "every",
    "compares": "denoisers",
    "beside": {"psnr": ["optimum", "wiener"]},
    "needs": "optimum",
    "uses": {"count": "psnr.count"},
}

#: What is drawn, and how it is called.
ROWS = {"below_optimum": "below optimum (dB)", "closed": "gap closed"}
MARKERS = "osD^vP*X"


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """DB below the optimum, and the share of the gap between Wiener filter and optimum that is
    closed: a panel for each input PSNR, a point for each network."""
    rows = numbers(stores, shown)
    levels = list(dict.fromkeys(row["input_psnr"] for row in rows))
    measures = [name for name in ROWS if name in rows[0]]
    axis = _axis(rows)
    figure = Figure((style.PAGE, 1.1 + 1.5 * len(measures) + (0.5 if axis == "denoiser" else 0)))
    axes = figure.subplots(len(measures), len(levels), sharex=True, sharey="row", squeeze=False)
    for level, column in zip(levels, axes.T, strict=True):
        at = [row for row in rows if row["input_psnr"] == level]
        for ax, name in zip(column, measures, strict=True):
            _points(ax, at, name, axis)
            ax.axhline(0 if name == "below_optimum" else 1, color="black", linewidth=0.8, zorder=1)
        # Between the optimum that was measured and the exact one.
        column[0].axhspan(-at[0]["optimum_error"], 0, color=style.GRAY, alpha=0.3, linewidth=0)
        column[0].set_title(f"input PSNR {level:g} dB")
        _x_axis(column[-1], at, axis)
        if "per_doubling" in at[0]:
            _line(column[0], at)
    for row, name in zip(axes, measures, strict=True):
        row[0].set_ylabel(ROWS[name])
        row[0].set_ylim(bottom=min(0, row[0].get_ylim()[0]))
        row[0].yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    handles, labels = axes[0, 0].get_legend_handles_labels()
    if len(handles) > 1:
        figure.legend(handles, labels, ncols=5, loc="outside lower center")
    return figure


def _axis(rows: list[dict]) -> str:
    """What differs between the networks."""
    for name in ("images_seen", "N"):
        if len({row[name] for row in rows}) > 1:
            return name
    return "denoiser"


def _place(at: list[dict], axis: str) -> np.ndarray:
    return np.arange(len(at)) if axis == "denoiser" else np.array([row[axis] for row in at])


def _points(ax: Axes, at: list[dict], name: str, axis: str) -> None:
    """A point with its interval for each network, alike in colour if it is the same denoiser."""
    denoisers = list(dict.fromkeys(row["denoiser"] for row in at))
    for x, row in zip(_place(at, axis), at, strict=True):
        i = denoisers.index(row["denoiser"])
        look = {"color": f"C{i % 6}", "fmt": MARKERS[i % len(MARKERS)], "markersize": 4}
        label = "" if axis == "denoiser" or _among(ax, row["denoiser"]) else row["denoiser"]
        bars(ax, [x], row, [name], label=label or None, **look)


def _among(ax: Axes, label: str) -> bool:
    return label in ax.get_legend_handles_labels()[1]


def _x_axis(ax: Axes, at: list[dict], axis: str) -> None:
    if axis == "denoiser":
        names = [row["denoiser"] for row in at]
        ax.set_xticks(range(len(at)), names, rotation=90)
        ax.set_xlim(-0.5, len(at) - 0.5)
        return
    values = np.unique(_place(at, axis))
    ax.set(xscale="log", xlabel={"images_seen": "images seen", "N": "images $N$"}[axis])
    ends = [values.min(), values.max()]
    ax.set_xticks(ends, [_short(v) for v in ends])
    ax.set_xlim(ends[0] / 1.8, ends[1] * 1.8)
    ax.xaxis.set_minor_locator(NullLocator())


def _short(number: float) -> str:
    """1,500,000 as 1.5M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:g}"


def _line(ax: Axes, at: list[dict]) -> None:
    """The line that was fitted, over the images that were seen."""
    n = np.log2([row["images_seen"] for row in at])
    mean = np.mean([row["below_optimum"] for row in at])
    ends = np.array([n.min(), n.max()])
    line = mean + at[0]["per_doubling"] * (ends - n.mean())
    ax.plot(2**ends, line, "--", color=style.GRAY, linewidth=0.9, zorder=1)


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """Distance to the optimum and share of the gap closed, by input PSNR, denoiser and N. Where the
    networks saw different numbers of images, also two curves through them and where they lead."""
    largest = shown["sizes"][-1]
    optimum = stores.first("psnr", denoiser=shown["optimum"], N=largest)
    linear = shown.get("linear")
    if linear is not None:
        linear = stores.first("psnr", denoiser=linear, N=largest)
    every = [(name, N) for name in shown["denoisers"] for N in shown["sizes"]]
    curves = {of: stores.of("psnr", denoiser=of[0], N=of[1]) for of in every}
    seen = {of: _seen(stores, *of) for of in every}
    below = {
        of: sum(optima.below(c, optimum) for c in seeds) / len(seeds)
        for of, seeds in curves.items()
    }
    levels = [p for p in below[every[0]].input_psnr.values if p in optima.LEVELS]
    rows = []
    for level in levels:
        fitted = _fitted(seen, {of: b.sel(input_psnr=level).values for of, b in below.items()})
        for of in every:
            row = {"input_psnr": float(level), "N": of[1], "images_seen": seen[of]}
            measured = tables.over_seeds(
                [row | _measured(c, optimum, linear, level) for c in curves[of]]
            )
            rows.append({"denoiser": of[0]} | measured | fitted)
    return rows


def _seen(stores: Stores, denoiser: str, N: int) -> int:
    """Noisy images that a network saw in training."""
    return int(stores.first("history", denoiser=denoiser, N=N).images_seen[-1])


def _measured(curves, optimum, linear, level: float) -> dict:
    """The numbers of one seed at one level."""
    found = below_optimum(curves, optimum, [level])
    found = {name.replace(f"_{level:g}", ""): value for name, value in found.items()}
    if linear is not None:
        found |= tables.bounded("closed", optima.closed(curves, linear, optimum)[level])
    error = optima.above_measured(optimum).sel(input_psnr=level)
    return found | {"optimum_error": float(error)}


def _fitted(seen: dict, below: dict) -> dict:
    """The curves through the networks' distances, with bounds; nothing where all saw as many."""
    if len(set(seen.values())) < 2:
        return {}
    found = optima.extrapolated(list(seen.values()), list(below.values()))
    return {
        name: value
        for key, interval in found.items()
        for name, value in tables.bounded(key, interval).items()
    }
