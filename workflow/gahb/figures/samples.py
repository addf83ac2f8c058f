"""Figure 2: samples of two networks trained on different images, and what they resemble.

Small N: each network returns its own training images. Large N: both make the same image, which is
in neither training set, and they agree beyond the covariance, which two Wiener filters share as
well. A network without a second one is shown alone.
"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from gahb.drawing import panels, pictures, style, words
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

#: Names of two networks, or of a network without a second one.
PAIR = ("disjoint", "single")
ROWS = ("closest in $S_1$", "network 1", "network 2", "closest in $S_2$")


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """The first samples that did not diverge, for each N, above the cosines of all of them."""
    images = stores.first("images").images
    columns, cosines, counts = {}, [], []
    for N in shown["sizes"]:
        similarity = together(stores.of("similarity", N=N, pair=PAIR))
        chosen = panels.first_samples(similarity, len(shown["sizes"]))
        drawn = [stores.first("samples", N=N, subset=s).samples for s in similarity.subset.values]
        columns[N] = _columns(drawn, similarity.isel(seed=0), images, chosen)
        cosines.append(_beyond(stores, N) | {"closest": similarity.closest})
        counts.append(memorization.counted(similarity))
    lines = [
        ([np.ravel(of_N.get(name, np.nan)) for of_N in cosines], line)
        for name, line in words.PAIRS.items()
        if any(name in of_N for of_N in cosines)
    ]
    figure = panels.by_size(columns, ROWS[: 2 * len(drawn)], lines, counts)
    words.headline(figure, sentence(numbers(stores, shown), counts))
    return figure


def _beyond(stores: Stores, N: int) -> dict:
    """Cosines beyond the covariance over all seeds: of networks, their ceiling, Wiener filters."""
    found = {}
    kinds = {"beyond": ("disjoint", "beyond"), "beyond_ceiling": ("same", "beyond")}
    for kind, (pair, name) in (kinds | {"beyond_null": ("disjoint", "null")}).items():
        if each := stores.of("beyond", N=N, pair=pair):
            found[kind] = np.concatenate([one[name].values for one in each])
    return found


def sentence(rows: list[dict], counts: list[tuple]) -> str:
    """How many samples are memorized, and how much networks of the largest N share."""
    said = []
    for row, (memorized, ended, _) in words.ends(list(zip(rows, counts, strict=True))):
        of = f"{memorized:,} of {ended:,} samples are memorized"
        said.append(f"N = {row['N']:,}: {of if ended else 'all samples diverged'}")
    last = rows[-1]
    if words.known(last, "beyond"):
        said[-1] += f", and two networks that share no image {words.agreement(last)}"
    return ". ".join(said) + "."


def _columns(drawn, one: xr.Dataset, images: xr.DataArray, chosen: np.ndarray) -> list[list]:
    """The images of each sample in `chosen` from top to bottom, two for each network."""
    copied = pictures.copies(one).values[:, chosen]
    one = one.isel(sample=chosen)
    real = [pictures.closest(images, one.sel(subset=s)) for s in one.subset.values]
    made = [
        list(map(pictures.generated, samples.isel(sample=chosen).values, hidden))
        for samples, hidden in zip(drawn, copied, strict=True)
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
