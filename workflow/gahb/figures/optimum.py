"""The distance of networks from the optimum, and what reduces it.

The horizontal axis is what differs between the networks of a study: noisy images seen in training,
the number of training images N, or the networks themselves.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullLocator

from gahb.drawing import style, words
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

#: Quantities that are drawn, and their labels.
MEASURES = {"below_optimum": "below the optimum (dB)", "closed": "fraction of the gap closed"}
MARKERS = "osD^vP*X"


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """Decibels below the optimum, and the fraction closed of the gap between Wiener filter and
    optimum: a point for each network and input PSNR."""
    rows = numbers(stores, shown)
    levels = list(dict.fromkeys(row["input_psnr"] for row in rows))
    measures = [name for name in MEASURES if name in rows[0]]
    axis, color = _axis(rows), style.shades(levels)
    figure = Figure((style.PAGE, 3.6 if axis == "denoiser" else 3))
    axes = figure.subplots(1, len(measures), squeeze=False)[0]
    for ax, name in zip(axes, measures, strict=True):
        for i, level in enumerate(levels):
            at = [row for row in rows if row["input_psnr"] == level]
            _points(ax, at, name, axis, color[level], (i - (len(levels) - 1) / 2) / len(levels))
        ax.axhline(0 if name == "below_optimum" else 1, color=words.OPTIMUM, linewidth=0.8)
        ax.set_ylabel(MEASURES[name])
        ax.set_ylim(bottom=min(0, ax.get_ylim()[0]))
        _x_axis(ax, at, axis)
    # Between the measured and the exact optimum.
    error = max(row["optimum_error"] for row in rows)
    axes[0].axhspan(-error, 0, color=style.GRAY, alpha=0.3, linewidth=0)
    figure.legend(*axes[0].get_legend_handles_labels(), ncols=6, loc="outside lower center")
    words.headline(figure, sentence(rows))
    return figure


def sentence(rows: list[dict]) -> str:
    """Which network is closest, and how close."""
    networks = {}
    for row in rows:
        networks.setdefault((row["denoiser"], row["N"]), []).append(row)

    def values(of: tuple, key: str) -> list[float]:
        return [row[key] for row in networks[of] if words.known(row, key)]

    best = min(networks, key=lambda of: sum(values(of, "below_optimum")))
    closest = "The closest network" if len(networks) > 1 else "The network"
    said = f"{closest}, {best[0]} (N = {best[1]:,}), is "
    said += f"{words.span(values(best, 'below_optimum'))} dB below the optimum"
    if closed := values(best, "closed"):
        said += f" and closes {words.span(closed)} of the gap from the Wiener filter to it"
    return said + "."


def _axis(rows: list[dict]) -> str:
    """What differs between the networks."""
    for name in ("images_seen", "N"):
        if len({row[name] for row in rows}) > 1:
            return name
    return "denoiser"


def _place(at: list[dict], axis: str) -> np.ndarray:
    return np.arange(len(at)) if axis == "denoiser" else np.array([row[axis] for row in at])


def _points(ax: Axes, at: list[dict], name: str, axis: str, color: str, shift: float) -> None:
    """A point with its interval for each network at one level, and the fitted line."""
    denoisers = list(dict.fromkeys(row["denoiser"] for row in at))
    places = _place(at, axis)
    # Shifted, so that intervals do not hide each other.
    beside = places + 0.5 * shift if axis == "denoiser" else places * 1.25**shift
    for i, (x, row) in enumerate(zip(beside, at, strict=True)):
        marker = "o" if axis == "denoiser" else MARKERS[denoisers.index(row["denoiser"]) % 8]
        label = None if i else f"{row['input_psnr']:g} dB"
        bars(ax, [x], row, [name], color=color, fmt=marker, markersize=4, label=label)
    if name == "below_optimum" and "per_doubling" in at[0]:
        n = np.log2(places.astype(float))
        line = np.mean([row[name] for row in at]) + at[0]["per_doubling"] * (n - n.mean())
        order = np.argsort(places)
        ax.plot(beside[order], line[order], "--", color=color, linewidth=0.9, zorder=1)


def _x_axis(ax: Axes, at: list[dict], axis: str) -> None:
    if axis == "denoiser":
        names = [row["denoiser"] for row in at]
        upright = 90 if len(at) > 4 else 0
        ax.set_xticks(range(len(at)), names, rotation=upright)
        ax.set_xlim(-0.5, len(at) - 0.5)
        return
    values = np.unique(_place(at, axis))
    ax.set(xscale="log", xlabel={"images_seen": "images seen", "N": "images $N$"}[axis])
    ends = [values.min(), values.max()]
    ax.set_xticks(ends, map(EngFormatter(sep=""), ends))
    ax.set_xlim(ends[0] / 1.8, ends[1] * 1.8)
    ax.xaxis.set_minor_locator(NullLocator())


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """Distance to the optimum and share of the gap closed, by input PSNR, denoiser and N. If the
    networks saw different numbers of images, also two curves fitted to them and their limits."""
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
    """Curves fitted to the networks' distances, with bounds; empty if all saw as many."""
    if len(set(seen.values())) < 2:
        return {}
    found = optima.extrapolated(list(seen.values()), list(below.values()))
    return {
        name: value
        for key, interval in found.items()
        for name, value in tables.bounded(key, interval).items()
    }
