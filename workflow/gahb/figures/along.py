"""Which theory a network is closest to, at which step of its training.

Wiener's filter knows mean and covariance of the training set, the memorizer each of its images.
"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from gahb.drawing import panels, style
from gahb.drawing.stores import Stores, together
from gahb.summaries import tables

FIGURE = {
    "title": "References along training",
    "reads": {"dynamics": ["S1"]},
    "sizes": "every",
    "compares": "nothing",
    "uses": {"count": "dynamics.count"},
}

#: The noise level at which references are compared: 14 dB of input PSNR, where they differ most.
SIGMA = 0.2
#: Sizes that have room side by side.
MOST = 6


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """What each reference leaves unexplained of the network, against images seen, for each N."""
    sizes = _spread(shown["sizes"])
    figure = Figure((style.PAGE, 3.4))
    axes = figure.subplots(2, len(sizes), sharex=True, sharey=True, squeeze=False)
    for N, column in zip(sizes, axes.T, strict=True):
        found = together(stores.of("dynamics", N=N))
        for ax, which in zip(column, ("train", "test"), strict=True):
            for i, reference in enumerate(found.reference.values):
                line = {"color": f"C{i}", "label": reference}
                panels.curve(ax, found.images_seen, 1 - _explained(found, which, reference), **line)
        column[0].set_title(f"$N$ = {N:,}")
        column[1].set_xlabel("images seen")
        panels.log_axis(column[1], 5)
    axes[0, 0].set_yscale("log")
    for ax, words in zip(axes[:, 0], ("training", "test"), strict=True):
        ax.set_ylabel(f"unexplained part,\nnoisy {words} images")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), ncols=4, loc="outside lower center")
    return figure


def _spread(sizes: list[int]) -> list[int]:
    """At most `MOST` sizes, evenly from the smallest to the largest."""
    places = np.linspace(0, len(sizes) - 1, min(MOST, len(sizes))).round().astype(int)
    return [sizes[i] for i in places]


def _explained(dynamics: xr.Dataset, which: str, reference: str) -> xr.DataArray:
    of = dynamics.agreement.sel(set=which, reference=reference)
    return of.sel(sigma=SIGMA, method="nearest").median("image")


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """For each N and reference, what it explains at best and at the end, on both sets."""

    def row(reference: str, dynamics: xr.Dataset) -> dict:
        found = {}
        for which in ("train", "test"):
            part = _explained(dynamics, which, reference)
            best = int(np.argmax(part.values))
            found |= {f"{which}_best": float(part[best]), f"{which}_end": float(part[-1])}
            found |= {f"{which}_best_at": int(dynamics.images_seen[best])}
        return found

    return [
        {"N": N, "reference": reference}
        | tables.over_seeds([row(reference, d) for d in stores.of("dynamics", N=N)])
        for N in shown["sizes"]
        for reference in stores.first("dynamics", N=N).reference.values.tolist()
    ]
