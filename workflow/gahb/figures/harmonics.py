"""Which bases are harmonic and adapted to their image, next to bases that are neither."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gahb.drawing import panels, style, words
from gahb.drawing.stores import Stores, together
from gahb.summaries import tables
from gahb.summaries.harmonics import adaptive, coefficients, measures

FIGURE = {
    "title": "Harmonic and adaptive",
    "reads": {"harmonics": ["S1"]},
    "sizes": "largest",
    "compares": "everything",
    "uses": {"sigma": "eigenbasis.sigma"},
}

#: Inches of a row, and of the space above and below the rows.
ROW, AROUND = 0.3, 1.35
LEAST_ROWS = 3
#: Fraction of the draws of a null in its band.
BAND = 0.95
#: p-value above which a basis does not differ from its null.
CHANCE = 0.05
MARKERS = "osD^vP"
NULLS = {
    "permuted": ("chance: pixels permuted (left), images swapped (middle)", {"color": "0.85"}),
    "mixed": ("eigenvectors mixed", {"color": "0.45"}),
}


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """A row for each data set and denoiser: how harmonic and how adaptive; frequency by rank."""
    rows = _rows(stores, shown)
    figure = Figure((style.PAGE, AROUND + ROW * max(len(rows), LEAST_ROWS)))
    harmonic, adapted, rising = figure.subplots(1, 3)
    for y, (_, each) in enumerate(rows):
        line = {"color": words.series(y), "marker": MARKERS[y % len(MARKERS)]}
        _harmonic(harmonic, y, each, line)
        _adaptive(adapted, y, each, line)
        frequency = together([one.frequency.isel(sigma=0).median("image") for one in each])
        # Distinguished by the color and the marker of the row.
        rising.plot(frequency["rank"], frequency.median("seed"), linestyle="none", **line)
    for ax in (harmonic, adapted):
        ax.set(ylim=(len(rows) - 0.4, -0.6), yticks=[])
        ax.axvline(0, **panels.REFERENCE)
        # Ratios have no lower bound.
        ax.set_xlim(max(-1, min(ax.get_xlim()[0], -0.1)), 1.06)
    # On two lines: names of data sets are long.
    names = [name.replace(", ", ",\n").replace("-shuffled", "\nshuffled") for name, _ in rows]
    harmonic.set_yticks(range(len(rows)), names)
    harmonic.tick_params(axis="y", length=0)
    harmonic.set_xlabel("harmonic (0: noise, 1: waves)")
    adapted.set_xlabel("adaptive (0: as others' bases)")
    rising.set(xscale="log", xlabel="rank $k$", ylabel="frequency (1/pixel)", ylim=(0, None))
    panels.plain_numbers(rising.xaxis, room=120)
    figure.legend(*harmonic.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    found = numbers(stores, shown)
    words.headline(figure, sentence(dict(zip([name for name, _ in rows], found, strict=True))))
    return figure


def sentence(rows: dict[str, dict]) -> str:
    """How harmonic and adaptive the most and least harmonic bases are, and if by chance."""
    names = sorted(rows, key=lambda name: -rows[name]["harmonic"])
    said = []
    for name in words.ends(names):
        row, measured = rows[name], []
        for key in ("harmonic", "adaptive"):
            if words.known(row, key):
                measured.append(f"{words.number(row[key])} {key}")
                if row.get(f"{key}_p", 0) > CHANCE:
                    measured[-1] += " (no more than chance)"
                elif key == "harmonic" and row.get("mixed_p", 0) > CHANCE:
                    measured[-1] += " (no more than their vectors mixed)"
        said.append(f"bases of {name} are {words.listed(measured)}")
    return "On a scale up to 1, " + "; ".join(said) + "."


def _rows(stores: Stores, shown: dict) -> list[tuple[str, list[xr.Dataset]]]:
    """The name of each row, and its stores for all seeds."""
    found = []
    for dataset in shown["datasets"]:
        for denoiser in shown["denoisers"]:
            names = {dataset: shown["datasets"], denoiser: shown["denoisers"]}
            several = [name for name, every in names.items() if len(every) > 1] or [dataset]
            each = stores.of("harmonics", denoiser=denoiser, dataset=dataset)
            found.append((", ".join(several), each))
    return found


def _harmonic(ax: Axes, y: int, each: list[xr.Dataset], line: dict) -> None:
    """Images as small points, their mean as a large one, in front of the first seed's nulls."""
    for null, (label, bar) in NULLS.items():
        draws = each[0].harmonic_null.sel(null=null).mean(("image", "sigma"))
        _band(ax, y, draws, None if y else label, bar)
    of_images = np.concatenate([one.harmonic.mean("sigma").values for one in each])
    ax.plot(of_images, np.full(len(of_images), y), ".", color=line["color"], alpha=0.5)
    _point(ax, y, [float(one.harmonic.mean()) for one in each], line)


def _adaptive(ax: Axes, y: int, each: list[xr.Dataset], line: dict) -> None:
    """The mean over images, in front of the null of swapped images; nothing for a single image."""
    found = [adaptive(one) for one in each]
    if not np.isnan(found[0][0]):
        _band(ax, y, found[0][1], None, NULLS["permuted"][1])
    _point(ax, y, [value for value, _ in found], line)


def _band(ax: Axes, y: int, draws, label: str | None, bar: dict) -> None:
    low, high = np.nanquantile(draws, [(1 - BAND) / 2, (1 + BAND) / 2])
    ax.barh(y, high - low, 0.7, low, label=label, zorder=0, **bar)


def _point(ax: Axes, y: int, values: list[float], line: dict) -> None:
    """The median over seeds, with the smallest and the largest value."""
    ax.plot([min(values), max(values)], [y, y], color=line["color"])
    ax.plot(np.median(values), y, markersize=6, markeredgecolor="white", **line)


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """How harmonic and adaptive each row is, with p-values, and numbers of coefficients."""
    return [
        {"dataset": dataset, "denoiser": denoiser}
        | tables.over_seeds(
            [
                measures(one) | coefficients(one)
                for one in stores.of("harmonics", denoiser=denoiser, dataset=dataset)
            ]
        )
        for dataset in shown["datasets"]
        for denoiser in shown["denoisers"]
    ]
