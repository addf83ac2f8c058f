"""An array of images in a .npy or .npz file."""

import shutil
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from gahb.datasets.base import ImageError, Source
from gahb.datasets.pictures import Pictures, prepared


def pictures_of(array, path: str) -> Pictures:
    """An array, in memory or not, as pictures.

    Args:
        array: (image, y, x), (image, y, x, channel) or (image, channel, y, x) with 1 or 3 channels;
            bytes, or floats in [0, 1].
        path: for messages.

    Raises:
        ImageError: it has another shape or type; on reading, a value that is not an intensity.
    """
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise ImageError(f"{path}: holds {array.dtype}; expected bytes (uint8) or floats in [0, 1]")
    shape = tuple(array.shape)
    last = len(shape) == 4 and shape[3] in (1, 3)
    if not (len(shape) == 3 or last or (len(shape) == 4 and shape[1] in (1, 3))):
        raise ImageError(
            f"{path}: has shape {shape}; (image, y, x), (image, y, x, channel) or "
            "(image, channel, y, x) with 1 or 3 channels can be used"
        )

    def read(index):
        for i, picture in zip(index, _rows(array, index), strict=True):
            if picture.dtype != np.uint8:
                picture = picture.astype(np.float32)
                low, high = picture.min(), picture.max()
                if not (0 <= low and high <= 1):  # false for NaN, too
                    raise ImageError(
                        f"{path}: image {i} has values from {low:g} to {high:g}; floats must lie "
                        "in [0, 1]"
                    )
            if picture.ndim == 2:
                picture = picture[..., None]
            yield picture if last or len(shape) == 3 else picture.transpose(1, 2, 0)

    return Pictures(shape[0], read, lambda i: f"{path}, image {i}", Path(path).name, named=False)


def _rows(array, index) -> np.ndarray:
    """Entries `index` along the first axis; of a zarr array only their chunks are read."""
    return np.asarray(getattr(array, "oindex", array)[np.asarray(index)])


def arrays(*, path: str, key: str | None = None, **options) -> Source:
    """The images of an array.

    Args:
        path: .npy or .npz file.
        key: name of the array in an .npz file; None where it holds a single one.
        options: see `prepared`; `unreadable` has no meaning here.

    Raises:
        ImageError: the file is damaged, or has no such array.
    """
    try:
        if zipfile.is_zipfile(path):
            array = _from_npz(path, key)
        else:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ImageError(f"{path}: cannot be read as an .npy or .npz file ({error})") from error
    return prepared(pictures_of(array, path), **options)


def _from_npz(path: str, key: str | None) -> np.ndarray:
    """The array, mapped from a temporary file: it need not fit in memory."""
    with zipfile.ZipFile(path) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        if key is None and len(names) == 1:
            key = names[0]
        if key not in names:
            found = f"has no array {key!r}" if key else "holds several arrays; name one with `key`"
            raise ImageError(f"{path}: {found}: {', '.join(names)}")
        folder, size = tempfile.gettempdir(), archive.getinfo(f"{key}.npy").file_size
        if size > shutil.disk_usage(folder).free:
            raise ImageError(f"{path}: expands to {size} bytes, more than fit in {folder}")
        with archive.open(f"{key}.npy") as member, tempfile.NamedTemporaryFile() as file:
            shutil.copyfileobj(member, file)
            file.flush()
            return np.load(file.name, mmap_mode="r", allow_pickle=False)
