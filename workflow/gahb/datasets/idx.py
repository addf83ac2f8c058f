"""An IDX file, the format of MNIST (http://yann.lecun.com/exdb/mnist): train-images-idx3-ubyte."""

import math
import struct

import numpy as np

from gahb.datasets.arrays import pictures_of
from gahb.datasets.base import ImageError, Source
from gahb.datasets.compressed import DAMAGED, uncompressed
from gahb.datasets.pictures import prepared

#: The types of values, by the third byte of a file.
TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def idx(*, path: str, order: str | None = None, **options) -> Source:
    """The images of an IDX file.

    Args:
        path: the file, compressed or not.
        order: see `pictures_of`.
        options: see `prepared`; `unreadable` has no meaning here.

    Raises:
        ImageError: it is not an IDX file, is truncated, or does not hold images.
    """
    try:
        file = uncompressed(path)
        start = file.read(4)
        if not is_start(start):
            raise ImageError(f"{path}: is not an IDX file; it starts with {start.hex(' ')}")
        shape = struct.unpack(f">{start[3]}I", file.read(4 * start[3]))
    except (*DAMAGED, struct.error) as error:
        raise ImageError(f"{path}: cannot be read as an IDX file ({error})") from error
    if len(shape) < 3:
        raise ImageError(f"{path}: has shape {shape}: these are labels, not images")
    kind, offset, size = np.dtype(TYPES[start[2]]), file.tell(), file.seek(0, 2)
    expected = offset + kind.itemsize * math.prod(shape)
    if size != expected:
        raise ImageError(f"{path}: has {size} bytes; shape {shape} needs {expected}")
    array = np.memmap(file, kind, "r", offset, shape)
    return prepared(pictures_of(array, path, order), **options)


def is_start(start: bytes) -> bool:
    """Whether an IDX file starts with these bytes: two zeros, the type and the number of axes."""
    return len(start) >= 4 and start[:2] == b"\0\0" and start[2] in TYPES and 0 < start[3] < 5
