"""Figure 1: PSNR curves of networks trained on N images.

Small N: the training set far above the test set. Large N: they coincide.
"""

import xarray as xr
from matplotlib.figure import Figure

from gahb import measured
from gahb.figures import parts, style


@style.sheet()
def draw(curves: dict[int, xr.Dataset]) -> Figure:
    """Output against input PSNR on training and test set, a curve for each N.

    Args:
        curves: psnr.zarr of the network trained on N images, by N.
    """
    figure = Figure((style.PAGE, 2.7))
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    color = style.shades(curves)
    for ax, which, title in zip(panels, ("train", "test"), ("training", "test"), strict=True):
        parts.psnr_panel(
            ax,
            [
                (parts.mean_psnr(c, which), {"color": color[N], "label": f"{N:,}"})
                for N, c in curves.items()
            ],
        )
        images = next(iter(curves.values())).sizes["image"]
        ax.set_title(f"{title} set, means of {images:,} images")
    panels[1].label_outer()
    figure.legend(*panels[0].get_legend_handles_labels(), title="$N$", loc="outside right upper")
    return figure


def numbers(curves: dict[int, xr.Dataset], slope_range: tuple[float, float]) -> list[dict]:
    """PSNRs, their gap and the slope, for each N."""
    return [
        {"N": N, "images": c.sizes["image"], **measured.curves(c, *slope_range)}
        for N, c in curves.items()
    ]
