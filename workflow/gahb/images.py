"""Images as tensors: bytes or floats in [0, 1], in memory or read from a store as they are used."""

import concurrent.futures
from collections.abc import Iterator

import numpy as np
import torch
import xarray as xr

from gahb import store

#: Larger sets of images are read as they are used. On a GPU, the limit is a fourth of its memory.
MOST_BYTES_ON_CPU = 2**30


def to_float(images: torch.Tensor) -> torch.Tensor:
    """Images as float32 in [0, 1]; bytes are divided by 255."""
    return images.float() / 255 if images.dtype == torch.uint8 else images.float()


class Members:
    """Some images of a data set, such as a training set, read from its store when indexed.

    Indexed with a slice or with an array of positions (any order, repeats allowed), it gives an
    array (image, channel, y, x). A block of sorted members is read from neighboring chunks, which
    is many times faster; if their order does not matter, sort them.

    Args:
        images: images of the data set (image, channel, y, x).
        members: (member,), indices of images, in the order of this set.
    """

    def __init__(self, images: xr.DataArray, members: np.ndarray):
        self.images, self.members = images, members

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, which) -> np.ndarray:
        return store.take(self.images, self.members[which])

    @property
    def nbytes(self) -> int:
        return len(self) * self.images[0].nbytes


def bytes_to_hold(device: torch.device) -> int:
    """Maximum size in bytes of images that are kept on the device."""
    if device.type == "cpu":
        return MOST_BYTES_ON_CPU
    return torch.cuda.get_device_properties(device).total_memory // 4


def read_ahead(images, length: int) -> Iterator[tuple[int, torch.Tensor]]:
    """(start, images) of each block of `length` images, with the next one read in the background.

    Args:
        images: has a length and gives a tensor or an array when indexed with a slice.
    """
    with concurrent.futures.ThreadPoolExecutor(1) as reader:
        starts = range(0, len(images), length)
        reads = (reader.submit(images.__getitem__, slice(s, s + length)) for s in starts)
        ahead = next(reads)
        for start in starts:
            block, ahead = ahead.result(), next(reads, None)
            yield start, torch.as_tensor(block)
