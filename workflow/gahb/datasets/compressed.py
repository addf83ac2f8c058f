"""Files compressed as a whole, by gzip, bzip2 or xz."""

import bz2
import gzip
import lzma
import tempfile
import zlib
from pathlib import Path
from typing import BinaryIO

from gahb.datasets.base import ImageError

#: How a compressed file starts.
COMPRESSIONS = {b"\x1f\x8b": gzip, b"BZh": bz2, b"\xfd7zXZ": lzma}
#: Exceptions raised when a damaged file is read.
DAMAGED = (zlib.error, lzma.LZMAError, EOFError, OSError)
#: A file that expands by more than this factor is refused.
MOST_EXPANSION = 100


def compression(path: str | Path):
    """The module that reads a compressed file; None if it is not compressed."""
    with open(path, "rb") as file:
        start = file.read(6)
    return next((module for magic, module in COMPRESSIONS.items() if start.startswith(magic)), None)


def uncompressed(path: str | Path) -> BinaryIO:
    """The opened file, or a temporary one with its expanded content; both are seekable.

    Raises:
        ImageError: it expands to more than `MOST_EXPANSION` times its size.
    """
    module = compression(path)
    if not module:
        return open(path, "rb")
    most = MOST_EXPANSION * Path(path).stat().st_size
    expanded = tempfile.TemporaryFile()
    with module.open(path) as file:
        while block := file.read(2**20):
            expanded.write(block)
            if expanded.tell() > most:
                raise ImageError(f"{path}: expands to more than {MOST_EXPANSION} times its size")
    expanded.flush()
    expanded.seek(0)
    return expanded


def beginning(path: str | Path, length: int) -> bytes:
    """The first bytes of the file, expanded if it is compressed."""
    module = compression(path)
    with module.open(path) if module else open(path, "rb") as file:
        return file.read(length)
