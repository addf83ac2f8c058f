"""Appendix: samples next to the training patches that are closest to their patches.

Between memorization and generalization, a sample that is not a training image can still consist of
parts of several.
"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from gahb import store
from gahb.drawing import panels, pictures, style, words
from gahb.drawing.stores import Stores, together
from gahb.summaries import memorization, tables

FIGURE = {
    "title": "Closest patches",
    "reads": {"samples": ["S1"], "similarity": ["disjoint"], "images": []},
    "sizes": "every",
    "compares": "nothing",
    "uses": {"patch": "similarity.patch", "count": "samples.count"},
    "single": True,
}

#: Names of two networks, or of a network without a second one.
PAIR = ("disjoint", "single")
ROWS = ("network 1", "closest patches", "closest in $S_1$")
LINES = {
    "closest_patch": {
        "label": "patch and closest training patch",
        "color": words.SERIES[4],
        "marker": "o",
    },
    "closest": words.PAIRS["closest"],
}


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """The first samples of network 1 that did not diverge, for each N, above cosines of both."""
    images = stores.first("images").images
    columns, similarity = {}, {}
    for N in shown["sizes"]:
        similarity[N] = together(stores.of("similarity", N=N, pair=PAIR))
        chosen = panels.first_samples(similarity[N], len(shown["sizes"]))
        found = similarity[N].sel(subset="S1").isel(seed=0, sample=chosen)
        samples = stores.first("samples", N=N, subset="S1").samples.isel(sample=chosen)
        columns[N] = [
            [
                pictures.generated(sample, copied),
                patchwork(sample, images, index, shown["patch"]),
                closest,
            ]
            for sample, copied, index, closest in zip(
                samples.values,
                pictures.copies(found).values,
                found.closest_patch_image.values,
                pictures.closest(images, found),
                strict=True,
            )
        ]
    lines = [
        ([np.ravel(s[name]) for s in similarity.values()], line) for name, line in LINES.items()
    ]
    counts = [memorization.counted(s) for s in similarity.values()]
    figure = panels.by_size(columns, ROWS, lines, counts)
    words.headline(figure, sentence(numbers(stores, shown)))
    return figure


def sentence(rows: list[dict]) -> str:
    """The N at which patches are found in the training set, but samples are not."""
    rows = [row for row in rows if words.known(row, "closest_S1")]
    if not rows:
        return "Most samples diverged at every N."
    row = max(rows, key=lambda row: row["closest_patch_S1"] - row["closest_S1"])
    closer = words.side(row, "closest_S1", row["closest_patch_S1"]) < 0
    return (
        f"N = {row['N']:,}: patches of samples are {'closer' if closer else 'no closer'} to "
        f"training patches than samples are to training images (median cosines "
        f"{words.number(row['closest_patch_S1'])} and {words.number(row['closest_S1'])})."
    )


def patchwork(
    sample: np.ndarray, images: xr.DataArray, index: np.ndarray, patch: int
) -> np.ndarray:
    """The closest patches in place of the sample's, with the same mean and contrast.

    The cosine ignores these two. Pixels that fill no patch are white.

    Args:
        sample: (channel, y, x).
        images: the images of the data set (image, channel, y, x).
        index: the images with the closest patches (row, column).
        patch: side of the patches in pixels.

    Returns: RGB (y, x, 3).
    """
    found = store.take(images, index.ravel()).astype(float)
    made = np.ones_like(sample)
    for image, (row, column) in zip(found, np.ndindex(index.shape), strict=True):
        place = np.s_[:, row * patch : (row + 1) * patch, column * patch : (column + 1) * patch]
        contrast = sample[place].std() / (image[place].std() or 1)
        made[place] = sample[place].mean() + contrast * (image[place] - image[place].mean())
    return pictures.photo(made)


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """Median cosines of patches, and of whole samples, with the closest for each N."""

    def row(N, s):
        medians = memorization.median(s.closest_patch) | memorization.median(s.closest)
        return {"N": N, **medians, **memorization.counts(s)}

    return [
        tables.over_seeds([row(N, s) for s in stores.of("similarity", N=N, pair=PAIR)])
        for N in shown["sizes"]
    ]
