"""An array of images in a .npy or .npz file."""

import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from gahb.datasets.base import ImageError, Source
from gahb.datasets.pictures import Pictures, prepared

#: Attributes with which xarray and netCDF say how numbers were packed.
PACKING = ("scale_factor", "add_offset", "_Unsigned", "_FillValue", "missing_value")
#: Floats may leave [0, 1] by this much, due to rounding in unpacking; they are clipped.
ROUNDING = 1e-6


def pictures_of(
    array, path: str, order: str | None = None, attributes: Mapping | None = None
) -> Pictures:
    """An array, in memory or not, as pictures.

    Args:
        array: (image, y, x), (image, y, x, channel) or (image, channel, y, x) with 1 or 3 channels;
            bytes, or floats in [0, 1]. An array of numpy, zarr or h5py.
        path: path for messages.
        order: the axes if they are different ones: i (image), y, x and c (channel) in order, such
            as "yxi" for images along the last axis. None infers it from the shape.
        attributes: attributes of the array; if they say how it was packed, it is unpacked as xarray
            does.

    Raises:
        ImageError: it has another shape or type, or its order is ambiguous; on reading, a value
            that is not an intensity.
    """
    shape = tuple(array.shape)
    order = _checked(order, shape, path) if order else told(shape, path)
    packing = {k: v for k, v in (attributes or {}).items() if k in PACKING}
    # Bytes that are not scaled stay bytes, even if some may be missing.
    scaled = bool(packing.keys() & set(PACKING[:3])) or array.dtype != np.uint8
    kind = array.dtype
    if packing and scaled:
        kind = _unpacked(np.zeros(1, array.dtype), packing).dtype
    if kind != np.uint8 and kind.kind != "f":
        raise ImageError(f"{path}: holds {kind}; expected bytes (uint8) or floats in [0, 1]")
    along = order.index("i")
    # Without the axis of the images, in the order of a picture: (y, x, channel).
    axes = [order.replace("i", "").index(axis) for axis in "yxc" if axis in order]

    def read(index):
        rows = np.moveaxis(_rows(array, index, along), along, 0)
        if packing:
            unpacked = _unpacked(rows, packing)
            if np.isnan(unpacked).any():
                missing = ", ".join(f"{k} {packing[k]}" for k in PACKING[3:] if k in packing)
                raise ImageError(f"{path}: has missing values ({missing}) near image {index[0]}")
            rows = unpacked if scaled else rows
        for i, row in zip(index, rows, strict=True):
            picture = _intensities(row, f"{path}: image {i}").transpose(axes)
            yield picture if picture.ndim == 3 else picture[..., None]

    def name(i):
        return f"{path} as {_spelled(order)}, image {i}"

    return Pictures(shape[along], read, name, Path(path).name, named=False)


def _checked(order: str, shape: tuple[int, ...], path: str) -> str:
    if sorted(order) not in (sorted("iyx"), sorted("iyxc")):
        raise ImageError(
            f"{path}: found order {order!r}; it names each axis once: i (image), y, x and, where "
            "there is one, c (channel), for instance yxi"
        )
    if len(order) != len(shape):
        raise ImageError(f"{path}: has shape {shape}, and order {order!r} names {len(order)} axes")
    channels = dict(zip(order, shape, strict=True)).get("c", 1)
    if channels not in (1, 3):
        raise ImageError(
            f"{path}: has shape {shape}, in the order {order!r} {channels} channels; 1 or 3 can "
            "be used"
        )
    return order


def told(shape: tuple[int, ...], path: str) -> str:
    """The order of the axes of an array of this shape.

    Raises:
        ImageError: it is not a shape of images, or is ambiguous.
    """
    square = len(shape) in (3, 4) and shape[0] == shape[1] != shape[2]
    if square and (len(shape) == 3 or shape[1] not in (1, 3)):
        likely = "yxi" if len(shape) == 3 else "yxci" if shape[2] in (1, 3) else "yxic"
        other = likely.replace("i", "")
        other = f", and `order: i{other}` as {shape[0]} images" if likely != "yxci" else ""
        raise ImageError(
            f"{path}: has shape {shape}, which looks like {_spelled(likely)}, as MATLAB writes "
            f"images; `order: {likely}` reads it so{other}"
        )
    if len(shape) == 3:
        return "iyx"
    for order, axis in (("iyxc", 3), ("icyx", 1)):
        if len(shape) == 4 and shape[axis] in (1, 3):
            return order
    raise ImageError(
        f"{path}: has shape {shape}; (image, y, x), (image, y, x, channel) or "
        "(image, channel, y, x) with 1 or 3 channels can be used, or what `order` names"
    )


def _spelled(order: str) -> str:
    return f"({', '.join({'i': 'image', 'c': 'channel'}.get(axis, axis) for axis in order)})"


def _rows(array, index, along: int) -> np.ndarray:
    """Entries `index`, increasing, along an axis; only their chunks are read from a file."""
    index, axes = np.asarray(index), [slice(None)] * array.ndim
    if index[-1] - index[0] == len(index) - 1:
        axes[along] = slice(index[0], index[-1] + 1)
        return np.asarray(array[tuple(axes)])
    axes[along] = index
    return np.asarray(getattr(array, "oindex", array)[tuple(axes)])


def _unpacked(values: np.ndarray, packing: Mapping) -> np.ndarray:
    """Packed numbers as xarray decodes them: scaled, and NaN where they are missing."""
    packed = xr.Dataset({"images": (("image", *map(str, range(1, values.ndim))), values, packing)})
    return xr.decode_cf(packed, decode_times=False, decode_coords=False)["images"].values


def _intensities(values: np.ndarray, what: str) -> np.ndarray:
    if values.dtype == np.uint8:
        return values
    values = values.astype(np.float32)
    low, high = values.min(), values.max()
    if not (-ROUNDING <= low and high <= 1 + ROUNDING):  # false for NaN, too
        raise ImageError(f"{what} has values from {low:g} to {high:g}; floats must lie in [0, 1]")
    return values.clip(0, 1)


def only(shapes: Mapping[str, tuple[int, ...]], key: str | None, path: str) -> str:
    """Name of the array in a file that holds the images: `key`, or the only one that can.

    Raises:
        ImageError: there is no such array, or there are several.
    """
    images = [name for name, shape in shapes.items() if len(shape) >= 3 or len(shapes) == 1]
    if key in shapes or (key is None and len(images) == 1):
        return images[0] if key is None else key
    found = "holds several arrays; name one with `key`" if images else "holds no images"
    each = ", ".join(f"{name} {shape}" for name, shape in sorted(shapes.items()))
    raise ImageError(
        f"{path}: {f'has no array {key!r}' if key else found}: {each or 'it has no array'}"
    )


def arrays(*, path: str, key: str | None = None, order: str | None = None, **options) -> Source:
    """The images of an array.

    Args:
        path: .npy or .npz file.
        key: name of the array in an .npz file; None if only one has three axes or more.
        order: see `pictures_of`.
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
    return prepared(pictures_of(array, path, order), **options)


def _from_npz(path: str, key: str | None) -> np.ndarray:
    """The array, mapped from a temporary file: it need not fit in memory."""
    with zipfile.ZipFile(path) as archive:
        shapes = {}
        for name in archive.namelist():
            if name.endswith("/data.pkl"):
                raise ImageError(f"{path}: is a PyTorch file: `source: tensors` reads it")
            if name.endswith(".npy"):
                with archive.open(name) as member:
                    shapes[name.removesuffix(".npy")] = _shape(member)
        key = only(shapes, key, path)
        folder, size = tempfile.gettempdir(), archive.getinfo(f"{key}.npy").file_size
        if size > shutil.disk_usage(folder).free:
            raise ImageError(f"{path}: expands to {size} bytes, more than fit in {folder}")
        with archive.open(f"{key}.npy") as member, tempfile.NamedTemporaryFile() as file:
            shutil.copyfileobj(member, file)
            file.flush()
            return np.load(file.name, mmap_mode="r", allow_pickle=False)


def _shape(member) -> tuple[int, ...]:
    """Shape of the array in an .npy file, of which only the beginning is read."""
    version = np.lib.format.read_magic(member)
    read = np.lib.format
    header = read.read_array_header_1_0 if version == (1, 0) else read.read_array_header_2_0
    return header(member)[0]
