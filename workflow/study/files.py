"""The files of a data set that the user brings: where they lie, and whether they have changed."""

import fnmatch
import functools
import hashlib
import json
import os
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

SAMPLE = 2**16


def is_url(path: str) -> bool:
    return bool(re.match("(https?|ftp)://", path))


def name_of(url: str) -> str:
    """Name under which the file of a URL is kept."""
    return Path(urlsplit(url).path).name or "file"


def existing(path: str) -> str:
    """The path with ~ expanded.

    Raises:
        FileNotFoundError: there is nothing there.
    """
    path = os.path.expanduser(path)
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path}: there is no such file or folder")
    return path


@functools.cache
def listing(path: str, match: str | None = None) -> str | None:
    """Hash that tells whether files have changed, blind to their place and time stamps.

    Of a folder: names (those that match) and sizes of the files below it. Of a file: its size, its
    beginning and its end. None if there is nothing, or nothing that can be read.
    """
    path = os.path.expanduser(path)
    digest = hashlib.sha256()
    try:
        if os.path.isdir(path):
            for name, size in sorted(_below(path, "")):
                if match is None or fnmatch.fnmatchcase(name, match):
                    digest.update(f"{name}={size}\n".encode())
        else:
            with open(path, "rb") as file:
                digest.update(file.read(SAMPLE))
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - SAMPLE))
                digest.update(file.read() + str(size).encode())
    except OSError:
        return None
    return digest.hexdigest()[:16]


def _below(folder: str, prefix: str):
    """(name, size) of the files below a folder; hidden ones are left out."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name == "lock.mdb":  # LMDB writes it on reading
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _below(entry.path, f"{prefix}{entry.name}/")
            elif entry.is_file():
                yield f"{prefix}{entry.name}", entry.stat().st_size


def recorded(store: str) -> str | None:
    """The listing that a store of images was made from; None if there is no store."""
    try:
        attributes = json.loads(Path(store, "zarr.json").read_text())["attributes"]
        return json.loads(attributes["parameters"])["values"]["files"]
    except (OSError, ValueError, KeyError):
        return None


def code_file(function: str) -> Path | None:
    """The file of the module of "module:name", without importing it; None if there is none."""
    parts = function.partition(":")[0].split(".")
    for folder in (*map(Path, sys.path), Path.cwd()):  # the order in which a job looks
        stem = folder.joinpath(*parts)
        for file in (stem / "__init__.py", stem.with_suffix(".py")):
            if file.is_file():
                return file
    return None
