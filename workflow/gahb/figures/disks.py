"""Figure 5: disks, a family with five parameters, which the network does not denoise optimally.

At low noise the optimum projects onto the five tangent vectors: mean squared error 5 sigma^2 / d,
slope 1. The network's slope is lower and its basis has more vectors, harmonics on and around the
disk.
"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from gahb.decibels import projection_psnr
from gahb.drawing import panels, pictures, style, words
from gahb.drawing.optimum import below_panel, optimum_curve
from gahb.drawing.stores import Stores, together
from gahb.summaries import eigenbasis, psnr, tables
from gahb.summaries.harmonics import measures
from gahb.summaries.optimum import against_optimum

FIGURE = {
    "title": "Disks",
    "reads": {"psnr": ["S1"], "eigenbasis": ["S1"], "harmonics": ["S1"]},
    "sizes": "largest",
    "compares": "nothing",
    "beside": {"psnr": ["optimum"]},
    "sources": "disks",
    "uses": {
        "slope_range": "psnr.slope_range",
        "count": "psnr.count",
        "sigma": "eigenbasis.sigma",
        "precision": "eigenbasis.precision",
    },
}

#: Dimension of the family: center (2), radius and two intensities.
DIMENSION = 5
#: Eigenvectors in each of two rows.
EIGENVECTORS = 8


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """PSNR curve and the optimum, shrinkage factors and leading eigenvectors."""
    row = _measured(stores, shown)
    bases = _shown(stores)
    one = bases[0]
    below = panels.mosaic_height(style.PAGE, 1 + EIGENVECTORS, 2, panels.NOTE)
    figure = Figure((style.PAGE, 2.2 + below))
    top, bottom = figure.subfigures(2, 1, height_ratios=[2.2, below])
    best = shown.get("optimum")
    left, *middle, right = top.subplots(1, 2 if best is None else 3)

    curve = panels.mean_psnr(together(stores.of("psnr")), "test")
    panels.psnr_panel(left, [(curve, {"label": "network"})])
    tangents = projection_psnr(10 ** (-curve.input_psnr / 20), DIMENSION, one.clean.size)
    left.plot(curve.input_psnr, tangents, "--", color="black", label=r"$5 \sigma^2 / d$, slope 1")
    if best is not None:
        optimum = stores.first("psnr", denoiser=best)
        optimum_curve(left, optimum, stores.first("psnr"), color="black", label="optimum")
        below_panel(*middle, [(stores.of("psnr"), optimum, {})])
    top.legend(*left.get_legend_handles_labels(), ncols=4, loc="outside lower center")

    panels.shrinkage_panel(right, [(bases, {})])
    right.axvline(DIMENSION, color="black", linestyle="--", linewidth=0.8)
    right.set_title(rf"$\lambda_k > 1/2$ for {row['kept']:g} ranks")

    first, second = np.arange(1, 2 * EIGENVECTORS + 1).reshape(2, -1)
    rows = [
        [(pictures.photo(one.clean), "clean"), *panels.eigenvectors(one, first)],
        [(pictures.photo(one.noisy), "noisy"), *panels.eigenvectors(one, second)],
    ]
    panels.mosaic(bottom.subplots(), rows, space=panels.NOTE)
    words.headline(figure, sentence(row))
    return figure


def sentence(row: dict) -> str:
    """How many dimensions are kept, and how far below the optimum or how steep the curve is."""
    below = [row[n] for n in row if n.startswith("below_optimum") and n[-1].isdigit()]
    slope = f"the slope of its PSNR curve is {words.number(row['slope'])}"
    far = f"it is {words.span(below, 1)} dB below the optimum" if below else slope
    return (
        f"The network keeps {words.number(row['dimension'], 1)} dimensions of the disk shown, "
        f"which has {DIMENSION} parameters; {far}."
    )


def _shown(stores: Stores) -> list[xr.Dataset]:
    """The first noise level's eigenbasis of the image with most contrast, for each seed."""
    bases = stores.of("eigenbasis")
    # Disk and background may have almost the same intensity.
    contrast = bases[0].clean.std(("channel", "y", "x")).values
    return [basis.isel(image=contrast.argmax(), sigma=0) for basis in bases]


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """PSNRs and slope, the number of dimensions kept for the image shown, the distance to the
    optimum, and properties of the bases outside the tangent space."""
    every = [measures(one) for one in stores.of("harmonics")]
    return [_measured(stores, shown) | tables.over_seeds(every)]


def _measured(stores: Stores, shown: dict) -> dict:
    """The numbers of curves and of the image shown."""
    best = shown.get("optimum")

    def distance(curves):
        optimum = stores.first("psnr", denoiser=best)
        return against_optimum(curves, optimum, *shown["slope_range"])

    rows = [
        psnr.curves(curves, *shown["slope_range"])
        | {"kept": int((basis.shrinkage > 0.5).sum())}
        | eigenbasis.basis(basis)
        | ({} if best is None else distance(curves))
        for curves, basis in zip(stores.of("psnr"), _shown(stores), strict=True)
    ]
    return tables.over_seeds(rows)
