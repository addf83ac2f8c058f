"""Appendix: samples beside the training patches that are closest to their patches.

Between memorization and generalization, a sample that is no training image can still be put
together of parts of several.
"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from gahb import measured, store
from gahb.figures import by_size, parts, style

ROWS = ("network 1", "closest patches", "closest in $S_1$")
COSINES = {
    "closest_patch": (-1, parts.FILLED | {"color": "C2", "label": "patch to closest patch"}),
    "closest": (1, parts.FILLED | {"color": "C1", "label": "to closest training image"}),
}


@style.sheet()
def draw(
    samples: dict[int, xr.Dataset],
    similarity: dict[int, xr.Dataset],
    images: xr.DataArray,
    patch: int,
) -> Figure:
    """The first samples of network 1 that did not diverge, for each N, above cosines of both.

    Args:
        samples: samples.zarr of the network trained on N images of S1, by N.
        similarity: similarity.zarr of each pair, by N.
        images: the images of the data set (image, channel, y, x).
        patch: side of the patches in pixels.
    """
    columns = {}
    for N, shown in by_size.chosen(similarity).items():
        found = similarity[N].sel(side="S1").isel(sample=shown)
        columns[N] = [
            [parts.photo(sample), patchwork(sample, images, index, patch), parts.photo(closest)]
            for sample, index, closest in zip(
                samples[N].samples.isel(sample=shown).values,
                found.closest_patch_image.values,
                store.take(images, found.closest_image.values),
                strict=True,
            )
        ]
    return by_size.draw(columns, ROWS, similarity, COSINES)


def patchwork(
    sample: np.ndarray, images: xr.DataArray, index: np.ndarray, patch: int
) -> np.ndarray:
    """The closest patches, each in place of the sample's and with its mean and contrast.

    These two the cosine does not see. Pixels that fill no patch are white.

    Args:
        sample: (channel, y, x).
        images: the images of the data set (image, channel, y, x).
        index: the images with the closest patches (row, column).
        patch: side of the patches in pixels.

    Returns: RGB (y, x, 3).
    """
    found = store.take(images, index.ravel()).astype(float)
    together = np.ones_like(sample)
    for image, (row, column) in zip(found, np.ndindex(index.shape), strict=True):
        place = np.s_[:, row * patch : (row + 1) * patch, column * patch : (column + 1) * patch]
        contrast = sample[place].std() / (image[place].std() or 1)
        together[place] = sample[place].mean() + contrast * (image[place] - image[place].mean())
    return parts.photo(together)


def numbers(similarity: dict[int, xr.Dataset]) -> list[dict]:
    """Median cosines of patches and of whole samples to the closest, for each N."""
    rows = []
    for N, s in similarity.items():
        medians = measured.median(s.closest_patch) | measured.median(s.closest)
        rows.append({"N": N, **medians, **measured.counts(s)})
    return rows
