"""Figure 4: the slopes of PSNR curves on C^alpha images and the minimax rates of the classes.

The eigenvectors are harmonics on the two regions of an image and along the edge between them.
"""

import itertools

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gahb.decibels import minimax_slope
from gahb.drawing import panels, style, words
from gahb.drawing.optimum import bars, below_panel, optimum_curve
from gahb.drawing.stores import Stores, together
from gahb.summaries import eigenbasis, psnr, tables
from gahb.summaries.harmonics import coefficients, measures
from gahb.summaries.optimum import against_optimum

FIGURE = {
    "title": "Slopes and regularity",
    "reads": {"psnr": ["S1"], "eigenbasis": ["S1"], "harmonics": ["S1"]},
    "sizes": "largest",
    "compares": "datasets",
    "beside": {"psnr": ["optimum"]},
    "sources": "calpha",
    "uses": {
        "alphas": "datasets.*.alpha",
        "slope_range": "psnr.slope_range",
        "count": "psnr.count",
        "sigma": "eigenbasis.sigma",
        "precision": "eigenbasis.precision",
    },
}

EIGENVECTORS = 8


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """PSNR curves on the test set and their slopes above images and their leading eigenvectors, by
    alpha; if the optimum is known, its curves, slopes, and the distance to it."""
    rows, best = _measured(stores, shown), shown.get("optimum")
    datasets = [dataset for _, dataset in _by_alpha(shown)]
    color = list(style.shades(row["alpha"] for row in rows).values())
    names = [rf"$\alpha$ = {row['alpha']:g}" for row in rows]
    below = panels.mosaic_height(style.PAGE - 0.5, 2 + EIGENVECTORS, len(rows))
    figure = Figure((style.PAGE, 2.8 + below))
    top, bottom = figure.subfigures(2, 1, height_ratios=[2.8, below])

    ax, slope, *beside = top.subplots(1, 2 if best is None else 3)
    curves = [panels.mean_psnr(together(stores.of("psnr", dataset=d)), "test") for d in datasets]
    lines = zip(curves, color, names, strict=True)
    panels.psnr_panel(ax, [(curve, {"color": c, "label": name}) for curve, c, name in lines])
    _slopes(slope, rows, color)
    if best is not None:
        _optimum(ax, *beside, stores, datasets, best, color)
    handles, labels = (
        a + b for a, b in zip(*(x.get_legend_handles_labels() for x in (ax, slope)), strict=True)
    )
    top.legend(handles, labels, ncols=5, loc="outside lower center")

    bases = [stores.first("eigenbasis", dataset=d).isel(image=0, sigma=0) for d in datasets]
    panels.compare_bases(bottom.subplots(), bases, names, EIGENVECTORS)
    words.headline(figure, sentence(rows, shown["slope_range"]))
    return figure


def _slopes(ax: Axes, rows: list[dict], color: list[str]) -> None:
    """Slopes against alpha, with intervals, and the line alpha / (alpha + 1)."""
    alphas = [row["alpha"] for row in rows]
    smooth = np.linspace(0.5, max(alphas) + 0.5, 50)
    ax.plot(smooth, minimax_slope(smooth), label=r"$\alpha / (\alpha + 1)$", **panels.REFERENCE)
    looks = {"slope": {"fmt": "o", "label": "network"}}
    if "optimum_slope" in rows[0]:
        looks["optimum_slope"] = {"fmt": "s", "label": "optimum", "markerfacecolor": "white"}
    for name, look in looks.items():
        for i, (row, c) in enumerate(zip(rows, color, strict=True)):
            shift = 0.12 if name == "optimum_slope" else 0
            once = look if i == 0 else look | {"label": None}
            bars(ax, [row["alpha"] + shift], row, [name], color=c, **once)
    ax.set(xlabel=r"regularity $\alpha$", ylabel="slope of the curve", xticks=alphas)


def sentence(rows: list[dict], slope_range) -> str:
    """Whether slopes rise with alpha, and their distance from the rate and the optimum's."""
    alpha = "\N{GREEK SMALL LETTER ALPHA}"
    each = list(itertools.pairwise(rows))
    if each:
        up = all(words.side(b, "slope", a.get("slope_high", a["slope"])) > 0 for a, b in each)
        rise = f"rise with {alpha}" if up else f"do not rise with every {alpha}"
    else:
        rise = f"at {alpha} = {rows[0]['alpha']:g}"
    slopes = [words.number(row["slope"]) for row in rows]
    others = {"minimax_slope": f"{alpha}/({alpha} + 1)", "optimum_slope": "the optimum's"}
    far = [
        f"{max(abs(row['slope'] - row[name]) for row in rows):.2f} from {other}"
        for name, other in others.items()
        if name in rows[0]
    ]
    low, high = slope_range
    return (
        f"From {low:g} to {high:g} dB slopes {rise} ({', '.join(slopes)}) and are up to "
        f"{' and '.join(far)}."
    )


def _optimum(
    ax: Axes, beside: Axes, stores: Stores, datasets: list[str], best: str, color: list[str]
) -> None:
    """The optimum's curves in the colors of the network's, and the network's distance to it."""
    found = [stores.first("psnr", denoiser=best, dataset=d) for d in datasets]
    for d, optimum, c in zip(datasets, found, color, strict=True):
        optimum_curve(ax, optimum, stores.first("psnr", dataset=d), color=c)
    lines = [
        (stores.of("psnr", dataset=d), optimum, {"color": c})
        for d, optimum, c in zip(datasets, found, color, strict=True)
    ]
    below_panel(beside, lines)


def _by_alpha(shown: dict) -> list[tuple[float, str]]:
    return sorted(zip(shown["alphas"], shown["datasets"], strict=True))


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """Measured and minimax slope, effective dimension of the image shown, distance to the optimum,
    and how harmonic and adapted the bases are, by alpha."""
    rows = _measured(stores, shown)
    for row, (_, dataset) in zip(rows, _by_alpha(shown), strict=True):
        every = stores.of("harmonics", dataset=dataset)
        row |= tables.over_seeds([measures(one) | coefficients(one) for one in every])
    return rows


def _measured(stores: Stores, shown: dict) -> list[dict]:
    """The numbers of curves and of the image shown."""
    best = shown.get("optimum")

    def row(curves, basis):
        one = basis.isel(image=0, sigma=0)
        found = psnr.curves(curves, *shown["slope_range"]) | eigenbasis.basis(one)
        if best is not None:
            optimum = stores.first("psnr", denoiser=best, dataset=dataset)
            found |= against_optimum(curves, optimum, *shown["slope_range"])
        return found

    rows = []
    for alpha, dataset in _by_alpha(shown):
        found = (stores.of(kind, dataset=dataset) for kind in ("psnr", "eigenbasis"))
        measured = tables.over_seeds([row(*each) for each in zip(*found, strict=True)])
        rows.append({"alpha": alpha, "minimax_slope": minimax_slope(alpha), **measured})
    return rows
