"""Figure 2: samples of two networks trained on different images, and what they resemble.

Small N: each network returns its own training images. Large N: both make the same image, which is
in neither training set; beyond the covariance, too, which two Wiener filters share as well. One
network that has no other stands alone.
"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from gahb import store
from gahb.drawing import panels, style
from gahb.drawing.stores import Stores, together
from gahb.summaries import beyond, memorization, tables

FIGURE = {
    "title": "Samples of two networks",
    "reads": {
        "samples": ["S1", "S2"],
        "similarity": ["disjoint", "same"],
        "images": [],
        "beyond": ["disjoint", "same"],
    },
    "sizes": "every",
    "compares": "nothing",
    "uses": {"count": "samples.count"},
    "single": True,
}

#: Of two networks, or of one that has no other.
PAIR = ("disjoint", "single")
ROWS = ("closest in $S_1$", "network 1", "network 2", "closest in $S_2$")
COSINES = {
    "between": (-1, panels.FILLED | {"color": "C0", "label": "between the two networks"}),
    "ceiling": (-1, panels.OUTLINE | {"color": "C3", "label": "same images, another seed"}),
    "closest": (1, panels.FILLED | {"color": "C1", "label": "to closest training image"}),
    "closest_pair": (1, panels.OUTLINE | {"color": "black", "label": "$S_1$ to closest in $S_2$"}),
}


BEYOND = {
    "beyond": COSINES["between"],
    "beyond_ceiling": COSINES["ceiling"],
    "null": (1, panels.FILLED | {"color": "C2", "label": "between two Wiener filters"}),
}


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """The first samples that did not diverge, for each N, above the cosines of all of them."""
    images = stores.first("images").images
    columns, similarity = {}, {}
    for N in shown["sizes"]:
        similarity[N] = together(stores.of("similarity", N=N, pair=PAIR))
        chosen = panels.first_samples(similarity[N], len(shown["sizes"]))
        subsets = similarity[N].subset.values
        drawn = [stores.first("samples", N=N, subset=s).samples for s in subsets]
        columns[N] = _columns(drawn, similarity[N].isel(seed=0), images, chosen)
        same = stores.of("similarity", N=N, pair="same")
        if same:
            similarity[N]["ceiling"] = together(same).between.rename(seed="pair")
        similarity[N] = similarity[N].assign(_beyond(stores, N))
    rows = {"cosine": COSINES}
    if len(drawn) > 1:
        rows["cosine beyond\nthe covariance"] = BEYOND
    return panels.by_size(columns, ROWS[: 2 * len(drawn)], similarity, rows)


def _beyond(stores: Stores, N: int) -> dict:
    """Cosines beyond the covariance: of networks, at most, and of Wiener filters."""
    found = {}
    for pair, names in (("disjoint", ("beyond", "null")), ("same", ("beyond",))):
        each = stores.of("beyond", N=N, pair=pair)
        for name in names if each else ():
            values = np.concatenate([one[name].values for one in each])
            found["beyond_ceiling" if pair == "same" else name] = (f"{pair}_{name}", values)
    return found


def _columns(drawn, one: xr.Dataset, images: xr.DataArray, chosen: np.ndarray) -> list[list]:
    """For each of the samples `chosen`: its images from top to bottom, two of each network."""
    real = [store.take(images, index) for index in one.closest_image.values[:, chosen]]
    if "closest_mirrored" in one:
        for closest, mirrored in zip(real, one.closest_mirrored.values[:, chosen], strict=True):
            closest[mirrored == 1] = closest[mirrored == 1][..., ::-1]
    real = [[panels.photo(image) for image in images] for images in real]
    made = [
        list(map(panels.generated, samples.isel(sample=chosen).values, copied))
        for samples, copied in zip(drawn, panels.copies(one).values[:, chosen], strict=True)
    ]
    return [list(tiles) for tiles in zip(real[0], *made, *real[1:], strict=True)]


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """Median cosines of the samples and of the closest pairs, for each N."""

    def row(N, s):
        pairs = {"closest_pair": float(s.closest_pair.median())} if "closest_pair" in s else {}
        return {"N": N, **pairs, **memorization.similarity(s)}

    rows = []
    for N in shown["sizes"]:
        found = tables.over_seeds([row(N, s) for s in stores.of("similarity", N=N, pair=PAIR)])
        found |= memorization.ceiling(stores.of("similarity", N=N, pair="same"))
        found |= beyond.over_seeds_of(stores.of("beyond", N=N, pair="disjoint"))
        rows.append(found | beyond.ceiling(stores.of("beyond", N=N, pair="same")))
    return rows
