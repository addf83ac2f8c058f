"""Appendix: the pairs of images of S1 and S2 that are most alike.

The control: if networks trained on S1 and S2 make more similar images than any that the two sets
share, it is not because the sets hold the same images.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gahb import measured, store
from gahb.figures import parts, style

PAIRS = 10
BINS = 40


@style.sheet()
def draw(similarity: xr.Dataset, images: xr.DataArray) -> Figure:
    """The most similar pairs, above the cosines of all images of S1, and of the samples.

    Args:
        similarity: similarity.zarr of the pair of networks.
        images: the images of the data set (image, channel, y, x).
    """
    below = parts.mosaic_height(style.PAGE - 0.3, PAIRS, 2)
    figure = Figure((style.PAGE, 2.3 + below))
    top, bottom = figure.subplots(2, 1, height_ratios=[below, 2.3])
    cosines = similarity.closest_pair.values
    first = np.argsort(-cosines, kind="stable")[:PAIRS]
    rows = [
        [(parts.photo(image), "") for image in store.take(images, index)]
        for index in (similarity.member.values[first], similarity.closest_pair_image.values[first])
    ]
    rows[0] = [(image, f"{cosines[i]:.3f}") for (image, _), i in zip(rows[0], first, strict=True)]
    rows = [row + [(None, "")] * (PAIRS - len(row)) for row in rows]
    parts.mosaic(top, rows, ["$S_1$", "$S_2$"])
    _histograms(bottom, similarity)
    figure.legend(ncols=3, loc="outside lower center")
    return figure


def _histograms(ax: Axes, similarity: xr.Dataset) -> None:
    """Histograms of three kinds of cosines, each scaled to its peak."""
    kinds = {
        "closest_pair": ("$S_1$ to closest in $S_2$", {"color": "black"}),
        "between": ("between the two networks", parts.FILLED | {"color": "C0"}),
        "closest": ("sample to closest training image", parts.FILLED | {"color": "C1"}),
    }
    found = {name: similarity[name].values.ravel() for name in kinds}
    found = {name: cosines[~np.isnan(cosines)] for name, cosines in found.items()}
    low = min(0.5, *(cosines.min() for cosines in found.values() if len(cosines)))
    for name, (words, line) in kinds.items():
        counts, edges = np.histogram(found[name].clip(max=1), BINS, (low, 1))
        words = f"{words} ({len(found[name]):,})"
        ax.stairs(counts / max(counts.max(), 1), edges, label=words, **line)
    ax.set(xlabel="cosine", ylabel="count, scaled to its peak", ylim=(0, None))


def numbers(N: int, similarity: xr.Dataset) -> list[dict]:
    """The nearest pair, and median cosines."""
    return [
        {
            "N": N,
            "nearest_pair": float(similarity.closest_pair.max()),
            "closest_pair": float(similarity.closest_pair.median()),
            **measured.similarity(similarity),
        }
    ]
