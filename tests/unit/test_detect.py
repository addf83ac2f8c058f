"""What lies at a path is read by the right source, told by its content."""

import gzip
import io
import struct
import subprocess
import sys
import tarfile
import zipfile

import h5py
import lmdb
import numpy as np
import pyarrow
import pyarrow.parquet as pq
import pytest
import torch
import zarr
from conftest import ROOT
from gahb.datasets import open_source
from gahb.datasets.base import ImageError
from gahb.datasets.detect import source_of
from PIL import Image

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 12, 16), np.uint8)


def png(image) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def into_folder(path):
    path.mkdir()
    for i, image in enumerate(IMAGES):
        (path / f"{i}.png").write_bytes(png(image))


def into_captioned(path):
    into_folder(path)
    (path / "0.txt").write_text("a caption")


def into_zip(path):
    with zipfile.ZipFile(path, "w") as file:
        for i, image in enumerate(IMAGES):
            file.writestr(f"{i}.png", png(image))


def into_tar(path, mode="w", part=slice(None)):
    with tarfile.open(path, mode) as file:
        for i in range(5)[part]:
            for ending, data in (("png", png(IMAGES[i])), ("cls", b"3")):
                info = tarfile.TarInfo(f"{i}.{ending}")
                info.size = len(data)
                file.addfile(info, io.BytesIO(data))


def into_shards(path):
    path.mkdir()
    into_tar(path / "0.tar", part=slice(0, 3))
    into_tar(path / "1.tar", part=slice(3, 5))


def into_npy(path):
    with open(path, "wb") as file:
        np.save(file, IMAGES)


def into_npz(path):
    with open(path, "wb") as file:
        np.savez(file, x=IMAGES, y=np.arange(5))


def into_parquet(path):
    images = [png(image) for image in IMAGES]
    pq.write_table(pyarrow.table({"label": [*range(5)], "jpg": images}), path)


def into_idx(path):
    path.write_bytes(struct.pack(">4I", 2051, *IMAGES.shape) + IMAGES.tobytes())


def into_compressed_idx(path):
    into_idx(path)
    path.write_bytes(gzip.compress(path.read_bytes()))


def into_lmdb(path):
    with lmdb.open(str(path), map_size=2**20) as environment, environment.begin(write=True) as w:
        for i, image in enumerate(IMAGES):
            w.put(b"%d" % i, png(image))


def into_zarr(path):
    zarr.open_group(path, mode="w").create_array("x", data=IMAGES)


def into_hdf5(path):
    with h5py.File(path, "w") as file:
        file["x/images"] = IMAGES


def into_tensor(path):
    torch.save(torch.from_numpy(IMAGES), path)


def into_old_tensor(path):
    torch.save(torch.from_numpy(IMAGES), path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize("into, source", [
    (into_folder, "folder"), (into_captioned, "folder"), (into_zip, "archive"),
    (into_tar, "archive"), (lambda path: into_tar(path, "w:gz"), "archive"),
    (into_shards, "archive"), (into_npy, "arrays"), (into_npz, "arrays"),
    (into_parquet, "parquet"), (into_idx, "idx"), (into_compressed_idx, "idx"),
    (into_lmdb, "lmdb"), (into_zarr, "zarr"), (into_hdf5, "hdf5"), (into_tensor, "tensors"),
    (into_old_tensor, "tensors"),
])  # fmt: skip
def test_each_source_is_told_by_its_content_and_reads_it(tmp_path, into, source):
    path = tmp_path / "images"
    into(path)
    name, options = source_of(str(path))
    assert name == source and options["path"] == str(path)
    opened = open_source(name, **options, seed=0)
    np.testing.assert_array_equal(opened.read(0, opened.count)[:, 0], IMAGES)


def test_what_no_source_reads_is_refused(tmp_path):
    with pytest.raises(ImageError, match="gone: there is no such file"):
        source_of(str(tmp_path / "gone"))
    (tmp_path / "one.png").write_bytes(png(IMAGES[0]))
    with pytest.raises(ImageError, match=r"one\.png: is one image; a folder of"):
        source_of(str(tmp_path / "one.png"))
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ImageError, match="text: is nothing that is known"):
        source_of(str(tmp_path / "text"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match="empty: holds no files"):
        source_of(str(tmp_path / "empty"))


def test_what_is_planned_lists_files_without_numpy():
    code = "import study.files, sys; print(sorted({'numpy', 'torch', 'xarray'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "workflow", capture_output=True)
    assert done.stdout.strip() == b"[]", done
