"""An array of images in an HDF5 file: also netCDF-4 and MATLAB 7.3."""

from gahb.datasets.arrays import only, pictures_of, told
from gahb.datasets.base import ImageError, Source
from gahb.datasets.pictures import prepared
from gahb.packages import Needed

h5py = Needed("h5py")


def hdf5(*, path: str, key: str | None = None, order: str | None = None, **options) -> Source:
    """The images of an array in an HDF5 file, which is read a block at a time.

    An array that is packed (`scale_factor`, `add_offset`, `_FillValue`) is unpacked as xarray does.

    Args:
        path: the file.
        key: path of the array in the file, with slashes; None if only one has three axes or more.
        order: see `pictures_of`; for a MATLAB file, the order of the axes in MATLAB.
        options: see `prepared`; `unreadable` has no meaning here.

    Raises:
        ImageError: it is not an HDF5 file, or has no such array.
    """
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ImageError(f"{path}: cannot be read as an HDF5 file ({error})") from error
    shapes = {}

    def note(name, member):
        if isinstance(member, h5py.Dataset):
            shapes[name] = member.shape or ()

    file.visititems(note)
    array = file[only(shapes, key and key.strip("/"), path)]
    if "MATLAB_class" in array.attrs:
        # MATLAB writes its last axis first.
        order = (order or told(array.shape[::-1], path))[::-1]
    attributes = {name: _scalar(value) for name, value in array.attrs.items()}
    return prepared(pictures_of(array, path, order, attributes), **options)


def _scalar(value):
    """The value of an attribute; netCDF writes numbers as arrays with one entry."""
    return value.item() if getattr(value, "size", 0) == 1 else value
