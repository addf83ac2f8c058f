"""Which theory a network agrees with, at each noise level and size of the training set.

Small N: the memorizer, near the training images. Large N: a linear filter and local machines, and a
part that none of them explains, though two networks agree on it.
"""

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from gahb import statistics
from gahb.drawing import panels, style
from gahb.drawing.stores import Stores, together
from gahb.summaries import tables

FIGURE = {
    "title": "Agreement with theories",
    "reads": {"agreement": ["S1"]},
    "sizes": "every",
    "compares": "nothing",
    "uses": {"count": "agreement.count"},
}

#: Most sizes N that have a panel, from the smallest to the largest.
COLUMNS = 5
#: What no theory can be expected to be better than: other networks, and the edges of their bands.
CEILINGS = {"other images": "-", "another seed": ":"}
ROWS = (
    ("r2", "noisy test images", "of the image,\ntest images"),
    ("r2_beyond_wiener", "noisy test images", "beyond Wiener,\ntest images"),
    ("r2_beyond_wiener", "trajectory", "beyond Wiener,\ntrajectories"),
)
#: Of the unexplained part, which has no bounds.
LIMITS = (1e-3, 1e2)


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """The unexplained part 1 - R^2 against the noise level: a line for each theory, a panel for
    each N, networks as bands."""
    chosen = np.unique(np.linspace(0, len(shown["sizes"]) - 1, COLUMNS).round().astype(int))
    sizes = [shown["sizes"][i] for i in chosen]
    width = style.PAGE if len(sizes) > 1 else style.COLUMN
    figure = Figure((width, 5.2 if width == style.PAGE else 5.8))
    axes = figure.subplots(len(ROWS), len(sizes), sharex=True, sharey="row", squeeze=False)
    for N, column in zip(sizes, axes.T, strict=True):
        found = together(stores.of("agreement", N=N))
        for ax, (measure, points, _) in zip(column, ROWS, strict=True):
            _panel(ax, 1 - found[measure].sel(points=points).median("image").compute())
        column[0].set_title(f"$N$ = {N:,}")
    for row, (_, _, name) in zip(axes, ROWS, strict=True):
        row[0].set_ylabel(f"unexplained\n{name}")
    levels = found.level.values
    for ax in axes[-1]:
        ax.set(xlabel=r"noise level $\sigma$", xscale="log")
        ax.set_xticks([levels.min(), levels.max()], [f"{s:g}" for s in (min(levels), max(levels))])
        ax.xaxis.set_minor_locator(mpl.ticker.NullLocator())
    once = dict(zip(*axes[0, 0].get_legend_handles_labels()[::-1], strict=True))
    figure.legend(
        once.values(), once, ncols=4 if width == style.PAGE else 2, loc="outside lower center"
    )
    return figure


def _panel(ax, unexplained: xr.DataArray) -> None:
    """Lines and bands of one N: (seed, against, level)."""
    unexplained = unexplained.clip(*LIMITS).sortby("level")
    for name, edge in CEILINGS.items():
        if name in unexplained.against:
            height = unexplained.sel(against=name).median("seed")
            label = f"network: {name}"
            ax.plot(height.level, height, edge, color="0.35", linewidth=0.9, label=label, zorder=1)
            shade = {"color": style.GRAY, "linewidth": 0, "zorder": 0}
            ax.fill_between(height.level, LIMITS[0] / 2, height, alpha=0.3, **shade)
    theories = [name for name in unexplained.against.values if name not in CEILINGS]
    for i, name in enumerate(theories):
        # Smaller and smaller, so that one sees those that coincide; each colour comes twice.
        line = {"color": f"C{i % 6}", "label": name, "markersize": max(2, 5 - i)}
        line["linestyle"] = "-" if i < 6 else "--"
        panels.curve(ax, unexplained.level, unexplained.sel(against=name), **line)
    ax.axhline(1, **panels.REFERENCE)
    ax.set(yscale="log", ylim=(LIMITS[0] / 2, LIMITS[1] * 2))
    ax.yaxis.set_minor_locator(mpl.ticker.NullLocator())


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
        part: str(test.against[int(test.where(test.against.isin(names)).argmax())].values)
        for part, names in _parts(test.against.values).items()
        if names
    }
    row = tables.over_seeds([_measured(N, level, data, best) for data in found])
    return row | {"closest": best.get("theory", "none"), "verdict": _verdict(row, best)}


def _parts(against) -> dict[str, list[str]]:
    """Theories and other networks."""
    return {
        "theory": [name for name in against if name not in CEILINGS],
        "ceiling": [name for name in against if name in CEILINGS],
    }


def _measured(N: int, level: float, data: xr.Dataset, best: dict) -> dict:
    """The numbers of one seed."""
    row = {"N": N, "sigma": float(level)}
    for part, name in best.items():
        r2 = data.r2.sel(points="noisy test images", against=name)
        row |= tables.bounded(f"unexplained_{part}", statistics.median(1 - r2))
    for measure, points, _ in ROWS:
        of = "trajectory_beyond" if points == "trajectory" else measure.removesuffix("_wiener")
        for name in data.against.values:
            median = data[measure].sel(points=points, against=name).median("image")
            row[f"{of}_{name.replace(' ', '_')}"] = float(median)
    return row


def _verdict(row: dict, best: dict) -> str:
    """What is explained and what is not, in a sentence."""
    if "theory" not in best:
        return "no theory was compared"
    theory, ceiling = row["unexplained_theory"], row["unexplained_ceiling"]
    said = f"{best['theory']} is closest and leaves {theory:.3f} unexplained, "
    said += f"the best other network ({best['ceiling']}) {ceiling:.3f}: "
    if theory <= ceiling:
        return said + "nothing is left that networks agree on"
    return said + f"{theory / ceiling:.1f} times as much" if ceiling > 0 else said + "all of it"
