"""The user's files of a data set: where they are, and whether they have changed."""

import contextlib
import errno
import functools
import hashlib
import json
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from gahb.datasets.listing import entries_below, matches, may_hold_several, printable

#: Cache of the content of the user's files, so that they are read only once.
READ = Path(".snakemake", "content.json")
#: Bytes from which reading files is announced, since it takes a while.
MANY_BYTES = 2**30


def is_url(path: str) -> bool:
    return bool(re.match("(https?|ftp)://", path))


def name_of(url: str) -> str:
    """Name under which the file at a URL is kept."""
    return Path(urlsplit(url).path).name or "file"


def existing(path: str) -> str:
    """The path with ~ expanded.

    Raises:
        FileNotFoundError: there is nothing there.
    """
    path = os.path.expanduser(path)
    if not os.path.exists(path):
        if os.path.islink(path):
            raise FileNotFoundError(f"{path}: is a link to {os.readlink(path)}, where nothing is")
        raise FileNotFoundError(f"{path}: there is no such file or folder")
    return path


@functools.cache
def _files(path: str, match: str | None) -> tuple[tuple, ...]:
    """(name, size, time, inode) of a file, or of those below a folder that match, by name.

    All of them, if none matches: the pattern then refers to names inside them.
    """
    path = os.path.expanduser(path)
    if not os.path.isdir(path):
        return (("", *_stamp(os.stat(path))),)
    every = sorted(entries_below(path), key=lambda found: found[0])
    some = every if match is None else [found for found in every if matches(found[0], match)]
    return tuple((name, *_stamp(_status(entry))) for name, entry in some or every)


def count(path: str, match: str | None = None) -> int | None:
    """Number of images in a folder, one per file; None if that requires reading its files."""
    found = names(path, match)
    return None if found is None else len(found)


def names(path: str, match: str | None = None) -> list[str] | None:
    """The names that `count` counts, as in stores: bytes that are not UTF-8 are escaped."""
    if not os.path.isdir(os.path.expanduser(path)):
        return None
    found = [name for name, *_ in _files(path, match) if matches(name, match)]
    return None if any(map(may_hold_several, found)) else [printable(name) for name in found]


@functools.cache
def listing(path: str, match: str | None = None) -> str | None:
    """Hash of the content of files, and of the names below a folder.

    It ignores their location and time stamps. They are read again only if a name, size, time stamp
    or inode has changed. Links are followed. None if there is nothing, or nothing readable.

    Raises:
        OSError: a link leads to a folder that holds it.
    """
    try:
        files = _files(path, match)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise
        return None
    stamp = hashlib.sha256(repr(files).encode()).hexdigest()
    path = os.path.abspath(os.path.expanduser(path))
    known = _known()
    key = f"{path} {match}"
    if known.get(key, [None])[0] != stamp:
        try:
            known[key] = [stamp, _content(path, files)]
        except OSError:
            return None
        with contextlib.suppress(OSError):  # in a read-only folder they are read each time
            READ.parent.mkdir(exist_ok=True)
            partial = READ.with_name(f"{READ.name}.{os.getpid()}")
            partial.write_text(json.dumps(known, indent=0))
            partial.replace(READ)
    return known[key][1]


def _known() -> dict[str, list[str]]:
    try:
        return dict(json.loads(READ.read_text()))
    except (OSError, ValueError):
        return {}


def _content(path: str, files: tuple[tuple, ...]) -> str:
    if sum(size for _, size, *_ in files) > MANY_BYTES:
        print(f"Reading {path}, to see whether it has changed", file=sys.stderr, flush=True)

    def digest(name: str) -> bytes:
        file = os.path.join(path, name) if name else path
        if os.path.islink(file) and not os.path.exists(file):
            return b"a link to nothing"
        with open(file, "rb") as opened:
            return hashlib.file_digest(opened, "sha256").digest()

    found = hashlib.sha256()
    with ThreadPoolExecutor(8) as pool:
        names = [name for name, *_ in files]
        for name, of_file in zip(names, pool.map(digest, names), strict=True):
            found.update(name.encode(errors="surrogateescape") + b"=" + of_file)
    return found.hexdigest()[:16]


def _stamp(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_size, found.st_mtime_ns, found.st_ino


def _status(entry: os.DirEntry) -> os.stat_result:
    try:
        return entry.stat()
    except FileNotFoundError:  # for a broken link, its own
        return entry.stat(follow_symlinks=False)


def recorded(store: str, key: str = "files") -> str | None:
    """The listing from which a store of images was made, by its key; None if there is no store."""
    try:
        attributes = json.loads(Path(store, "zarr.json").read_text())["attributes"]
        return json.loads(attributes["parameters"])["values"][key]
    except (OSError, ValueError, KeyError):
        return None


def code_file(function: str) -> Path | None:
    """The file of the module of "module:name", without importing it; None if there is none."""
    parts = function.partition(":")[0].split(".")
    for folder in (*map(Path, sys.path), Path.cwd()):  # the order in which a job searches
        stem = folder.joinpath(*parts)
        for file in (stem / "__init__.py", stem.with_suffix(".py")):
            if file.is_file():
                return file
    return None
