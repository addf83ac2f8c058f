"""The interface of every source of images, and how ranges are read on several threads."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # planning imports this package, but neither of them
    import numpy as np
    import xarray as xr


class ImageError(Exception):
    """Images that cannot be used; the message names the file and says what would be right."""


class UnusableImage(ImageError):
    """One image that cannot be decoded, or is too small; the others may be fine."""


@dataclasses.dataclass(frozen=True)
class Source:
    """Images that several threads at a time can read in ranges.

    Args:
        count: number of images.
        read: (start, stop) -> images start..stop-1, (image, channel, y, x), uint8, or float32
            where 0 is black and 1 is white; an image does not depend on the range.
        origin: where the images come from, in words.
        group: (count,) the picture from which each image was cut; images of one picture never go to
            different sides of the split. None where images are independent.
        group_names: name of each picture.
        names: name of each image's file; empty where images have none.
        skipped: name of each file that was left out, and why.
        distribution: arrays on which the distribution of the images depends, under the names used
            in `gahb.denoisers.optima`.
    """

    count: int
    read: Callable[[int, int], np.ndarray]
    origin: str
    group: np.ndarray | None = None
    group_names: Sequence[str] = ()
    names: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()
    distribution: Mapping[str, xr.Variable] = dataclasses.field(default_factory=dict)

    def blocks(self, length: int, threads: int) -> Iterator[np.ndarray]:
        """All images in order, `length` at a time."""
        starts = range(0, self.count, length)
        return in_order(lambda i: self.read(i, min(i + length, self.count)), starts, threads)


def joined(sources: Sequence[Source]) -> Source:
    """The images of several sources, one source after the other; without groups.

    Bytes become floats if any source has floats. Images without names are named by their number.

    Raises:
        ImageError: the images of two sources have different shapes.
    """
    import numpy as np

    firsts = [source.read(0, 1) for source in sources]
    for source, first in zip(sources, firsts, strict=True):
        if first.shape != firsts[0].shape:
            one, other = (
                "{1} x {2} pixels and {0} channel(s)".format(*f.shape[1:])
                for f in (first, firsts[0])
            )
            raise ImageError(f"{source.origin}: has {one}, but {sources[0].origin} has {other}")
    ends = np.cumsum([source.count for source in sources])
    as_bytes = all(first.dtype == np.uint8 for first in firsts)

    def read(start: int, stop: int) -> np.ndarray:
        found = []
        for source, end in zip(sources, ends, strict=True):
            low, high = (min(max(i - end + source.count, 0), source.count) for i in (start, stop))
            if low < high:
                block = source.read(low, high)
                scale = 1 if as_bytes or block.dtype != np.uint8 else np.float32(255)
                found.append(block if scale == 1 else block / scale)
        return np.concatenate(found)

    return Source(
        int(ends[-1]),
        read,
        ", ".join(source.origin for source in sources),
        names=[name for s in sources for name in s.names or map(str, range(s.count))],
        skipped=[skipped for source in sources for skipped in source.skipped],
    )


def in_order(function: Callable, items: Iterable, threads: int) -> Iterator:
    """map(function, items) on several threads, never more than a few results ahead."""
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        waiting = collections.deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def open_source(source: str, **options) -> Source:
    """The source of this name, opened with the options of its config entry."""
    # Only the requested module is imported: a job depends on no other source's code.
    return getattr(importlib.import_module(f"gahb.datasets.{source}"), source)(**options)
