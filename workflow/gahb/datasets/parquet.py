"""Parquet files with a column of encoded images, as image data sets are published."""

import bisect
import functools
import itertools
import threading
from pathlib import Path

from gahb.datasets.base import ImageError, Source, UnusableImage
from gahb.datasets.folder import files_below
from gahb.datasets.pictures import encoded, prepared
from gahb.packages import Needed

pyarrow, pc, pq = map(Needed, ("pyarrow", "pyarrow.compute", "pyarrow.parquet"))


def parquet(*, path: str, column: str = "image", match: str | None = None, **options) -> Source:
    """The images of one Parquet file, or of all files below a folder in the order of their names.

    At most two row groups are held in memory, and of each only the column of images.

    Args:
        path: file or folder.
        column: holds the encoded images: binary, or a struct with a field `bytes`.
        match: in a folder, pattern of the names of the files; None takes every *.parquet.
        options: see `prepared`.

    Raises:
        ImageError: a file is damaged or has no such column.
    """
    root = Path(path)
    names = files_below(path, match or "*.parquet") if root.is_dir() else [""]
    files = [_open(root / name, column) for name in names]
    groups = [
        (file, g, file.metadata.row_group(g).num_rows)
        for file in files
        for g in range(file.metadata.num_row_groups)
    ]
    ends = list(itertools.accumulate(rows for _, _, rows in groups))
    lock = threading.Lock()

    @functools.lru_cache(2)
    def read_group(g: int) -> pyarrow.ChunkedArray:
        file, group, _ = groups[g]
        images = file.read_row_group(group, columns=[column]).column(column)
        return pc.struct_field(images, "bytes") if _is_struct(images.type) else images

    def fetch(i: int) -> bytes:
        g = bisect.bisect_right(ends, i)
        with lock:
            images = read_group(g)
        data = images[i - (ends[g - 1] if g else 0)].as_py()
        if data is None:
            raise UnusableImage(f"{root.name}, row {i}: has no image")
        return data

    pictures = encoded(
        ends[-1] if ends else 0, fetch, lambda i: f"{root.name}, row {i}", f"{root.name}, {column}"
    )
    return prepared(pictures, **options)


def columns(path: str) -> list[str]:
    """Columns of encoded images in a Parquet file, or in the first one below a folder."""
    root = Path(path)
    schema = _opened(
        root / files_below(path, "*.parquet")[0] if root.is_dir() else root
    ).schema_arrow
    return [name for name in schema.names if _is_encoded(schema.field(name).type)]


def _is_struct(kind: "pyarrow.DataType") -> bool:
    return pyarrow.types.is_struct(kind) and kind.get_field_index("bytes") >= 0


def _is_encoded(kind: "pyarrow.DataType") -> bool:
    binary = kind.field("bytes").type if _is_struct(kind) else kind
    return pyarrow.types.is_binary(binary) or pyarrow.types.is_large_binary(binary)


def _opened(path: Path) -> "pq.ParquetFile":
    try:
        return pq.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise ImageError(f"{path}: cannot be read as a Parquet file ({error})") from error


def _open(path: Path, column: str) -> "pq.ParquetFile":
    file = _opened(path)
    schema = file.schema_arrow
    if column not in schema.names:
        raise ImageError(f"{path}: has no column {column!r}, but {', '.join(schema.names)}")
    kind = schema.field(column).type
    if not _is_encoded(kind):
        raise ImageError(f"{path}: its column {column!r} holds {kind}, not encoded images")
    return file
