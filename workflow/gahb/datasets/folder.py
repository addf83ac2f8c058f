"""A folder of image files, nested or not."""

import fnmatch
import os
from pathlib import Path

from gahb.datasets.base import ImageError, Source, UnusableImage
from gahb.datasets.pictures import MOST_BYTES, encoded, prepared


def files_below(path: str, match: str | None) -> list[str]:
    """Names of the files below a folder, relative to it and in order; hidden ones are left out.

    Raises:
        ImageError: no such folder, or no such files.
    """
    root = Path(path)
    if not root.is_dir():
        raise ImageError(f"{path}: is not a folder")
    names = []
    for folder, below, files in os.walk(root):
        below[:] = [name for name in below if not name.startswith(".")]
        relative = Path(folder).relative_to(root)
        names += [(relative / name).as_posix() for name in files if not name.startswith(".")]
    return matching(names, match, path)


def matching(names: list[str], match: str | None, path: str) -> list[str]:
    """The names that match a pattern, in order."""
    found = sorted(n for n in names if match is None or matches(n, match))
    if not found:
        raise ImageError(
            f"{path}: holds no file that matches {match!r}, of {len(names)} files"
            if match
            else f"{path}: holds no files"
        )
    return found


def matches(name: str, match: str) -> bool:
    """Whether a name matches a pattern like "train/*.jpg".

    * also stands for slashes, and the case of the ending does not count: cameras write .JPG.
    """
    (stem, ending), (pattern, of_pattern) = map(os.path.splitext, (name, match))
    either_case = fnmatch.fnmatchcase(stem + ending.lower(), pattern + of_pattern.lower())
    return either_case or fnmatch.fnmatchcase(name, match)


def printable(name: str) -> str:
    """A name with bytes that are no UTF-8 written as \\xe9: the name itself cannot be."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def folder(*, path: str, match: str | None = None, **options) -> Source:
    """The image files below `path`, in the order of their names.

    Args:
        path: the folder.
        match: pattern of the names, relative to the folder; None takes every file.
        options: see `prepared`.
    """
    names = files_below(path, match)
    written = [printable(name) for name in names]

    def fetch(i: int) -> bytes:
        file = Path(path, names[i])
        try:
            if file.stat().st_size > MOST_BYTES:
                raise UnusableImage(f"{written[i]}: has more than {MOST_BYTES} bytes")
            return file.read_bytes()
        except OSError as error:
            why = f"cannot be read ({error.strerror})"
            if file.is_symlink() and not file.exists():
                why = f"is a link to {file.readlink()}, where nothing is"
            raise UnusableImage(f"{written[i]}: {why}") from error

    return prepared(encoded(len(names), fetch, written.__getitem__, Path(path).name), **options)
