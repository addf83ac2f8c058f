"""The files below a folder: their names, which of them match, and their endings.

Imports neither numpy nor torch: planning lists files, too.
"""

import collections
import errno
import fnmatch
import os
from collections.abc import Iterable, Iterator

#: Endings of image files, in lower case.
IMAGES = (
    ".jpg",
    ".jpeg",
    ".png",
    ".tif",
    ".tiff",
    ".webp",
    ".bmp",
    ".gif",
    ".pbm",
    ".pgm",
    ".ppm",
    ".pnm",
)
#: Hidden files that say how to read the numbers in a zarr store of version 2.
OF_ZARR = (".zarray", ".zattrs", ".zmetadata")


def entries_below(folder: str | os.PathLike, prefix: str = "", above: tuple = ()) -> Iterator:
    """(name, entry of the folder) of each file below a folder, in no order.

    Names are relative to `folder`, with slashes. Links are followed; a broken one is listed, too.
    Hidden files are left out, and so are pipes and the like.

    Args:
        folder: where to look.
        prefix, above: beginning of the names, and the folders that are already being listed.

    Raises:
        OSError: a folder cannot be read, or a link leads to a folder that holds it.
    """
    found = os.stat(folder)
    above = (*above, (found.st_dev, found.st_ino))
    if above[-1] in above[:-1]:
        where = os.path.realpath(folder)
        raise OSError(errno.ELOOP, f"is a link to {where}, which holds it", os.fspath(folder))
    with os.scandir(folder) as entries:
        for entry in entries:
            hidden = entry.name.startswith(".") and entry.name not in OF_ZARR
            if hidden or entry.name == "lock.mdb":  # which LMDB writes on reading
                continue
            if entry.is_dir():
                yield from entries_below(entry.path, f"{prefix}{entry.name}/", above)
            elif entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path)):
                yield f"{prefix}{entry.name}", entry


def matches(name: str, match: str | None) -> bool:
    """Whether a name matches a pattern like "train/*.jpg"; None matches every name.

    * also matches slashes, and the case of the ending does not matter: cameras write .JPG.
    """
    if match is None:
        return True
    (stem, ending), (pattern, of_pattern) = map(os.path.splitext, (name, match))
    either_case = fnmatch.fnmatchcase(stem + ending.lower(), pattern + of_pattern.lower())
    return either_case or fnmatch.fnmatchcase(name, match)


def printable(name: str) -> str:
    """A name that can be printed: bytes that are not UTF-8 are escaped as \\xe9."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def endings(names: Iterable[str]) -> collections.Counter:
    """Number of names with each ending, in lower case: {".jpg": 40}."""
    return collections.Counter(os.path.splitext(name)[1].lower() for name in names)


def only_images(names: Iterable[str]) -> str | None:
    """The pattern that selects the images where there are other files, too; None if none does."""
    found = endings(names)
    of_images = [ending for ending in found if ending in IMAGES]
    return f"*{of_images[0]}" if len(of_images) == 1 < len(found) else None


def may_hold_several(name: str) -> bool:
    """Whether a file can hold several images: the pages of a TIFF."""
    return name.lower().endswith((".tif", ".tiff"))
