"""Appendix: the most similar pairs of images of S1 and S2.

The control: if networks trained on S1 and S2 make more similar images than any that the two sets
share, it is not because the sets hold the same images.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gahb import store
from gahb.drawing import panels, pictures, style, words
from gahb.drawing.stores import Stores, together
from gahb.summaries import memorization, tables

FIGURE = {
    "title": "Closest pairs",
    "reads": {"similarity": ["disjoint"], "images": []},
    "sizes": "largest",
    "compares": "nothing",
    "uses": {},
}

PAIRS = 10
BINS = 40


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """The most similar pairs, above the cosines of all images of S1, and of the samples."""
    (N,) = shown["sizes"]
    similarity = together(stores.of("similarity", N=N, pair="disjoint"))
    # The training sets are the same for all seeds.
    pairs, images = similarity.isel(seed=0), stores.first("images").images
    below = panels.mosaic_height(style.PAGE - 0.3, PAIRS, 2)
    figure = Figure((style.PAGE, 2.3 + below))
    top, bottom = figure.subplots(2, 1, height_ratios=[below, 2.3])
    cosines = pairs.closest_pair.values
    first = np.argsort(-cosines, kind="stable")[:PAIRS]
    rows = [
        [(pictures.photo(image), "") for image in store.take(images, index)]
        for index in (pairs.member.values[first], pairs.closest_pair_image.values[first])
    ]
    rows[0] = [(image, f"{cosines[i]:.3f}") for (image, _), i in zip(rows[0], first, strict=True)]
    rows = [row + [(None, "")] * (PAIRS - len(row)) for row in rows]
    panels.mosaic(top, rows, ["$S_1$", "$S_2$"])
    _histograms(bottom, similarity.assign(closest_pair=pairs.closest_pair))
    figure.legend(ncols=3, loc="outside lower center")
    words.headline(figure, sentence(numbers(stores, shown)[0]))
    return figure


def sentence(row: dict) -> str:
    """Whether samples of two networks are more alike than images of the two sets."""
    pair = words.number(row["closest_pair"])
    if not words.known(row, "between"):
        diverged = "Most samples diverged. " if "between" in row else ""
        return (
            f"{diverged}A training image and the closest one of the other set have a median cosine "
            f"of {pair}."
        )
    more = ("as alike as", "more alike than", "less alike than")
    more = more[words.side(row, "between", row["closest_pair"])]
    return (
        f"Samples of two networks from the same noise are {more} training images and the closest "
        f"of the other set (median cosines {words.number(row['between'])} and {pair})."
    )


def _histograms(ax: Axes, similarity: xr.Dataset) -> None:
    """Histograms of the available kinds of cosines, each scaled to its peak."""
    lines = {
        "closest_pair": ("$S_1$ to closest in $S_2$", {"color": "black"}),
        "between": ("between the two networks", panels.FILLED | {"color": words.NETWORK}),
        "closest": ("sample to closest training image", panels.FILLED | {"color": words.TRAINING}),
    }
    kinds = [similarity[name].values.ravel() for name in lines if name in similarity]
    found = [kind[~np.isnan(kind)] for kind in kinds]
    low = min(0.5, *(cosines.min() for cosines in found if len(cosines)))
    drawn = [line for name, line in lines.items() if name in similarity]
    for (kind, line), cosines in zip(drawn, found, strict=True):
        counts, edges = np.histogram(cosines.clip(max=1), BINS, (low, 1))
        label = f"{kind} ({len(cosines):,})"
        ax.stairs(counts / max(counts.max(), 1), edges, label=label, **line)
    ax.set(xlabel="cosine", ylabel="count, scaled to its peak", ylim=(0, None))


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """The nearest pair, and median cosines."""
    (N,) = shown["sizes"]
    similarity = stores.of("similarity", N=N, pair="disjoint")
    pairs = similarity[0].closest_pair
    given = {
        "N": N,
        "nearest_pair": float(pairs.max()),
        "closest_pair": float(pairs.median()),
    }
    return [given | tables.over_seeds([memorization.similarity(s) for s in similarity])]
