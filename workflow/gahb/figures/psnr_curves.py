"""Figure 1: PSNR curves of networks trained on N images.

Small N: the curve of the training set is far above that of the test set. Large N: they coincide,
above the references of the largest training set.
"""

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gahb import statistics
from gahb.drawing import panels, style, words
from gahb.drawing.optimum import optimum_curve
from gahb.drawing.stores import Stores, together
from gahb.summaries import psnr, tables
from gahb.summaries.optimum import against_optimum, at_levels, below

FIGURE = {
    "title": "PSNR curves",
    "reads": {"psnr": ["S1"]},
    "sizes": "every",
    "compares": "nothing",
    "beside": {"psnr": ["memorizer", "wiener", "threshold", "nonlocal", "optimum"]},
    "uses": {"slope_range": "psnr.slope_range", "count": "psnr.count"},
}

#: Sets of images, whose means are compared.
SETS = ("train", "test")
#: Styles of the lines of references, in their order.
DASHES = [(4, 1.5), (1, 1), (6, 1, 1, 1), (8, 2), (2, 2)]


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """Output against input PSNR on training and test set, a curve for each N."""
    figure = Figure((style.PAGE, 2.7))
    color = style.shades(shown["sizes"])
    curves = {N: together(stores.of("psnr", N=N)) for N in shown["sizes"]}
    first = next(iter(curves.values()))
    count, sets = first.sizes["image"], list(first.set.values)
    axes = figure.subplots(1, len(sets), sharex=True, sharey=True, squeeze=False)[0]
    for ax, which in zip(axes, sets, strict=True):
        lines = [
            (panels.mean_psnr(c, which), {"color": color[N], "label": f"{N:,}"})
            for N, c in curves.items()
        ]
        panels.psnr_panel(ax, lines)
        title = {"train": "training", "test": "test"}[which]
        ax.set_title(f"{title} set, means of {count:,} noisy images")
    if len(axes) == 2:  # otherwise there is no training set for references
        _references(axes, stores, shown)
    axes[-1].label_outer()
    figure.legend(*axes[-1].get_legend_handles_labels(), title="$N$", loc="outside right center")
    if len(axes) == 2:
        words.headline(figure, sentence([_gap(N, each) for N, each in curves.items()]))
    return figure


def _gap(N: int, curves: xr.Dataset) -> dict:
    """By how much PSNRs are higher on the training set, where the mean difference is largest."""
    train, test = (curves.psnr.sel(set=which).mean("seed") for which in SETS)
    at = {"sigma": int((train - test).mean("image").argmax())}
    found = statistics.difference(train.isel(at), test.isel(at))
    return {"N": N} | tables.bounded("gap", found)


def sentence(rows: list[dict]) -> str:
    """How much better networks of the smallest and largest N are on their training images."""
    said = []
    for row in words.ends(rows):
        up = f"up to {row['gap']:.1f} dB" if words.side(row, "gap") > 0 else "not measurably"
        than = "" if said else " than test images"
        said.append(f"{up} better{than} at N = {row['N']:,}")
    return f"The network denoises training images {', and '.join(said)}."


def _references(axes, stores: Stores, shown: dict) -> None:
    """References of the largest N, in black. Networks, and test images, set the axes: on its own
    images the memorizer has no error at all."""
    largest, best = shown["sizes"][-1], shown.get("optimum")
    test, train = axes[1], axes[0]
    _lines(test, _beside(stores, shown), "test")
    if best is not None:
        optimum = stores.first("psnr", denoiser=best, N=largest)
        network = stores.first("psnr", N=largest)
        optimum_curve(test, optimum, network, color="black", label="optimum")
    limits = test.get_ylim()
    _lines(train, _beside(stores, shown), "train")
    train.set_ylim(limits)


def _lines(ax: Axes, found: dict, which: str) -> None:
    for (name, curves), dashes in zip(found.items(), DASHES, strict=False):
        mean = panels.mean_psnr(together([curves]), which).isel(seed=0)
        line = {"color": "black", "dashes": dashes, "linewidth": 0.9, "zorder": 1.5}
        ax.plot(mean.input_psnr, mean, label=words.called(name), **line)


def _beside(stores: Stores, shown: dict) -> dict:
    """psnr.zarr of the references of the largest N but the optimum, by name."""
    names = [name for name in shown.get("references", ()) if name != shown.get("optimum")]
    found = {n: stores.of("psnr", denoiser=n, N=shown["sizes"][-1]) for n in names}
    return {name: each[0] for name, each in found.items() if each}


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """PSNRs, their gap and the slope, for each N and reference; how far they are below the optimum,
    where it is known, and above the Wiener filter of the largest N."""
    best, beside, largest = shown.get("optimum"), _beside(stores, shown), shown["sizes"][-1]
    linear = beside.get(shown.get("linear"))

    def row(N, curves):
        found = {"N": N, "images": curves.sizes["image"]}
        found |= psnr.curves(curves, *shown["slope_range"])
        if best is not None:
            optimum = stores.first("psnr", denoiser=best, N=largest)
            found |= against_optimum(curves, optimum, *shown["slope_range"])
        if linear is not None:
            found |= at_levels("above_wiener", -below(curves, linear))
        return found

    of_networks = [
        tables.over_seeds([row(N, c) for c in stores.of("psnr", N=N)]) for N in shown["sizes"]
    ]
    if not beside:
        return of_networks
    named = [{"denoiser": shown["denoiser"]} | found for found in of_networks]
    return named + [{"denoiser": n} | row(largest, curves) for n, curves in beside.items()]
