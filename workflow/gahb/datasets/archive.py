"""A zip or tar file of images, or a folder of such files. Nothing is unpacked on disk."""

import functools
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from gahb.datasets.base import ImageError, Source, UnusableImage
from gahb.datasets.compressed import DAMAGED, compression, uncompressed
from gahb.datasets.folder import files_below, matching
from gahb.datasets.listing import matches, only_images, printable
from gahb.datasets.pictures import MOST_BYTES, encoded, prepared

#: Endings of the archives in a folder.
ENDINGS = ("*.tar", "*.tar.gz", "*.tgz", "*.tar.bz2", "*.tar.xz", "*.zip")


def archive(*, path: str, match: str | None = None, **options) -> Source:
    """The image files inside `path`, in the order of their names.

    Args:
        path: a zip or tar file; a tar file may be compressed by gzip, bzip2 or xz. Or a folder of
            such files, as WebDataset writes them; names then begin with the name of the file.
        match: pattern of the names inside; None takes every file.
        options: see `prepared`.

    Raises:
        ImageError: it is not an archive, is damaged, or has names or sizes that cannot be trusted.
    """
    members = members_of(path)
    names = matching(list(members), match, path)
    written = [printable(name) for name in names]

    def fetch(i: int) -> bytes:
        size, read = members[names[i]]
        if size > MOST_BYTES:
            raise UnusableImage(f"{written[i]}: expands to {size} bytes, more than {MOST_BYTES}")
        try:
            return read()
        except (*DAMAGED, zipfile.BadZipFile, RuntimeError) as error:
            raise UnusableImage(f"{written[i]}: is damaged ({error})") from error

    pictures = encoded(len(names), fetch, written.__getitem__, Path(path).name, only_images(names))
    return prepared(pictures, **options)


def is_archive(name: str) -> bool:
    """Whether a file in a folder is one of its archives."""
    return any(matches(name, ending) for ending in ENDINGS)


def members_of(path: str) -> dict[str, tuple[int, Callable[[], bytes]]]:
    """Size in bytes of each file in an archive, or a folder of them, and its reader.

    Hidden files are left out. A link in a tar file raises `UnusableImage` when it is read.

    Raises:
        ImageError: as `archive`.
    """
    if not Path(path).is_dir():
        return _members(path)
    shards = [name for name in files_below(path, None) if is_archive(name)]
    if not shards:
        raise ImageError(f"{path}: is a folder that holds no archive ({', '.join(ENDINGS)})")
    return {
        f"{shard}/{name}": member
        for shard in shards
        for name, member in _members(str(Path(path, shard))).items()
    }


def _members(path: str) -> dict:
    try:
        found = _zip(path) if zipfile.is_zipfile(path) else _tar(path)
    except (*DAMAGED, zipfile.BadZipFile, tarfile.TarError) as error:
        raise ImageError(f"{path}: cannot be read as a zip or tar file ({error})") from error
    for name in found:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise ImageError(f"{path}: its member {name!r} points out of the archive")
    return {name: member for name, member in found.items() if not _is_hidden(name)}


def _is_hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or any(part.startswith(".") for part in parts)


def _zip(path: str) -> dict:
    """Size of each member, and a function that reads it: never more than its declared size."""
    file, members = zipfile.ZipFile(path), {}
    for info in file.infolist():
        name = info.filename.replace("\\", "/")  # as some programs of Windows write it
        if name.endswith("/"):
            continue
        if name in members:
            raise ImageError(f"{path}: holds {name!r} twice")
        read = functools.partial(_read_zipped, file, info)
        members[name] = (info.file_size, read)
    return members


def _read_zipped(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    return file.open(info).read(info.file_size)


def _tar(path: str) -> dict:
    """As `_zip`; if members share a name the last counts, which `tar --append` has added."""
    file, members = uncompressed(path), {}
    # Not kept open where it can be opened again: there may be thousands of shards.
    opened = file if compression(path) else None
    for info in tarfile.open(fileobj=file, mode="r:"):
        name = info.name
        if info.issym() or info.islnk():
            members[name] = (0, functools.partial(_refuse, path, name, "is a link"))
        elif info.issparse():
            members[name] = (0, functools.partial(_refuse, path, name, "is a sparse file"))
        elif info.isreg():
            where = (info.size, info.offset_data)
            members[name] = (info.size, functools.partial(_read_stored, path, opened, *where))
    return members


def _read_stored(path: str, opened, size: int, offset: int) -> bytes:
    if opened:
        return os.pread(opened.fileno(), size, offset)
    with open(path, "rb") as file:
        return os.pread(file.fileno(), size, offset)


def _refuse(path: str, name: str, why: str) -> bytes:
    raise UnusableImage(f"{path}: its member {printable(name)!r} {why}, which is not followed")
