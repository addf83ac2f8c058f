"""The phase diagram: which networks memorize how many images, after how long a training."""

import itertools

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import EngFormatter, NullLocator

from gahb.drawing import style
from gahb.drawing.stores import Stores, together
from gahb.summaries import tables
from gahb.summaries.dynamics import effective_memorization

FIGURE = {
    "title": "Phase diagram",
    "reads": {"dynamics": ["S1"]},
    "sizes": "every",
    "compares": "denoisers",
    "uses": {"count": "dynamics.count"},
}

#: Where contour lines are drawn: memorized parts, and gaps in dB.
PARTS, GAPS = (0.1, 0.5, 0.9), (1, 3, 10)


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """Memorized part and gap by N and network, and by N and time; memorized images by network."""
    found = _by_network(stores, shown)
    names, sizes = _ordered(found), shown["sizes"]
    figure = Figure((style.PAGE, 2.6 + 0.44 * len(names)))
    (parts, gaps), (times, effective) = figure.subplots(2, 2)
    grid = [[_ended(found[name][N]) for N in sizes] for name in names]
    for ax, key, levels, words in (
        (parts, "memorized", PARTS, "memorized part of the samples"),
        (gaps, "gap", GAPS, "train minus test PSNR (dB)"),
    ):
        values = np.array([[cell[key] for cell in row] for row in grid])
        _map(ax, sizes, range(len(names)), values, levels, words, _groups(found, names))
        ax.set_yticks(range(len(names)), [_label(found, name) for name in names])
    largest = max(names, key=lambda name: _parameters(found, name))
    one = [together(found[largest][N]) for N in sizes]
    values = np.array([d.memorized.mean("sample").median("seed") for d in one]).T
    seen = one[0].images_seen.values
    _map(times, sizes, np.log10(seen), values, PARTS, f"memorized part, {largest}")
    ticks = [
        n
        for n in np.multiply.outer(10 ** np.arange(12), (1, 2, 5)).ravel()
        if seen[0] <= n <= seen[-1]
    ]
    times.set_yticks(np.log10(ticks), map(EngFormatter(sep=""), ticks))
    times.set_ylabel("images seen")
    _effective(effective, numbers(stores, shown), sizes)
    return figure


def _by_network(stores: Stores, shown: dict) -> dict[str, dict[int, list[xr.Dataset]]]:
    """The stores of all seeds, by denoiser and N."""
    return {
        name: {N: stores.of("dynamics", denoiser=name, N=N) for N in shown["sizes"]}
        for name in shown["denoisers"]
    }


def _any(found, name: str) -> xr.Dataset:
    return next(iter(found[name].values()))[0]


def _parameters(found, name: str) -> int:
    return int(_any(found, name).parameters)


def _ordered(found) -> list[str]:
    """Names of the denoisers by architecture, and of each by the number of weights."""
    return sorted(
        found, key=lambda n: (_any(found, n).attrs["architecture"], _parameters(found, n))
    )


def _groups(found, names: list[str]) -> list[list[int]]:
    """Places of the networks of each architecture: contour lines do not go from one to another."""
    by = itertools.groupby(range(len(names)), lambda i: _any(found, names[i]).attrs["architecture"])
    return [list(places) for _, places in by]


def _label(found, name: str) -> str:
    return f"{name}\n{EngFormatter(places=0, sep='')(_parameters(found, name))} weights"


def _ended(each: list[xr.Dataset]) -> dict:
    """Memorized part and gap at the end of training: medians over seeds."""
    psnr = together(each).psnr.isel(step=-1).mean("sigma")
    gap = (psnr.sel(set="train") - psnr.sel(set="test")).median("seed")
    memorized = together(each).memorized.isel(step=-1).mean("sample").median("seed")
    return {"memorized": float(memorized), "gap": float(gap)}


def _map(ax: Axes, sizes, heights, values, levels, title: str, groups=None) -> None:
    """A map of values (height, N) with contour lines, N on a logarithmic axis."""
    x, y = np.log10(sizes), np.asarray(heights, float)
    high = 1 if levels == PARTS else None
    drawn = ax.pcolormesh(x, y, values, cmap="cividis", shading="nearest", vmin=0, vmax=high)
    ax.figure.colorbar(drawn, ax=ax)
    for group in groups or [list(range(len(y)))]:
        part = values[group]
        inside = [level for level in levels if np.nanmin(part) < level < np.nanmax(part)]
        if inside and len(group) > 1 and len(sizes) > 1:
            lines = ax.contour(x, y[group], part, inside, colors="white", linewidths=0.8)
            labels = ax.clabel(lines, fmt="%g", fontsize=8)
            for part in (lines, *labels):
                part.set_path_effects([withStroke(linewidth=2, foreground="0.2")])
        if group[0]:
            ax.axhline(group[0] - 0.5, color="white", linewidth=1.5)
    ax.set_xticks(x, [f"{N:,}" for N in sizes])
    ax.set(xlabel="images in the training set, $N$")
    ax.set_title(title)
    ax.spines[:].set_visible(False)


def _effective(ax: Axes, rows: list[dict], sizes: list[int]) -> None:
    """The largest memorized N against the number of weights, a marker for each architecture."""
    none = min(sizes) / 2  # where networks stand that memorize none
    for i, kind in enumerate(sorted({row["architecture"] for row in rows})):
        of = [row for row in rows if row["architecture"] == kind]
        x = [row["parameters"] for row in of]
        bounds = ("effective", "effective_low", "effective_high")
        y, low, high = (
            np.maximum([row.get(key, row["effective"]) for row in of], none) for key in bounds
        )
        ax.errorbar(x, y, [y - low, high - y], fmt="os^D"[i % 4] + "-", color=f"C{i}", label=kind)
    ax.set(xscale="log", yscale="log", ylim=(none / 1.3, max(sizes) * 1.3))
    ax.set_yticks([none, *sizes], ["none", *(f"{N:,}" for N in sizes)])
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set(xlabel="number of weights", ylabel="largest $N$ memorized")
    ax.legend()


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """For each network what it memorizes, at each N, and the largest N that it does."""
    found = _by_network(stores, shown)
    rows = []
    for name in _ordered(found):
        of_seeds = [
            {N: _ended([each])["memorized"] for N, each in zip(found[name], seed, strict=True)}
            for seed in zip(*found[name].values(), strict=True)
        ]
        each = [
            {"effective": effective_memorization(one)}
            | {f"memorized_{N}": part for N, part in one.items()}
            for one in of_seeds
        ]
        given = {
            "denoiser": name,
            "architecture": _any(found, name).attrs["architecture"],
            "parameters": _parameters(found, name),
        }
        rows.append(given | tables.over_seeds(each))
    return rows
