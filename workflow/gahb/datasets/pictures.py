"""Pictures of any origin, made into a source of images of one size.

`photographs` and all sources of a user's images share this: each opens its pictures and hands them
to `prepared`, with the options of its config entry.
"""

import dataclasses
import functools
import io
import os
import re
from collections.abc import Callable, Iterable, Sequence
from threading import get_ident

import numpy as np
from PIL import Image, ImageOps

from gahb.datasets.base import ImageError, Source, UnusableImage, in_order
from gahb.datasets.listing import may_hold_several
from gahb.datasets.preparation import Preparation, patches

#: Only these decoders are tried: the others run programs or are not useful here.
FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF", "PPM")
#: Numbers of TIFF tags, and the bits of the second that say that a page is not a picture.
BITS_PER_SAMPLE, SUBFILE_TYPE, SMALLER_OR_MASK = 258, 254, 1 | 4
#: Larger pictures and files are refused without being read: they may be decompression bombs.
MOST_PIXELS = 2**26
MOST_BYTES = 2**28


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Pictures in order.

    Args:
        count: number of pictures.
        read: indices, increasing -> these pictures one by one, each an array (y, x, channel), bytes
            or float32 in [0, 1], with 1 or 3 channels, or 4, where the last is opacity. Several
            threads call it at the same time.
        name: index -> name of the picture, for messages and for the store.
        origin: where the pictures come from, in words.
        named: whether the names are meaningful (names of files) and go into the store.
    """

    count: int
    read: Callable[[Sequence[int]], Iterable[np.ndarray]]
    name: Callable[[int], str]
    origin: str
    named: bool = True


def decode(
    opened: Callable[[], Image.Image], name: str, page: int | None = None, advice: str = ""
) -> np.ndarray:
    """An encoded picture as bytes (y, x, channel), with 3 channels even where it is gray.

    A fourth channel is its opacity, unless it is opaque. It is turned upright according to its EXIF
    data, 12 and 16 bits become 8, and in formats other than TIFF only the first frame is taken.

    Args:
        opened: opens the file.
        name: name for messages.
        page: page of a TIFF, counted from 0; None if it must be the only one.
        advice: end of the message for a file that is not an image.

    Raises:
        UnusableImage: it cannot be decoded.
    """
    try:
        image = opened()
        if page is not None and image.format == "TIFF":
            image.seek(page)
        if image.width * image.height > MOST_PIXELS:
            raise UnusableImage(
                f"{name}: has {image.width} x {image.height} pixels, more than {MOST_PIXELS}"
            )
        if image.mode == "F" or (image.mode == "I" and image.format != "PPM"):
            raise UnusableImage(
                f"{name}: has 32 bits for each value; save it with 8 or 16 bits, or as an "
                "array of floats in [0, 1]"
            )
        if page is None and image.format == "TIFF" and len(_pages(opened)) > 1:
            raise UnusableImage(
                f"{name}: has several pages; they are read of files named .tif or .tiff"
            )
        # A TIFF of 12 bits is opened as one of 16, and would be nearly black.
        (bits,) = getattr(image, "tag_v2", {}).get(BITS_PER_SAMPLE, (16,))[:1]
        transparent = image.info.get("transparency")
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I"):  # 16 bits, which a PGM has in 32
            values = np.asarray(image)
            gray = np.rint(values * (255 / (2**bits - 1))).astype(np.uint8)
            opaque = np.where(values == transparent, 0, 255).astype(np.uint8)
            return _without_opaque(np.stack([gray, gray, gray, opaque], 2))
        if image.has_transparency_data:
            return _without_opaque(np.asarray(image.convert("RGBA")))
        return np.asarray(image.convert("RGB"))
    except UnusableImage:
        raise
    except Image.DecompressionBombError as error:
        raise UnusableImage(f"{name}: {error}") from error
    except Exception as error:  # damaged files raise nearly anything in the decoders
        raise UnusableImage(
            # Not its address in memory, which differs from run to run.
            f"{name}: cannot be read as an image ({type(error).__name__}: "
            f"{re.sub('<_io.BytesIO object at 0x[0-9a-f]+>', 'the file', str(error))}){advice}"
        ) from error


def _without_opaque(picture: np.ndarray) -> np.ndarray:
    """The picture without its fourth channel if that is opaque everywhere."""
    return picture[..., :3] if (picture[..., 3] == 255).all() else picture


def _image(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=FORMATS)


def _pages(opened: Callable[[], Image.Image]) -> list[int]:
    """The pages of a TIFF that are pictures, not smaller versions or masks of another page.

    An unreadable page is included, so that decoding it says what is wrong.
    """
    found, page = [], 0
    try:
        image = opened()
        while image.format == "TIFF":
            image.seek(page)
            found += [page] * (not image.tag_v2.get(SUBFILE_TYPE, 0) & SMALLER_OR_MASK)
            page += 1
        return [0]
    except EOFError:
        return found or [0]
    except Exception:  # damaged files raise nearly anything
        return [*found, page]


def encoded(
    count: int,
    fetch: Callable[[int], bytes],
    name: Callable[[int], str],
    origin: str,
    match: str | None = None,
) -> Pictures:
    """Pictures from image files; a TIFF with several pages gives several pictures.

    Args:
        count, name, origin: as in `Pictures`, for the files.
        fetch: index -> bytes of the file.
        match: the pattern that leaves out other files, if there is one.
    """
    advice = f'; `match: "{match}"` takes the images alone' if match else ""

    def opened(i):
        return _image(fetch(i))

    tiffs = (i for i in range(count) if may_hold_several(name(i)))
    pages = {i: _pages(functools.partial(opened, i)) for i in tiffs}
    if all(len(of_file) == 1 for of_file in pages.values()):

        def read(index):
            for i in index:
                (page,) = pages.get(i, [None])
                yield decode(functools.partial(opened, i), name(i), page, advice)

        return Pictures(count, read, name, origin)
    each = [(i, page) for i in range(count) for page in pages.get(i, [None])]

    @functools.lru_cache(4)  # the next page is of the same file, and is found from this one
    def held(i, thread):
        return opened(i)

    def of_page(k):
        i, page = each[k]
        return f"{name(i)}, page {page + 1}" if len(pages.get(i, ())) > 1 else name(i)

    def read_pages(index):
        for k in index:
            i, page = each[k]
            yield decode(functools.partial(held, i, get_ident()), of_page(k), page, advice)

    return Pictures(len(each), read_pages, of_page, origin)


def prepared(
    pictures: Pictures,
    *,
    seed: int,
    images: int | None = None,
    unreadable: str = "refuse",
    **options,
) -> Source:
    """A source of images made from pictures.

    Args:
        pictures: the pictures.
        seed: seed for the choice of `images`.
        images: number of images (pictures, or patches of them), drawn without replacement and kept
            in order; None takes all.
        unreadable: how to treat pictures that cannot be decoded or are too small: "refuse", or
            "skip" to leave them out and list them.
        options: processing of each picture, see `Preparation`.

    Raises:
        ImageError: no pictures, fewer than asked for, or unusable ones.
    """
    if not pictures.count:
        raise ImageError(f"{pictures.origin}: has no pictures")
    preparation = Preparation(**options)
    if preparation.patches:
        return _patches(pictures, preparation, images, seed, unreadable)
    chosen, skipped = _drawn(pictures.count, images, seed, pictures.origin), []
    if unreadable == "skip":
        chosen, _, skipped = _usable(pictures, preparation, chosen, unreadable)
    shape = _load(pictures, preparation, chosen[0]).shape

    def read(start: int, stop: int) -> np.ndarray:
        index = chosen[start:stop]
        found = []
        for i, picture in zip(index, pictures.read(index), strict=True):
            image = preparation.picture(picture, pictures.name(i))
            if image.shape != shape:
                first, turned = pictures.name(chosen[0]), image.shape[:0:-1] == shape[1:]
                remedy = (
                    "`landscape: true` turns those that are higher than wide"
                    if turned
                    else "`side` resizes them, with `crop: center` where not square"
                )
                raise ImageError(
                    f"{pictures.name(i)}: has {_size(image.shape)}, but {first} has "
                    f"{_size(shape)}; {remedy}"
                )
            found.append(image)
        return np.stack(found)

    names = [pictures.name(i) for i in chosen] if pictures.named else []
    return Source(len(chosen), read, pictures.origin, names=names, skipped=skipped)


def _patches(pictures, preparation, images, seed, unreadable) -> Source:
    usable, shapes, skipped = _usable(pictures, preparation, np.arange(pictures.count), unreadable)
    ends = np.cumsum([preparation.count(shape) for shape in shapes])
    if not ends[-1]:
        raise ImageError(f"{pictures.origin}: no picture is large enough for a patch")
    chosen = _drawn(ends[-1], images, seed, pictures.origin)
    group = np.searchsorted(ends, chosen, side="right").astype(np.int32)

    @functools.lru_cache(8)  # a picture is needed again for the next block of its patches
    def windows(picture: int) -> list[np.ndarray]:
        return preparation.windows(_load(pictures, preparation, usable[picture]))

    def read(start: int, stop: int) -> np.ndarray:
        found = []
        for picture in np.unique(group[start:stop]):
            index = chosen[start:stop][group[start:stop] == picture]
            first = ends[picture - 1] if picture else 0
            found.append(patches(windows(int(picture)), index - first))
        return np.concatenate(found)

    names = [pictures.name(i) for i in usable]
    return Source(len(chosen), read, pictures.origin, group, names, skipped=skipped)


def _load(pictures: Pictures, preparation: Preparation, i: int) -> np.ndarray:
    (picture,) = pictures.read([i])
    return preparation.picture(picture, pictures.name(i))


def _usable(pictures, preparation, index, unreadable):
    """Indices of the usable pictures, their shapes, and (name, reason) for the others."""

    def look(i):
        try:
            return _load(pictures, preparation, i).shape
        except UnusableImage as error:
            if unreadable == "refuse":
                raise
            return str(error)

    found = dict(zip(index, in_order(look, index, min(4, os.cpu_count())), strict=True))
    shapes = {i: shape for i, shape in found.items() if not isinstance(shape, str)}
    skipped = [(pictures.name(i), why) for i, why in found.items() if isinstance(why, str)]
    if not shapes:
        raise ImageError(f"{pictures.origin}: none of its pictures can be used; {skipped[0][1]}")
    return np.array(list(shapes)), list(shapes.values()), skipped


def _drawn(count: int, images: int | None, seed: int, origin: str) -> np.ndarray:
    """Indices of the images that are used: all `count`, or `images` of them, increasing."""
    if images is None:
        return np.arange(count)
    if images > count:
        raise ImageError(f"{origin}: has {count} images, but {images} are asked for")
    return np.sort(np.random.default_rng(seed).choice(count, images, replace=False))


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[2]} pixels and {shape[0]} channel(s)"
