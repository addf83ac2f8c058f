"""An LMDB environment whose values are encoded images, as LSUN is published."""

import functools
import re
from pathlib import Path

from gahb.datasets.base import ImageError, Source
from gahb.datasets.folder import matching
from gahb.datasets.listing import printable
from gahb.datasets.pictures import encoded, prepared
from gahb.packages import Needed

package = Needed("lmdb")


def lmdb(*, path: str, match: str | None = None, **options) -> Source:
    """The images of an LMDB folder (or single file), in the order of their keys.

    The key `length`, by which some programs say how many images there are, is left out.

    Args:
        path: for instance bedroom_train_lmdb.
        match: pattern of the keys; None takes every one. If there are images at several
            resolutions, keys begin with the resolution: "128-*".
        options: see `prepared`.

    Raises:
        ImageError: it is not an LMDB environment, or has images at several resolutions.
    """
    try:
        environment = _environment(path)
        with environment.begin() as transaction:
            found = list(transaction.cursor().iternext(values=False))
    except package.Error as error:
        raise ImageError(f"{path}: cannot be read as LMDB ({error})") from error
    keys = {key.decode(errors="surrogateescape"): key for key in found if key != b"length"}
    names = matching(list(keys), match, path)
    if len(resolutions := _resolutions(names)) > 1:
        raise ImageError(
            f"{path}: has images at several resolutions; choose one by `match`: "
            + ", ".join(f'"{resolution}-*"' for resolution in sorted(resolutions, key=int))
        )
    written = [printable(name) for name in names]

    def fetch(i: int) -> bytes:
        with environment.begin() as transaction:
            return transaction.get(keys[names[i]])

    return prepared(encoded(len(names), fetch, written.__getitem__, Path(path).name), **options)


@functools.cache
def _environment(path: str):
    """The environment, opened once: LMDB refuses to open it again in the same process."""
    # Nobody writes while we read; without locks, it may be on a read-only disk.
    return package.open(path, readonly=True, lock=False, subdir=Path(path).is_dir())


def _resolutions(names: list[str]) -> set[str]:
    """The beginnings of keys like "128-00000"; empty for other keys."""
    found = [re.fullmatch(r"(\d+)-(\d+)", name) for name in names]
    if not all(found) or len({key[2] for key in found}) == len(found):
        return set()
    return {key[1] for key in found}
