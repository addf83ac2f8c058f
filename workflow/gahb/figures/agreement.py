"""Which theory a network agrees with, at each noise level and size of the training set.

Small N: the memorizer, near the training images. Large N: a linear filter and local machines, and a
part that none of them explains, though two networks agree on it.
"""

import matplotlib as mpl
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

#: Most sizes N that have a panel, from the smallest to the largest.
COLUMNS = 5
#: What no theory can be expected to be better than: other networks, their names and lines.
CEILINGS = {
    "other images": ("a network trained on other images", "-"),
    "another seed": ("a network trained with another seed", ":"),
}
#: By the beginning of a column's name: measure and points.
MEASURES = {
    "r2": ("r2", "noisy test images"),
    "r2_beyond": ("r2_beyond_wiener", "noisy test images"),
    "trajectory_beyond": ("r2_beyond_wiener", "trajectory"),
}
#: Lowest R^2 that is drawn; those below stand on it as triangles.
LOWEST = -0.5


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """R^2 beyond the Wiener filter against the noise level: a line for each theory, a panel for
    each N."""
    sizes = words.few(shown["sizes"], COLUMNS)
    width = style.PAGE if len(sizes) > 1 else style.COLUMN
    figure = Figure((width, 2.9 if width == style.PAGE else 3.6))
    axes = figure.subplots(1, len(sizes), sharex=True, sharey=True, squeeze=False)[0]
    for N, ax in zip(sizes, axes, strict=True):
        explained = _beyond(stores, N)
        _panel(ax, explained)
        ax.set_title(f"$N$ = {N:,}")
        ax.set_xlabel(r"noise level $\sigma$")
    levels = explained.level.values
    axes[0].set(ylabel="$R^2$ beyond the Wiener filter", xscale="log", ylim=(LOWEST - 0.05, 1))
    axes[0].set_yticks([-0.5, 0, 0.5, 1])
    axes[0].set_xticks([min(levels), max(levels)], [f"{s:g}" for s in (min(levels), max(levels))])
    axes[0].xaxis.set_minor_locator(mpl.ticker.NullLocator())
    columns = 3 if width == style.PAGE else 1
    figure.legend(*axes[0].get_legend_handles_labels(), ncols=columns, loc="outside lower center")
    words.headline(figure, sentence(numbers(stores, {"sizes": sizes[-1:]})))
    return figure


def _beyond(stores: Stores, N: int) -> xr.DataArray:
    """What is explained beyond the Wiener filter: R^2 (seed, against, level), medians of images."""
    found = together(stores.of("agreement", N=N)).r2_beyond_wiener
    return found.sel(points="noisy test images").median("image").compute().sortby("level")


def _panel(ax, explained: xr.DataArray) -> None:
    """The lines of one N."""
    ax.axhline(0, **panels.REFERENCE | {"color": words.GAUSSIAN, "label": "Wiener filter"})
    theories = [n for n in _parts(explained.against.values)["theory"] if n != "wiener"]
    lines = words.looks(theories)
    for name, (label, dashes) in CEILINGS.items():
        if name in explained.against:
            lines[name] = {"color": words.NETWORK, "linestyle": dashes, "label": label}
    for name, line in lines.items():
        values = explained.sel(against=name)
        panels.curve(ax, values.level, values.where(values >= LOWEST), **line)
        low = values.median("seed").where(lambda v: v < LOWEST)
        ax.plot(low.level, low.clip(LOWEST), "v", color=line["color"], markersize=5)


def sentence(rows: list[dict]) -> str:
    """The theory that explains most beyond the Wiener filter at the largest N, and how much another
    network explains at this noise level."""
    rows = [row for row in rows if row["N"] == rows[-1]["N"]]
    start, (ceiling, (network, _)) = "r2_beyond_", next(iter(CEILINGS.items()))
    found = [
        (value, row["sigma"], name.removeprefix(start), row)
        for row in rows
        for name, value in row.items()
        if name.startswith(start) and words.known(row, name) and not _bound(name)
    ]
    others = [name.replace(" ", "_") for name in ("wiener", *CEILINGS)]
    best = max((one for one in found if one[2] not in others), default=None, key=lambda f: f[:2])
    if best is None:
        return "There is no theory to compare the network with."
    part, sigma, name, row = best
    at = f"at \N{GREEK SMALL LETTER SIGMA} = {sigma:g}"
    theory = f"the best theory, the {words.called(name)}, explains {words.number(part)}"
    said = f"N = {row['N']:,}, beyond the Wiener filter: "
    said += f"{theory} of the network {at}" if part >= 0.005 else "no theory explains anything"
    if words.known(row, other := start + ceiling.replace(" ", "_")):
        said += (
            f"; {network} explains {words.number(row[other])} {'there' if part >= 0.005 else at}"
        )
    return said + "."


def _bound(name: str) -> bool:
    return name.endswith(("_low", "_high"))


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
    for of, (measure, points) in MEASURES.items():
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
