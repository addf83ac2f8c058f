"""Figure 4: the slopes of PSNR curves on C^alpha images, beside the minimax rates of the classes.

The eigenvectors are harmonics on the two regions of an image and along the edge between them.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gahb.decibels import minimax_slope
from gahb.drawing import panels, style
from gahb.drawing.optimum import below_panel, optimum_curve
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
#: By how much the line of the minimax slope lies above the curve, in dB.
ABOVE = 1.5


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """PSNR curves on the test set above images and their leading eigenvectors, by alpha; where the
    optimum is known, its curves and how far below them the network is."""
    rows, best = _measured(stores, shown), shown.get("optimum")
    datasets = [dataset for _, dataset in _by_alpha(shown)]
    below = panels.mosaic_height(style.PAGE - 0.5, 2 + EIGENVECTORS, len(rows))
    above = 2.7 if best is None else 3.3
    figure = Figure((style.PAGE, above + below))
    top, bottom = figure.subfigures(2, 1, height_ratios=[above, below])

    ax, *beside = np.atleast_1d(top.subplots(1, 1 if best is None else 2))
    curves = [panels.mean_psnr(together(stores.of("psnr", dataset=d)), "test") for d in datasets]
    _curves(ax, rows, curves, shown["slope_range"])
    if best is not None:
        _optimum(ax, *beside, stores, datasets, best)
    low, high = shown["slope_range"]
    title = rf"$\alpha$: slope at {low:g} to {high:g} dB ($\alpha/(\alpha+1)$)"
    place = (
        {"loc": "outside right upper"}
        if best is None
        else {"loc": "outside lower center", "ncols": 3}
    )
    top.legend(*ax.get_legend_handles_labels(), title=title, **place)

    bases = [stores.first("eigenbasis", dataset=d).isel(image=0, sigma=0) for d in datasets]
    names = [rf"$\alpha = {row['alpha']:g}$" for row in rows]
    panels.compare_bases(bottom.subplots(), bases, names, EIGENVECTORS)
    return figure


def _optimum(ax: Axes, beside: Axes, stores: Stores, datasets: list[str], best: str) -> None:
    """The optimum's curves in the colours of the network's, and the network's distance to it."""
    color = [line.get_color() for line in ax.lines if line.get_label()[0] != "_"]
    found = [stores.first("psnr", denoiser=best, dataset=d) for d in datasets]
    for d, optimum, c in zip(datasets, found, color, strict=False):
        optimum_curve(ax, optimum, stores.first("psnr", dataset=d), color=c)
    ax.plot([], [], ":s", markersize=2.5, color="black", label="optimum")
    lines = [
        (stores.of("psnr", dataset=d), optimum, {"color": c})
        for d, optimum, c in zip(datasets, found, color, strict=False)
    ]
    below_panel(beside, lines)


def _by_alpha(shown: dict) -> list[tuple[float, str]]:
    return sorted(zip(shown["alphas"], shown["datasets"], strict=True))


def _curves(ax: Axes, rows: list[dict], curves: list[xr.DataArray], slope_range) -> None:
    """Each curve with the line fitted to it and, dashed above it, one of the minimax slope."""
    color = style.shades(row["alpha"] for row in rows)
    span = np.array(slope_range)
    lines = []
    for row, curve in zip(rows, curves, strict=True):
        alpha, best = row["alpha"], row["minimax_slope"]
        name = f"{alpha:g}: {panels.slope(row)} ({best:.3f})"
        lines.append((curve, {"color": color[alpha], "label": name}))
        inside = curve.sel(input_psnr=slice(span[0] - 1e-6, span[1] + 1e-6)).median("seed")
        offset, height = span - inside.input_psnr.values.mean(), float(inside.mean())
        ax.plot(span, height + row["slope"] * offset, color=color[alpha], linewidth=4, alpha=0.25)
        ax.plot(span, height + ABOVE + best * offset, "--", color=color[alpha])
    panels.psnr_panel(ax, lines)


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
