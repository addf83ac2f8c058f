"""Which source reads what lies at a path: told by its content, not by its name."""

import zipfile
from pathlib import Path

from gahb.datasets import archive, folder, idx
from gahb.datasets.base import ImageError
from gahb.datasets.compressed import beginning
from gahb.datasets.listing import IMAGES, endings, only_images

#: How a file starts that one source reads.
STARTS = {
    b"\x93NUMPY": "arrays",
    b"PAR1": "parquet",
    b"\x89HDF\r\n\x1a\n": "hdf5",
    b"MATLAB 7.3 MAT-file": "hdf5",
}
#: Where LMDB writes this number, and a tar file this word.
LMDB, TAR = (16, b"\xde\xc0\xef\xbe"), (257, b"ustar")
#: Files that say that a folder is a zarr store.
OF_ZARR = {"zarr.json", ".zarray", ".zgroup"}


def source_of(path: str) -> tuple[str, dict]:
    """The source that reads `path`, and its options: (name, options) for `open_source`.

    >>> name, options = source_of("photos.zip")
    >>> open_source(name, **options, seed=0, crop="center", side=32)

    Among the options are `path` and, where other files lie beside images of one ending, `match`.

    Raises:
        ImageError: there is nothing at `path`, or nothing that a source reads.
    """
    if not Path(path).exists():
        raise ImageError(f"{path}: there is no such file or folder")
    source = _of_folder(path) if Path(path).is_dir() else _of_file(path)
    options = {"path": str(path)}
    if source in ("folder", "archive"):
        listed = archive.members_of(path) if source == "archive" else folder.files_below(path, None)
        match = only_images(listed)
        options |= {"match": match} if match else {}
    return source, options


def _of_folder(path: str) -> str:
    there = {file.name for file in Path(path).iterdir()}
    if there & OF_ZARR:
        return "zarr"
    if "data.mdb" in there:
        return "lmdb"
    found = endings(folder.files_below(path, None))
    images = sum(found[ending] for ending in IMAGES)
    if found[".parquet"] and not images:
        return "parquet"
    return "archive" if not images and any(map(archive.is_archive, there)) else "folder"


def _of_file(path: str) -> str:
    with open(path, "rb") as file:
        start = file.read(512)
    if start.startswith(b"PK") and zipfile.is_zipfile(path):
        return _of_zip(zipfile.ZipFile(path).namelist())
    for known, source in STARTS.items():
        if start.startswith(known):
            return source
    offset, number = LMDB
    if start[offset:].startswith(number):
        return "lmdb"
    start = beginning(path, 512)
    if (
        len(start) > 8
        and start[:2] == b"\0\0"
        and start[2] in idx.TYPES
        and start[3] in range(1, 5)
    ):
        return "idx"
    offset, word = TAR
    if start[offset:].startswith(word):
        return "archive"
    if start.startswith(b"\x80\x02") or Path(path).suffix in (".pt", ".pth"):
        return "tensors"
    what = "one image" if endings([path]).keys() & set(IMAGES) else "nothing that is known"
    raise ImageError(
        f"{path}: is {what}; a folder of image files, a zip or tar file, .npy, .npz, Parquet, "
        "LMDB, zarr, HDF5, IDX or a PyTorch file can be read"
    )


def _of_zip(names: list[str]) -> str:
    if any(name.endswith("/data.pkl") for name in names):
        return "tensors"
    if {Path(name).name for name in names} & OF_ZARR:
        return "zarr"
    return "arrays" if all(name.endswith(".npy") for name in names) else "archive"
