"""An LMDB environment whose values are encoded images, as LSUN is published."""

from pathlib import Path

from gahb.datasets.base import ImageError, Source
from gahb.datasets.pictures import encoded, prepared
from gahb.packages import Needed

package = Needed("lmdb")


def lmdb(*, path: str, **options) -> Source:
    """The images of an LMDB folder (or single file), in the order of their keys.

    Args:
        path: for instance bedroom_train_lmdb.
        options: see `prepared`.

    Raises:
        ImageError: it is not an LMDB environment.
    """
    try:
        # Nobody writes while we read; without locks, it may lie on a read-only disk.
        environment = package.open(path, readonly=True, lock=False, subdir=Path(path).is_dir())
        with environment.begin() as transaction:
            keys = list(transaction.cursor().iternext(values=False))
    except package.Error as error:
        raise ImageError(f"{path}: cannot be read as LMDB ({error})") from error

    def fetch(i: int) -> bytes:
        with environment.begin() as transaction:
            return transaction.get(keys[i])

    def name(i: int) -> str:
        return keys[i].decode(errors="replace")

    return prepared(encoded(len(keys), fetch, name, Path(path).name), **options)
