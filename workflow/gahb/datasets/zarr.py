"""An array of images in a zarr store."""

from zarr import Array
from zarr import open as open_node

from gahb.datasets.arrays import pictures_of
from gahb.datasets.base import ImageError, Source
from gahb.datasets.pictures import prepared


def zarr(*, path: str, key: str | None = None, **options) -> Source:
    """The images of an array in a zarr store, of version 2 or 3, a folder or a zip file.

    Args:
        path: the store.
        key: path of the array in the store; None where the store itself is an array.
        options: see `prepared`; `unreadable` has no meaning here.

    Raises:
        ImageError: it is not a zarr store, or has no such array.
    """
    try:
        node = open_node(path, mode="r")
        array = node if key is None else node[key]
    except Exception as error:  # zarr raises many kinds
        raise ImageError(f"{path}: cannot be read as a zarr store ({error!r})") from error
    if not isinstance(array, Array):
        names = ", ".join(sorted(array.array_keys()))
        raise ImageError(f"{path}: is a group; name one of its arrays with `key`: {names}")
    return prepared(pictures_of(array, path), **options)
