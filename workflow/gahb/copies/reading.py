"""Images of any origin for an audit, brought to the same size and number of channels."""

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from gahb.datasets import open_source
from gahb.datasets.base import ImageError, Source
from gahb.datasets.detect import source_of
from gahb.datasets.preparation import Preparation
from gahb.datasets.variation import Variation

#: Largest side at which images are compared by default; smallest side to which they are resized;
#: number of images read at a time.
SIDE, LEAST, BLOCK = 64, 8, 256


@dataclasses.dataclass(frozen=True)
class Images:
    """Images to compare.

    pixels: (image, channel, y, x), bytes or floats in [0, 1]; those read from files are in a
        temporary file that is deleted with the array.
    names: names of their files, or their numbers.
    origin: where they come from, in words.
    doubt: why they may not be what they should be; empty if there is no reason.
    """

    pixels: np.ndarray
    names: Sequence[str]
    origin: str
    doubt: str = ""

    def __len__(self) -> int:
        return len(self.pixels)


def read(
    sets: Sequence,
    side: int | None = None,
    workers: int | None = None,
    bar=lambda total, doing: contextlib.nullcontext(),
) -> tuple[list[Images], str]:
    """Sets of images, all of the same size and number of channels, and a line on how that was done.

    Each is a path, whose source is detected by its content, or an array (image, channel, y, x) of
    bytes or of floats in [0, 1]. If all have the same size, of at most SIDE pixels, they keep it;
    otherwise each is cropped to its centered square and resized to the smallest side of the first
    images or SIDE, halved until no image is smaller. They become gray if any set is.

    Args:
        sets: paths or arrays.
        side: side to which they are resized instead.
        workers: threads that read files; by default one for each core.
        bar: as in `gahb.copies.judgement.audit`.

    Raises:
        ImageError: something cannot be read, is smaller than `side`, is not a set of images, or is
            too small.
    """
    sets = [s if isinstance(s, str | os.PathLike) else _array(s) for s in sets]
    opened = [_opened(s) for s in sets]
    sizes = [source.read(0, 1).shape[2:] for source in opened]
    least, origin = min((min(s), o.origin) for s, o in zip(sizes, opened, strict=True))
    if side is not None and side < LEAST:
        raise ImageError(f"found side {side}; images are resized to {LEAST} pixels or more")
    if least < (LEAST if len(set(sizes)) > 1 else 2):
        raise ImageError(
            f"{origin}: its first image has only {least} pixels along a side; is this a set of "
            f"images? Other sets are resized to {LEAST} pixels or more"
        )
    for options in _ways(side, sizes):
        try:
            found = _all(sets, options, workers or os.cpu_count() or 1, bar)
            break
        except ImageError as error:
            failed = error
    else:
        raise failed
    gray = [_is_gray(images.pixels) for images in found]
    if any(gray):
        found = [_gray(images) for images in found]
    said = "as they are"
    if options:
        each = ", ".join(f"{y} x {x}" for y, x in sizes)
        said = f"their centered squares resized (the first of each set: {each})"
        if any(y != x for y, x in sizes):
            said += ", so that copies in another crop are not found"
    if any(gray) and not all(gray):
        said += ", colors averaged because one set is gray"
    shape = found[0].pixels.shape
    return found, f"{shape[2]} x {shape[3]} pixels, {shape[1]} channel(s), {said}"


def _ways(side: int | None, sizes: Sequence[tuple[int, int]]) -> Iterator[dict]:
    """Ways to bring images to one size, given the sizes of the first ones: unchanged, or else
    resized to a side that is halved until no image is smaller."""
    if side is None and len(set(sizes)) == 1 and max(sizes[0]) <= SIDE:
        yield {}
    smallest = side or min(SIDE, *map(min, sizes))
    while True:
        yield {"crop": "center", "side": smallest}
        smallest //= 2
        if side or smallest < LEAST:
            return


def _all(sets, options: dict, workers: int, bar) -> list[Images]:
    sources = [_opened(s, **options) for s in sets]
    with bar(sum(source.count for source in sources), "read") as shown:
        return [_held(source, workers, shown) for source in sources]


def _opened(images, **options) -> Source:
    if isinstance(images, np.ndarray):
        return _of_array(images, options)
    source, where = source_of(str(images))
    return open_source(source, **where, **options, gray=None, seed=0)


def _array(images) -> np.ndarray:
    array = np.asarray(images.cpu() if isinstance(images, torch.Tensor) else images)
    if array.ndim != 4 or array.shape[1] not in (1, 3) or not len(array):
        raise ImageError(
            f"found an array of shape {array.shape}; images are (image, channel, y, x) with 1 or "
            "3 channels"
        )
    if array.dtype != np.uint8:
        array = array.astype(np.float32)
        low, high = float(array.min()), float(array.max())
        if not (-0.01 <= low and high <= 1.01):
            raise ImageError(
                f"found values from {low:.3g} to {high:.3g}; images are bytes, or floats in [0, 1]"
            )
    return array


def _of_array(array: np.ndarray, options: dict) -> Source:
    """An array as a source, each image prepared like a picture from a file."""
    if not options:
        return Source(len(array), lambda start, stop: array[start:stop], "an array")
    preparation = Preparation(**options, gray=None)

    def prepared(start: int, stop: int) -> np.ndarray:
        return np.stack(
            [
                preparation.picture(array[i].transpose(1, 2, 0), f"image {i}")
                for i in range(start, stop)
            ]
        )

    return Source(len(array), prepared, "an array")


def _held(source: Source, workers: int, shown) -> Images:
    """All images of a source, in a file."""
    pixels, start, variation = None, 0, Variation()
    for block in source.blocks(BLOCK, workers):
        if pixels is None:
            shape = (source.count, *block.shape[1:])
            pixels = np.memmap(tempfile.TemporaryFile(), block.dtype, "w+", shape=shape)
        pixels[start : start + len(block)] = block
        start += len(block)
        variation.add(block)
        if shown:
            shown.update(len(block))
    names = source.names if len(source.names) else range(source.count)
    return Images(pixels, [str(name) for name in names], source.origin, variation.warning())


def _is_gray(pixels: np.ndarray) -> bool:
    """Whether images have one channel, or only equal ones."""
    blocks = (pixels[start : start + BLOCK] for start in range(0, len(pixels), BLOCK))
    return pixels.shape[1] == 1 or all((b == b[:, :1]).all() for b in blocks)


def _gray(images: Images) -> Images:
    """The images with the mean of the channels as their only channel."""
    pixels, (count, _, *size) = images.pixels, images.pixels.shape
    found = np.memmap(tempfile.TemporaryFile(), pixels.dtype, "w+", shape=(count, 1, *size))
    for start in range(0, count, BLOCK):
        mean = pixels[start : start + BLOCK].mean(1, keepdims=True, dtype=np.float32)
        found[start : start + BLOCK] = np.rint(mean) if pixels.dtype == np.uint8 else mean
    return dataclasses.replace(images, pixels=found)
