"""A folder of image files, nested or not."""

from pathlib import Path

from gahb.datasets.base import ImageError, Source, UnusableImage
from gahb.datasets.listing import entries_below, matches, only_images, printable
from gahb.datasets.pictures import MOST_BYTES, encoded, prepared


def files_below(path: str, match: str | None) -> list[str]:
    """Names of the files below a folder, relative to it and in order; hidden ones are left out.

    Raises:
        ImageError: no such folder, no such files, or a link to a folder that holds it.
    """
    if not Path(path).is_dir():
        raise ImageError(f"{path}: is not a folder")
    try:
        names = [name for name, _ in entries_below(path)]
    except OSError as error:
        raise ImageError(f"{error.filename}: {error.strerror}") from error
    return matching(names, match, path)


def matching(names: list[str], match: str | None, path: str) -> list[str]:
    """The names that match a pattern, in order."""
    found = sorted(name for name in names if matches(name, match))
    if not found:
        raise ImageError(
            f"{path}: holds no file that matches {match!r}, of {len(names)} files"
            if match
            else f"{path}: holds no files"
        )
    return found


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

    pictures = encoded(len(names), fetch, written.__getitem__, Path(path).name, only_images(names))
    return prepared(pictures, **options)
