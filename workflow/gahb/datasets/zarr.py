"""An array of images in a zarr store."""

import base64
import struct

from zarr import Array
from zarr import open as open_node

from gahb.datasets.arrays import only, pictures_of
from gahb.datasets.base import ImageError, Source
from gahb.datasets.pictures import prepared


def zarr(*, path: str, key: str | None = None, order: str | None = None, **options) -> Source:
    """The images of an array in a zarr store, of version 2 or 3, a folder or a zip file.

    If its attributes say how it was packed (`scale_factor`, `add_offset`, `_FillValue`), it is
    unpacked as xarray does.

    Args:
        path: the store.
        key: path of the array in the store; None if the store itself is an array, or only one of
            its arrays has three axes or more.
        order: see `pictures_of`.
        options: see `prepared`; `unreadable` has no meaning here.

    Raises:
        ImageError: it is not a zarr store, or has no such array.
    """
    try:
        node = open_node(path, mode="r")
        array = node if key is None else node[key]
        if not isinstance(array, Array):
            shapes = {name: member.shape for name, member in array.arrays()}
            array = array[only(shapes, None, path if key is None else f"{path}, {key}")]
    except ImageError:
        raise
    except Exception as error:  # zarr raises many kinds
        raise ImageError(f"{path}: cannot be read as a zarr store ({error!r})") from error
    return prepared(pictures_of(array, path, order, _attributes(array)), **options)


def _attributes(array: Array) -> dict:
    """The attributes of an array, as xarray understands them."""
    found = dict(array.attrs)
    if isinstance(found.get("_FillValue"), str):  # a float, as xarray writes it
        (found["_FillValue"],) = struct.unpack("<d", base64.b64decode(found["_FillValue"]))
    if array.metadata.zarr_format == 2 and "_ARRAY_DIMENSIONS" in found:
        fill = array.fill_value  # in version 2, missing values are the ones that were not written
        found |= {} if fill is None else {"_FillValue": fill}
    return found
