"""Figure 2: samples of two networks trained on different images, and what they resemble.

Small N: each network returns its own training images. Large N: both make the same image, which is
in neither training set.
"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from gahb import store, summary
from gahb.drawing import panels, style
from gahb.drawing.stores import Stores, together

FIGURE = {
    "title": "Samples of two networks",
    "reads": {"samples": ["S1", "S2"], "similarity": ["disjoint", "same"], "images": []},
    "sizes": "every",
    "compares": "nothing",
    "uses": {"count": "samples.count"},
}

ROWS = ("closest in $S_1$", "network 1", "network 2", "closest in $S_2$")
COSINES = {
    "between": (-1, panels.FILLED | {"color": "C0", "label": "between the two networks"}),
    "ceiling": (-1, panels.OUTLINE | {"color": "C3", "label": "same images, another seed"}),
    "closest": (1, panels.FILLED | {"color": "C1", "label": "to closest training image"}),
    "closest_pair": (1, panels.OUTLINE | {"color": "black", "label": "$S_1$ to closest in $S_2$"}),
}


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """The first samples that did not diverge, for each N, above the cosines of all of them."""
    images = stores.first("images").images
    columns, similarity = {}, {}
    for N in shown["sizes"]:
        similarity[N] = together(stores.of("similarity", N=N, pair="disjoint"))
        chosen = panels.first_samples(similarity[N], len(shown["sizes"]))
        drawn = [stores.first("samples", N=N, subset=s).samples for s in ("S1", "S2")]
        columns[N] = _columns(drawn, similarity[N].closest_image[0], images, chosen)
        same = stores.of("similarity", N=N, pair="same")
        if same:
            similarity[N]["ceiling"] = together(same).between.rename(seed="pair")
    return panels.by_size(columns, ROWS, similarity, COSINES)


def _columns(drawn, closest: xr.DataArray, images: xr.DataArray, chosen: np.ndarray) -> list[list]:
    """For each of the samples `chosen`: its four images, from top to bottom."""
    real = [store.take(images, index) for index in closest.values[:, chosen]]
    first, second = (samples.isel(sample=chosen).values for samples in drawn)
    return [
        [panels.photo(tile) for tile in tiles]
        for tiles in zip(real[0], first, second, real[1], strict=True)
    ]


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """Median cosines of the samples and of the closest pairs, for each N."""

    def row(N, s):
        return {"N": N, "closest_pair": float(s.closest_pair.median()), **summary.similarity(s)}

    return [
        summary.over_seeds([row(N, s) for s in stores.of("similarity", N=N, pair="disjoint")])
        | summary.ceiling(stores.of("similarity", N=N, pair="same"))
        for N in shown["sizes"]
    ]
