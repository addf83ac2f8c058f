"""Find the source that reads a path, from its content rather than its name."""

import zipfile
from pathlib import Path

from gahb.datasets import archive, folder, idx, parquet
from gahb.datasets.base import ImageError
from gahb.datasets.compressed import DAMAGED, beginning
from gahb.datasets.listing import IMAGES, endings, only_images

#: First bytes of the files that each source reads.
STARTS = {
    b"\x93NUMPY": "arrays",
    b"PAR1": "parquet",
    b"\x89HDF\r\n\x1a\n": "hdf5",
    b"MATLAB 7.3 MAT-file": "hdf5",
}
#: Positions at which LMDB writes this number, and a tar file this word.
LMDB, TAR = (16, b"\xde\xc0\xef\xbe"), (257, b"ustar")
#: Files that mark a folder as a zarr store.
OF_ZARR = {"zarr.json", ".zarray", ".zgroup"}


def source_of(path: str) -> tuple[str, dict]:
    """The source that reads `path`, and its options: (name, options) for `open_source`.

    >>> name, options = source_of("photos.zip")
    >>> open_source(name, **options, seed=0, crop="center", side=32)

    The options are `path`; `match`, if there are other files next to images with one ending; and
    `column`, for a Parquet file with a single column of images.

    Raises:
        ImageError: there is nothing at `path`, or nothing that any source reads.
    """
    if not Path(path).exists():
        raise ImageError(f"{path}: there is no such file or folder")
    source = _of_folder(path) if Path(path).is_dir() else _of_file(path)
    options = {"path": str(path)}
    if source in ("folder", "archive"):
        listed = archive.members_of(path) if source == "archive" else folder.files_below(path, None)
        match = only_images(listed)
        options |= {"match": match} if match else {}
    elif source == "parquet" and len(found := parquet.columns(path)) == 1:
        options["column"] = found[0]
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
    if start.startswith(b"PK"):
        return _of_zip(path)
    for known, source in STARTS.items():
        if start.startswith(known):
            return source
    offset, number = LMDB
    if start[offset:].startswith(number):
        return "lmdb"
    try:
        start = beginning(path, 512)
    except DAMAGED as error:
        raise ImageError(f"{path}: is compressed and damaged ({error})") from error
    if idx.is_start(start):
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


def _of_zip(path: str) -> str:
    try:
        names = zipfile.ZipFile(path).namelist()
    except zipfile.BadZipFile as error:
        raise ImageError(f"{path}: cannot be read as a zip file ({error})") from error
    if any(name.endswith("/data.pkl") for name in names):
        return "tensors"
    if {Path(name).name for name in names} & OF_ZARR:
        return "zarr"
    return "arrays" if all(name.endswith(".npy") for name in names) else "archive"
