"""Images as pictures in RGB: photographs, samples, eigenvectors; hidden if they are private."""

import contextlib
from collections.abc import Iterator

import numpy as np
import xarray as xr

from gahb import store
from gahb.alike import ALIKE
from gahb.drawing import style

#: End of an eigenvector's color scale, in root mean squares.
SATURATION = 2.5
#: Whether a figure of private images is being drawn.
_hiding = False


@contextlib.contextmanager
def hiding(private: bool) -> Iterator[None]:
    """If `private`, show no images except those that `generated` lets through."""
    global _hiding
    before, _hiding = _hiding, private
    try:
        yield
    finally:
        _hiding = before


def hides() -> bool:
    """Whether the figure that is drawn is of private images."""
    return _hiding


def _hidden(image: xr.DataArray | np.ndarray) -> np.ndarray:
    """The placeholder of an image (channel, y, x): a cross, RGB (y, x, 3)."""
    height, width = image.shape[-2:]
    crossed = np.eye(height, width, dtype=bool)
    return np.where(crossed | crossed[:, ::-1], 0.7, 0.9)[..., None].repeat(3, -1)


def photo(image: xr.DataArray | np.ndarray) -> np.ndarray:
    """An image (channel, y, x), bytes or intensities clipped to [0, 1], as RGB (y, x, 3)."""
    return _hidden(image) if _hiding else _photo(image)


def generated(sample: xr.DataArray | np.ndarray, copied: bool) -> np.ndarray:
    """`photo` of a sample, shown even for private images unless it is a copy of one."""
    return _hidden(sample) if _hiding and copied else _photo(sample)


def copies(similarity: xr.Dataset) -> xr.DataArray:
    """Samples of similarity.zarr that no figure of private images shows.

    Memorized ones, and those as close to a training image as near-duplicates; if these are most of
    a network's samples, all of them, since the others are mixtures of few images.
    """
    copied = (similarity.memorized == 1) | (similarity.closest > ALIKE)
    return copied | (copied.mean("sample") > 0.5)


def closest(images: xr.DataArray, similarity: xr.Dataset) -> list[np.ndarray]:
    """The training image closest to each sample (sample,), mirrored where that is closer."""
    found = store.take(images, similarity.closest_image.values)
    if "closest_mirrored" in similarity:
        mirrored = similarity.closest_mirrored.values == 1
        found[mirrored] = found[mirrored][..., ::-1]
    return [photo(image) for image in found]


def _photo(image: xr.DataArray | np.ndarray) -> np.ndarray:
    values = np.moveaxis(np.asarray(image), 0, -1)
    values = values / 255 if values.dtype == np.uint8 else values.clip(0, 1)
    return np.broadcast_to(values, (*values.shape[:2], 3)).astype(float)


def signed(vector: xr.DataArray | np.ndarray) -> np.ndarray:
    """An eigenvector (channel, y, x) as RGB (y, x, 3), saturated at SATURATION root mean squares.

    Zero is white for gray images and mid-gray for color images. The scale is not the largest entry,
    because a few pixels in a corner would hide the rest.
    """
    if _hiding:
        return _hidden(vector)
    values = np.moveaxis(np.asarray(vector), 0, -1)
    scale = SATURATION * (np.sqrt(np.square(values).mean()) or 1)
    values = (0.5 + 0.5 * values / scale).clip(0, 1)
    return style.DIVERGING(values[..., 0])[..., :3] if values.shape[-1] == 1 else values
