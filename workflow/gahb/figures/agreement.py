"""Which theory a network agrees with, at each noise level and size of the training set.

At small N it is the memorizer, near the training images. At large N a linear filter and local
machines explain part of it, and two networks agree on a part that no theory explains.
"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from gahb import statistics
from gahb.drawing import panels, style, words
from gahb.drawing.stores import Stores, together
from gahb.summaries import tables

FIGURE = {
    "title": "Agreement with theories",
    "reads": {"agreement": ["S1"]},
    "sizes": "every",
    "compares": "nothing",
    "uses": {"count": "agreement.count"},
}

#: Maximum number of sizes N with a panel, from the smallest to the largest.
COLUMNS = 5
#: Other networks, which no theory can be expected to surpass: their names and lines.
CEILINGS = {
    "other_images": ("a network trained on other images", "-"),
    "another_seed": ("a network trained with another seed", ":"),
}
#: Measure and points, by the beginning of a column's name; the one that is drawn.
MEASURES = {
    "r2_": ("r2", "noisy test images"),
    "r2_beyond_": ("r2_beyond_wiener", "noisy test images"),
    "trajectory_beyond_": ("r2_beyond_wiener", "trajectory"),
}
BEYOND = "r2_beyond_"
#: Lowest R^2 that is drawn; lower values are triangles at this height, this factor of noise apart.
LOWEST, BESIDE = -0.5, 1.12


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """R^2 beyond the Wiener filter against the noise level: a line for each theory, a panel for
    each N."""
    sizes = words.few(shown["sizes"], COLUMNS)
    width = style.PAGE if len(sizes) > 1 else style.COLUMN
    figure = Figure((width, 2.9 if width == style.PAGE else 3.6))
    axes = figure.subplots(1, len(sizes), sharex=True, sharey=True, squeeze=False)[0]
    rows = numbers(stores, {"sizes": sizes})
    for N, ax in zip(sizes, axes, strict=True):
        _panel(ax, [row for row in rows if row["N"] == N])
        ax.set_title(f"$N$ = {N:,}")
        ax.set_xlabel(r"noise level $\sigma$")
    levels = sorted({row["sigma"] for row in rows})
    named = words.few(levels, 5 if len(sizes) <= 3 else 2)  # as many as there is room for
    axes[0].set(ylabel="$R^2$ beyond the Wiener filter", xscale="log", ylim=(LOWEST - 0.05, 1))
    axes[0].set_yticks([-0.5, 0, 0.5, 1])
    axes[0].set_xticks(named, [f"{sigma:g}" for sigma in named])
    axes[0].set_xticks(levels, [], minor=True)
    columns = 3 if width == style.PAGE else 1
    figure.legend(*axes[0].get_legend_handles_labels(), ncols=columns, loc="outside lower center")
    words.headline(figure, sentence(rows))
    return figure


def _compared(rows: list[dict]) -> list[str]:
    """Names of the columns of comparisons beyond the Wiener filter."""
    names = [n for n in rows[0] if n.startswith(BEYOND) and not n.endswith(("_low", "_high"))]
    return [name.removeprefix(BEYOND) for name in names if name != f"{BEYOND}wiener"]


def _panel(ax, rows: list[dict]) -> None:
    """The lines of one N."""
    ax.axhline(0, **panels.REFERENCE | {"color": words.GAUSSIAN, "label": "Wiener filter"})
    lines = words.looks([name for name in _compared(rows) if name not in CEILINGS])
    for name, (label, dashes) in CEILINGS.items():
        if name in _compared(rows):
            lines[name] = {"color": words.NETWORK, "linestyle": dashes, "label": label}
    for name, line in lines.items():
        panels.banded(ax, rows, BEYOND + name, "sigma", **line)
    for row in rows:
        low = [line for name, line in lines.items() if row[BEYOND + name] < LOWEST]
        beside = BESIDE ** (np.arange(len(low)) - (len(low) - 1) / 2)
        for sigma, line in zip(row["sigma"] * beside, low, strict=True):
            look = "full" if line["linestyle"] == "-" else "none"
            ax.plot(sigma, LOWEST, "v", color=line["color"], markersize=4, fillstyle=look)


def sentence(rows: list[dict]) -> str:
    """The theory that explains the most beyond the Wiener filter at the largest N, and how much
    another network explains at this noise level."""
    rows = [row for row in rows if row["N"] == rows[-1]["N"]]
    theories = [name for name in _compared(rows) if name not in CEILINGS]
    found = [(row[BEYOND + n], n, row) for n in theories for row in rows]
    found = [each for each in found if np.isfinite(each[0])]
    if not found:
        return "There is no theory to compare the network with."
    part, name, row = max(found, key=lambda each: each[0])
    at = f"at \N{GREEK SMALL LETTER SIGMA} = {row['sigma']:g}"
    said = f"N = {row['N']:,}, beyond the Wiener filter: "
    if part >= 0.005:
        said += f"the best theory, the {words.called(name)}, explains {words.number(part)} of the "
        said += f"network {at}"
    else:
        said += "no theory explains anything"
    other, (label, _) = next(iter(CEILINGS.items()))
    if words.known(row, BEYOND + other):
        where = "there" if part >= 0.005 else at
        said += f"; {label} explains {words.number(row[BEYOND + other])} {where}"
    return said + "."


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """Medians over images of R^2 at each N and noise level, and which theory is closest."""
    return [
        _row(N, level, stores.of("agreement", N=N))
        for N in shown["sizes"]
        for level in stores.first("agreement", N=shown["sizes"][0]).level.values
    ]


def _row(N: int, level: float, seeds: list[xr.Dataset]) -> dict:
    found = [data.sel(level=level).compute() for data in seeds]
    test = together(found).r2.sel(points="noisy test images").median(("seed", "image"))
    best = {
        part: str(names[int(test.sel(against=names).argmax("against"))])
        for part, names in _parts(test.against.values).items()
        if names
    }
    row = tables.over_seeds([_measured(N, level, data, best) for data in found])
    return row | {"closest": best.get("theory", "none"), "verdict": _verdict(row, best)}


def _parts(against) -> dict[str, list[str]]:
    """Theories and other networks."""
    return {
        "theory": [name for name in against if name.replace(" ", "_") not in CEILINGS],
        "ceiling": [name for name in against if name.replace(" ", "_") in CEILINGS],
    }


def _measured(N: int, level: float, data: xr.Dataset, best: dict) -> dict:
    """The numbers of one seed."""
    row = {"N": N, "sigma": float(level)}
    for part, name in best.items():
        r2 = data.r2.sel(points="noisy test images", against=name)
        row |= tables.bounded(f"unexplained_{part}", statistics.median(1 - r2))
    for of, (measure, points) in MEASURES.items():
        for name in data.against.values:
            median = data[measure].sel(points=points, against=name).median("image")
            row[of + name.replace(" ", "_")] = float(median)
    return row


def _verdict(row: dict, best: dict) -> str:
    """A sentence on how much is explained and how much is not."""
    if "theory" not in best:
        return "no theory was compared"
    theory, ceiling = row["unexplained_theory"], row["unexplained_ceiling"]
    said = f"{best['theory']} is closest and leaves {theory:.3f} unexplained, "
    said += f"the best other network ({best['ceiling']}) {ceiling:.3f}: "
    if theory <= ceiling:
        return said + "nothing is left that networks agree on"
    return said + f"{theory / ceiling:.1f} times as much" if ceiling > 0 else said + "all of it"
