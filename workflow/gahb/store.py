"""Stores: zarr v3 folders that `xarray.open_zarr(path)` opens with no argument.

Dimensions are named, variables have `long_name` and `units`, and the store's attributes say how it
was made and hold a hash of its data, `content`. So a store has changed if and only if its zarr.json
has. A store appears under its name when it is complete, or not at all.
"""

import contextlib
import errno
import hashlib
import importlib.metadata
import json
import math
import shutil
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import xarray as xr
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

#: Increased when the layout of any store changes, to recognize older stores.
LAYOUT = 3
SOFTWARE = ("numpy", "torch", "xarray", "zarr")
#: Errors that mean that a file cannot be written.
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)
CHUNK_BYTES = 8 * 2**20
MOST_CHUNKS = 2000
#: Every chunk is compressed and carries a checksum, so that damage is noticed when it is read.
COMPRESSORS = (ZstdCodec(level=3), Crc32cCodec())

# Zarr v3 has not standardized the consolidated metadata that xarray reads and writes.
warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part")
# A chunk of zeros is written like any other, so that an absent chunk is known to be lost.
zarr.config.set({"array.write_empty_chunks": True})


class StoreError(Exception):
    """A store that cannot be used; the message says which and why."""


def variable(dims, values, long_name: str, units: str = "1", nan: str = "") -> xr.Variable:
    """A variable of a store.

    Args:
        dims: names of its dimensions.
        values: an array, or anything that numpy converts to one.
        long_name, units: its meaning, and its units ("1": dimensionless).
        nan: meaning of NaN in it; by default there are none.
    """
    dims = (dims,) if isinstance(dims, str) else tuple(dims)
    attributes = {"long_name": long_name, "units": units} | ({"nan": nan} if nan else {})
    values = np.asarray(values)
    if values.dtype.kind == "U":  # of one length, which zarr v3 does not specify
        values = values.astype(np.dtypes.StringDType())
    return xr.Variable(dims, values, attributes)


def placeholder(dims, shape, dtype, long_name: str, units: str = "1") -> xr.Variable:
    """A variable whose values are still to come; takes no memory."""
    return variable(dims, np.broadcast_to(np.zeros((), dtype), shape), long_name, units)


def pixels(dim: str, length: int) -> xr.Variable:
    """Coordinate of rows ("y") or columns ("x")."""
    return variable(dim, np.arange(length), {"y": "row", "x": "column"}[dim], "pixel")


def provenance(title: str, parameters: dict) -> dict:
    """Attributes that say what a store is and how it was made, without times or paths."""
    return {
        "title": title,
        "layout": LAYOUT,
        "parameters": json.dumps(parameters, sort_keys=True),
        **{f"version_{name}": importlib.metadata.version(name) for name in SOFTWARE},
        "device": _device(),
    }


def _device() -> str:
    """The device of this process: the GPU if it has used one, or the CPU's instructions."""
    torch = sys.modules.get("torch")  # not all jobs import it
    if torch is None:
        return "CPU"
    if torch.cuda.is_initialized():
        return torch.cuda.get_device_name()
    return f"CPU with {torch.backends.cpu.get_cpu_capability()}"


def chunk_length(bytes_each: int) -> int:
    """Number of entries of `bytes_each` bytes in a chunk of about 8 MB; a power of two."""
    return 2 ** max(0, int(math.log2(CHUNK_BYTES / max(bytes_each, 1))))


def _chunks(var: xr.Variable) -> tuple[int, ...]:
    """Chunks along the first dimension that is long enough to need them."""
    chunks, size = [], var.dtype.itemsize
    for length in reversed(var.shape):
        part = min(length, chunk_length(size)) or 1
        chunks.insert(0, part)
        size *= part
    return tuple(chunks)


@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A path next to `path` to write to; renamed to `path` if nothing is raised."""
    path = Path(path)
    partial = path.with_name(f"{path.name}.partial")
    try:
        _remove(partial)
        partial.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        _remove(path)
        partial.rename(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            _remove(partial)
        if isinstance(error, OSError) and error.errno in UNWRITABLE:
            raise StoreError(f"{path}: cannot be written: {error}") from error
        raise


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def save(dataset: xr.Dataset, path: str | Path) -> None:
    """Write a data set whose variables fit in memory."""
    with atomic(path) as partial:
        _write(dataset, partial, consolidated=True)
        _sign(partial)


def _write(dataset: xr.Dataset, path: Path, **options) -> None:
    encoding = {
        name: {"compressors": COMPRESSORS, **({"chunks": _chunks(v)} if v.ndim else {})}
        for name, v in dataset.variables.items()
    }
    dataset.to_zarr(path, zarr_format=3, encoding=encoding, **options)


def _sign(path: Path) -> None:
    """Write a hash of all chunks into the attributes of a finished store."""
    found = hashlib.blake2b(digest_size=16)
    for file in sorted(path.rglob("*")):
        if file.is_file() and file.name != "zarr.json":
            with open(file, "rb") as opened:
                content = hashlib.file_digest(opened, "blake2b").digest()
            found.update(str(file.relative_to(path)).encode() + content)
    metadata = json.loads((path / "zarr.json").read_text())
    metadata["attributes"]["content"] = found.hexdigest()
    (path / "zarr.json").write_text(json.dumps(metadata, indent=2))


def stream(
    dataset: xr.Dataset | Callable[[], xr.Dataset],
    path: str | Path,
    name: str,
    variable: xr.Variable,
    blocks: Iterable[np.ndarray],
) -> None:
    """Write `dataset` with a variable that need not fit in memory.

    Args:
        dataset: everything else in the store, and its attributes; a function if that is known only
            after the last block.
        path: path of the store.
        name: name of the variable.
        variable: its dimensions, shape, type and attributes; values are unused.
        blocks: its values in order along the first dimension, in blocks of any length.
    """
    shape = variable.shape
    length, *inner = _chunks(variable)
    per_shard = -(-shape[0] // length // MOST_CHUNKS) or 1
    with atomic(path) as partial:
        array = zarr.open_group(partial, mode="w").create_array(
            name,
            shape=shape,
            dtype=variable.dtype,
            chunks=(length, *inner),
            shards=(length * per_shard, *inner) if per_shard > 1 else None,
            compressors=COMPRESSORS,
            dimension_names=variable.dims,
            attributes=variable.attrs,
        )
        start = 0
        for block in _regrouped(blocks, length * per_shard):
            array[start : start + len(block)] = block
            start += len(block)
        if start != shape[0]:
            raise StoreError(f"{path}: expected {shape[0]} entries of {name}, got {start}")
        _write(dataset() if callable(dataset) else dataset, partial, mode="a", consolidated=False)
        zarr.consolidate_metadata(partial)
        _sign(partial)


def _regrouped(blocks: Iterable[np.ndarray], length: int) -> Iterator[np.ndarray]:
    """The same rows in blocks of `length`, so that each chunk is written once."""
    held, rows = [], 0
    for block in blocks:
        while rows + len(block) >= length:
            held.append(block[: length - rows])
            block = block[length - rows :]
            yield np.concatenate(held)
            held, rows = [], 0
        if len(block):
            held.append(block)
            rows += len(block)
    if held:
        yield np.concatenate(held)


def open_store(path: str | Path) -> xr.Dataset:
    """Open a store lazily; errors say which store cannot be opened, and why.

    Encodings are dropped, so that it can be saved in any other form.

    Raises:
        StoreError: the store is missing, damaged, or has the layout of another version.
    """
    try:
        dataset = xr.open_zarr(path)
    except Exception as error:
        raise StoreError(f"{path}: cannot be opened as a zarr store ({error})") from error
    if dataset.attrs.get("layout") != LAYOUT:
        raise StoreError(
            f"{path}: has layout {dataset.attrs.get('layout')}, this version reads layout "
            f"{LAYOUT}; delete it to have it made again"
        )
    return dataset.drop_encoding()


def take(array: xr.DataArray, index: np.ndarray) -> np.ndarray:
    """Entries `index` (any order, repeats allowed) along the first dimension, chunk by chunk."""
    ordered, back = np.unique(index, return_inverse=True)
    return array.isel({array.dims[0]: ordered}).values[back]


def problems(path: str | Path) -> list[str]:
    """Problems of a store, a line each: it cannot be opened or has another layout, a chunk is lost
    or damaged, a value is not finite but should be, a variable lacks a description.

    Reads everything, a chunk at a time.
    """
    try:
        dataset = open_store(path)
    except StoreError as error:
        return [str(error)]
    found = []
    group = zarr.open_group(path, mode="r")
    for name, array in group.arrays():
        where = f"{path}: {name}"
        # Counted in files: a shard holds several chunks, and the last one may have room for more.
        size = array.shards or array.chunks
        files = math.prod(-(-n // s) for n, s in zip(array.shape, size, strict=True))
        each = math.prod(s // c for s, c in zip(size, array.chunks, strict=True))
        lost = files - array.nchunks_initialized // each
        if lost:
            found.append(f"{where} has lost {lost} of {files} chunks")
            continue
        if not {"long_name", "units"} <= dataset[name].attrs.keys():
            found.append(f"{where} has no long_name or units")
        step = size[0] if size else 1
        for start in range(0, array.shape[0] if array.ndim else 1, step):
            try:
                block = np.asarray(array[start : start + step] if array.ndim else array[()])
            except Exception as error:
                found.append(f"{where} is damaged near entry {start} ({error})")
                break
            if (
                block.dtype.kind == "f"
                and "nan" not in array.attrs
                and not np.isfinite(block).all()
            ):
                found.append(f"{where} is not finite near entry {start}")
                break
    return found
