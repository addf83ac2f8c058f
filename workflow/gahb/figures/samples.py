"""Figure 2: samples of two networks trained on different images, and what they resemble.

Small N: each network returns its own training images. Large N: both make the same image, which is
in neither training set.
"""

import xarray as xr
from matplotlib.figure import Figure

from gahb import measured, store
from gahb.figures import by_size, parts, style

ROWS = ("closest in $S_1$", "network 1", "network 2", "closest in $S_2$")
COSINES = {
    "between": (-1, parts.FILLED | {"color": "C0", "label": "between the two networks"}),
    "closest": (1, parts.FILLED | {"color": "C1", "label": "to closest training image"}),
    "closest_pair": (1, {"color": "black", "linewidth": 0.8, "label": "$S_1$ to closest in $S_2$"}),
}


@style.sheet()
def draw(
    samples: dict[int, list[xr.Dataset]], similarity: dict[int, xr.Dataset], images: xr.DataArray
) -> Figure:
    """The first samples that did not diverge, for each N, above the cosines of all of them.

    Args:
        samples: samples.zarr of the networks trained on N images of S1 and of S2, by N.
        similarity: similarity.zarr of each pair, by N.
        images: the images of the data set (image, channel, y, x).
    """
    columns = {
        N: _columns(samples[N], similarity[N], images, shown)
        for N, shown in by_size.chosen(similarity).items()
    }
    return by_size.draw(columns, ROWS, similarity, COSINES)


def _columns(samples, similarity, images, chosen) -> list[list]:
    """For each of the samples `chosen`: its four images, from top to bottom."""
    real = [store.take(images, index) for index in similarity.closest_image.values[:, chosen]]
    drawn = [s.samples.isel(sample=chosen).values for s in samples]
    return [
        [parts.photo(tile) for tile in tiles]
        for tiles in zip(real[0], *drawn, real[1], strict=True)
    ]


def numbers(similarity: dict[int, xr.Dataset]) -> list[dict]:
    """Median cosines of the samples and of the closest pairs, for each N."""
    return [
        {"N": N, "closest_pair": float(s.closest_pair.median()), **measured.similarity(s)}
        for N, s in similarity.items()
    ]
