"""Figure 1: PSNR curves of networks trained on N images.

Small N: the training set far above the test set. Large N: they coincide.
"""

from matplotlib.figure import Figure

from gahb import summary
from gahb.drawing import panels, style
from gahb.drawing.stores import Stores, together

FIGURE = {
    "title": "PSNR curves",
    "reads": {"psnr": ["S1"]},
    "sizes": "every",
    "compares": "nothing",
    "uses": {"slope_range": "psnr.slope_range", "count": "psnr.count"},
}


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """Output against input PSNR on training and test set, a curve for each N."""
    figure = Figure((style.PAGE, 2.7))
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    color = style.shades(shown["sizes"])
    curves = {N: together(stores.of("psnr", N=N)) for N in shown["sizes"]}
    count = next(iter(curves.values())).sizes["image"]
    for ax, which, title in zip(axes, ("train", "test"), ("training", "test"), strict=True):
        lines = [
            (panels.mean_psnr(c, which), {"color": color[N], "label": f"{N:,}"})
            for N, c in curves.items()
        ]
        panels.psnr_panel(ax, lines)
        ax.set_title(f"{title} set, means of {count:,} noisy images")
    axes[1].label_outer()
    figure.legend(*axes[0].get_legend_handles_labels(), title="$N$", loc="outside right upper")
    return figure


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """PSNRs, their gap and the slope, for each N."""

    def row(N, curves):
        measured = summary.curves(curves, *shown["slope_range"])
        return {"N": N, "images": curves.sizes["image"], **measured}

    return [summary.over_seeds([row(N, c) for c in stores.of("psnr", N=N)]) for N in shown["sizes"]]
