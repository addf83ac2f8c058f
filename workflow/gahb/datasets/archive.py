"""A zip or tar file of images. It is read where it lies; nothing is unpacked beside it."""

import bz2
import gzip
import lzma
import os
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from gahb.datasets.base import ImageError, Source, UnusableImage
from gahb.datasets.folder import matching, printable
from gahb.datasets.pictures import MOST_BYTES, encoded, prepared

#: What the decompressors raise.
DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError)
#: How a compressed file starts.
COMPRESSIONS = {b"\x1f\x8b": gzip, b"BZh": bz2, b"\xfd7zXZ": lzma}
#: A compressed tar file that expands to more than this many times its size is refused.
MOST_EXPANSION = 100


def archive(*, path: str, match: str | None = None, **options) -> Source:
    """The image files inside `path`, in the order of their names.

    Args:
        path: a zip or tar file; a tar file may be compressed by gzip, bzip2 or xz.
        match: pattern of the names; None takes every file.
        options: see `prepared`.

    Raises:
        ImageError: it is not an archive, is damaged, or has names or sizes that cannot be trusted.
    """
    try:
        members = _zip(path) if zipfile.is_zipfile(path) else _tar(path)
    except (*DAMAGED, tarfile.TarError) as error:
        raise ImageError(f"{path}: cannot be read as a zip or tar file ({error})") from error
    for name in members:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name:
            raise ImageError(f"{path}: its member {name!r} points out of the archive")
    visible = [n for n in members if not _is_hidden(n)]
    names = matching(visible, match, path)
    written = [printable(name) for name in names]

    def fetch(i: int) -> bytes:
        size, read = members[names[i]]
        if size > MOST_BYTES:
            raise UnusableImage(f"{written[i]}: expands to {size} bytes, more than {MOST_BYTES}")
        try:
            return read()
        except (*DAMAGED, RuntimeError) as error:
            raise UnusableImage(f"{written[i]}: is damaged ({error})") from error

    return prepared(encoded(len(names), fetch, written.__getitem__, Path(path).name), **options)


def _is_hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or any(part.startswith(".") for part in parts)


def _zip(path: str) -> dict:
    """Size of each member, and a function that reads it: never more than its declared size."""
    file = zipfile.ZipFile(path)
    return {
        info.filename: (info.file_size, lambda info=info: file.open(info).read(info.file_size))
        for info in file.infolist()
        if not info.is_dir()
    }


def _tar(path: str) -> dict:
    """As `_zip`; a compressed file is first expanded to a temporary one, for any order."""
    with open(path, "rb") as opened:
        start = opened.read(6)
    module = next((m for magic, m in COMPRESSIONS.items() if start.startswith(magic)), None)
    file = _expanded(path, module) if module else open(path, "rb")
    members = {}
    for info in tarfile.open(fileobj=file, mode="r:"):
        if info.issym() or info.islnk():
            raise ImageError(f"{path}: its member {info.name!r} is a link")
        if info.isreg() and not info.issparse():
            where = (info.size, info.offset_data)
            members[info.name] = (info.size, lambda where=where: os.pread(file.fileno(), *where))
    return members


def _expanded(path: str, module):
    most = MOST_EXPANSION * Path(path).stat().st_size
    expanded = tempfile.TemporaryFile()
    with module.open(path) as compressed:
        while block := compressed.read(2**20):
            expanded.write(block)
            if expanded.tell() > most:
                raise ImageError(f"{path}: expands to more than {MOST_EXPANSION} times its size")
    expanded.flush()
    expanded.seek(0)
    return expanded
