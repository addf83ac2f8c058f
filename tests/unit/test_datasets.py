"""Images of every source: correct, the same in any range, and clear refusals."""

import io
import os
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import h5py
import lmdb
import numpy as np
import pyarrow
import pyarrow.parquet as pq
import pytest
import torch
import zarr
from conftest import ROOT
from gahb.datasets import archive, base, calpha, disks, open_source, photographs
from gahb.datasets.base import ImageError
from gahb.datasets.detect import source_of
from gahb.datasets.preparation import Preparation, patches
from gahb.duplicates import features, near_duplicates
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from study import files
from study.files import existing, listing

COUNT, SHAPE = 7, (20, 26, 3)


def drawn(count=COUNT, shape=SHAPE) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)


def encoded(picture: np.ndarray, kind="PNG", **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture.squeeze()).save(buffer, kind, **options)
    return buffer.getvalue()


def everything(source: base.Source) -> np.ndarray:
    return source.read(0, source.count)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path_factory, monkeypatch):
    """The cache of files is in the folder of a study."""
    monkeypatch.chdir(tmp_path_factory.mktemp("run"))


@pytest.fixture
def folder(tmp_path) -> Path:
    """A nested folder of PNG files with the pictures of `drawn`, in order of name."""
    root = tmp_path / "pictures"
    for i, picture in enumerate(drawn()):
        path = root / f"{i // 3}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture))
    return root


# The same pictures give the same images in any format.


def as_folder(folder):
    return {"source": "folder", "path": str(folder)}


def as_zip(folder):
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as file:
        for picture in reversed(sorted(folder.rglob("*.png"))):
            file.write(picture, picture.relative_to(folder))
        file.writestr("__MACOSX/._0.png", b"nothing")
    return {"source": "archive", "path": str(path)}


def as_tar(folder, kind=""):
    path = folder.with_suffix(f".tar{kind}")
    with tarfile.open(path, f"w:{kind.strip('.')}") as file:
        file.add(folder, ".")
    return {"source": "archive", "path": str(path)}


def as_parquet(folder):
    """Two files of two row groups, as published: a struct of bytes and path."""
    data = [p.read_bytes() for p in sorted(folder.rglob("*.png"))]
    root = folder.with_name("parquet")
    root.mkdir()
    for name, part in (("a", data[:4]), ("b", data[4:])):
        table = pyarrow.table(
            {"image": [{"bytes": d, "path": None} for d in part], "label": list(range(len(part)))}
        )
        pq.write_table(table, root / f"{name}.parquet", row_group_size=2)
    return {"source": "parquet", "path": str(root)}


def as_binary_parquet(folder):
    path = folder.with_suffix(".parquet")
    pq.write_table(
        pyarrow.table({"jpg": [p.read_bytes() for p in sorted(folder.rglob("*.png"))]}), path
    )
    return {"source": "parquet", "path": str(path), "column": "jpg"}


def as_lmdb(folder):
    path = folder.with_name("lmdb")
    with lmdb.open(str(path), map_size=2**24) as environment, environment.begin(write=True) as w:
        for picture in folder.rglob("*.png"):
            w.put(picture.name.encode(), picture.read_bytes())
    return {"source": "lmdb", "path": str(path)}


def as_captioned(folder):
    (folder / "0/0.txt").write_text("a caption")
    return as_folder(folder) | {"match": "*.png"}


def as_shards(folder):
    """WebDataset: two shards, each image with a class."""
    root = folder.with_name("shards")
    root.mkdir()
    files = sorted(folder.rglob("*.png"))
    for shard, part in enumerate((files[:3], files[3:])):
        with tarfile.open(root / f"{shard}.tar", "w") as file:
            for picture in part:
                file.add(picture, picture.name)
                file.addfile(tarfile.TarInfo(f"{picture.stem}.cls"))
    return {"source": "archive", "path": str(root), "match": "*.png"}


def as_hdf5(folder):
    with h5py.File(folder.with_suffix(".h5"), "w") as file:
        file["x/images"] = drawn()
    return {"source": "hdf5", "path": str(folder.with_suffix(".h5"))}


def as_tensors(folder, zipped=True):
    path = folder.with_suffix(".pt")
    torch.save(torch.from_numpy(drawn()), path, _use_new_zipfile_serialization=zipped)
    return {"source": "tensors", "path": str(path)}


def as_npy(folder):
    np.save(folder.with_suffix(".npy"), drawn())
    return {"source": "arrays", "path": str(folder.with_suffix(".npy"))}


def as_npz(folder):
    np.savez_compressed(folder.with_suffix(".npz"), images=drawn(), labels=np.arange(COUNT))
    return {"source": "arrays", "path": str(folder.with_suffix(".npz")), "key": "images"}


def as_zarr(folder):
    """Channels before pixels, as in the stores of this workflow."""
    group = zarr.open_group(folder.with_suffix(".zarr"), mode="w")
    group.create_array("images", data=drawn().transpose(0, 3, 1, 2), chunks=(2, 3, 20, 26))
    return {"source": "zarr", "path": str(folder.with_suffix(".zarr")), "key": "images"}


FORMS = [
    as_folder, as_zip, as_tar, lambda f: as_tar(f, ".gz"), lambda f: as_tar(f, ".xz"), as_parquet,
    as_binary_parquet, as_lmdb, as_npy, as_npz, as_zarr, as_captioned, as_shards, as_hdf5,
    as_tensors, lambda f: as_tensors(f, zipped=False),
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_same_images_from_every_source(folder, form):
    options = form(folder)
    source = open_source(**options, gray=None, seed=0)
    assert source.count == COUNT
    images = everything(source)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, drawn().transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(source.read(2, 5), images[2:5])
    np.testing.assert_array_equal(np.concatenate(list(source.blocks(2, 2))), images)
    del source  # LMDB is opened once at a time
    # The content determines which source reads it.
    name, told = source_of(options["path"])
    assert name == options["source"]
    np.testing.assert_array_equal(everything(open_source(name, **told, gray=None, seed=0)), images)


def test_files_that_no_source_reads_are_refused(tmp_path):
    (tmp_path / "one.png").write_bytes(encoded(drawn()[0]))
    (tmp_path / "text").write_text("hello")
    (tmp_path / "empty").mkdir()
    for name, words in (
        ("gone", "gone: there is no such file"),
        ("one.png", r"one\.png: is one image; a folder of"),
        ("text", "text: is nothing that is known"),
        ("empty", "empty: holds no files"),
    ):
        with pytest.raises(ImageError, match=words):
            source_of(str(tmp_path / name))


@pytest.mark.parametrize("form", FORMS)
def test_a_subset_is_drawn_without_repetition_and_kept_in_order(folder, form):
    options = form(folder)
    every = everything(open_source(**options, gray=None, seed=0))
    some = open_source(**options, gray=None, images=4, seed=1)
    where = [int(np.flatnonzero((every == image).all((1, 2, 3)))[0]) for image in everything(some)]
    assert len(where) == 4
    assert where == sorted(set(where))


def test_files_are_named_and_chosen_by_pattern(folder):
    assert open_source(**as_folder(folder), seed=0).names == [f"{i // 3}/{i}.png" for i in range(7)]
    (folder / "notes.txt").write_text("about these pictures")
    assert open_source(**as_folder(folder), match="1/*.png", seed=0).names == [
        "1/3.png", "1/4.png", "1/5.png"
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "WEBP", "BMP"])
def test_common_formats(tmp_path, kind):
    gray = np.add.outer(np.arange(32), np.arange(32)).astype(np.uint8) * 4
    (tmp_path / "image").write_bytes(encoded(gray, kind, quality=95))
    image = everything(open_source("folder", path=str(tmp_path), seed=0))
    assert np.abs(image[0, 0].astype(int) - gray).max() <= 4


def test_sixteen_bits_become_eight(tmp_path):
    pixels = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    Image.fromarray(pixels).save(tmp_path / "deep.png")
    image = everything(open_source("folder", path=str(tmp_path), seed=0))
    np.testing.assert_array_equal(image.ravel(), np.arange(256))


def test_pictures_are_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise
    gray = np.zeros((16, 24), np.uint8)
    gray[:, :12] = 255
    (tmp_path / "turned.jpg").write_bytes(encoded(gray, "JPEG", exif=exif))
    image = everything(open_source("folder", path=str(tmp_path), seed=0))[0, 0]
    assert image.shape == (24, 16)
    assert image[:10].min() > 200
    assert image[14:].max() < 50


# Preparation.


def test_crops_take_the_right_pixels():
    picture = np.arange(218 * 178, dtype=np.float32).reshape(218, 178, 1) / (218 * 178)
    box = {"rows": [29, -29], "columns": [9, -9]}
    for crop, rows, columns in (
        (box, slice(29, 189), slice(9, 169)),
        ({"rows": [0, 10]}, slice(0, 10), slice(None)),
        ("center", slice(20, 198), slice(None)),
        (100, slice(59, 159), slice(39, 139)),
        (None, slice(None), slice(None)),
    ):
        found = Preparation(crop=crop).picture(picture, "it")
        np.testing.assert_array_equal(found[0], picture[rows, columns, 0])


def test_both_orientations_make_one_data_set(tmp_path):
    lying = np.random.default_rng(0).random((12, 18)).astype(np.float32)
    for name, picture in (("a", lying), ("b", np.rot90(lying))):
        Image.fromarray(np.uint8(255 * picture)).save(tmp_path / f"{name}.png")
    options = {"source": "folder", "path": str(tmp_path)}
    says(refusal(**options), "b.png", "18 x 12", "`landscape: true` turns")
    first, second = everything(open_source(**options, landscape=True, seed=0))
    assert first.shape == (1, 12, 18)
    np.testing.assert_array_equal(second, np.rot90(first, 2, (1, 2)))


def test_gray_is_the_mean_or_luma():
    picture = np.array([[[10, 20, 40], [255, 0, 0]]], np.uint8)
    assert Preparation(gray="mean").picture(picture, "it").tolist() == [[[23, 85]]]
    luma = [round(2.99 + 5.87 * 2 + 1.14 * 4), round(0.299 * 255)]
    assert Preparation(gray="luma").picture(picture, "it").tolist() == [[luma]]
    np.testing.assert_array_equal(
        Preparation(gray=None).picture(picture, "it"), picture.transpose(2, 0, 1)
    )


def test_resizing_keeps_ramps_and_does_not_alias():
    ramp = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))[..., None]
    small = Preparation(side=16).picture(ramp, "it")[0]
    # A pixel of the small image is at the center of four pixels of the large one.
    expected = ramp[0, :, 0].reshape(16, 4).mean(1)
    np.testing.assert_allclose(small[:, 2:-2], np.tile(expected[2:-2], (16, 1)), atol=1e-6)
    # Stripes finer than the new pixels become gray; subsampling would give black or white.
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))[..., None]
    small = Preparation(side=16).picture(stripes, "it")[0]
    assert small.dtype == np.uint8
    assert np.abs(small[:, 2:-2].astype(int) - 127.5).max() <= 2


def test_resizing_does_not_leave_the_range():
    edge = np.zeros((64, 64, 1), np.float32)
    edge[:, 30:] = 1  # bicubic interpolation overshoots here
    small = Preparation(side=16).picture(edge, "it")
    assert (small.min(), small.max()) == (0, 1)
    assert small.dtype == np.float32


def test_celeba_has_the_papers_crop(tmp_path):
    picture = drawn(1, (218, 178, 3))[0]
    (tmp_path / "000001.jpg").write_bytes(encoded(picture))
    face = everything(open_source("celeba", path=str(tmp_path), side=160, seed=0))
    np.testing.assert_array_equal(
        face[0, 0], np.rint(picture[29:-29, 9:-9].astype(float).mean(2)).astype(np.uint8)
    )
    assert everything(open_source("celeba", path=str(tmp_path), side=80, seed=0)).shape[2:] == (
        80, 80
    )  # fmt: skip


def test_patches_are_all_windows_of_each_scale():
    picture = drawn(1, (40, 30, 1))[0]
    preparation = Preparation(side=8, patches={"stride": 5, "scales": [1, 0.5, 0.1]})
    prepared = preparation.picture(picture, "it")
    windows = preparation.windows(prepared)
    count = preparation.count(prepared.shape)
    assert count == 7 * 5 + 3 * 2  # 0.1 leaves too few pixels
    found = patches(windows, np.arange(count))
    by_hand = [picture[r : r + 8, c : c + 8, 0] for r in range(0, 33, 5) for c in range(0, 23, 5)]
    np.testing.assert_array_equal(found[:35, 0], by_hand)
    np.testing.assert_array_equal(patches(windows, np.array([3, 36, 40])), found[[3, 36, 40]])


def test_patches_know_their_picture_whatever_the_range(folder):
    options = {"side": 8, "patches": {"stride": 4, "scales": [1, 0.5]}, "images": 90, "seed": 3}
    source = open_source(**as_folder(folder), **options)
    images = everything(source)
    assert len(images) == len(source.group) == 90
    assert not source.names
    assert source.group_names[source.group[-1]] == "2/6.png"
    np.testing.assert_array_equal(np.concatenate(list(source.blocks(13, 2))), images)
    gray = drawn()[source.group[40]].astype(float).mean(2)
    half = np.asarray(Image.fromarray(np.float32(gray)).resize((13, 10), Image.Resampling.BICUBIC))
    windows = [
        np.rint(g.clip(0, 255))[r : r + 8, c : c + 8]
        for g in (np.rint(gray), half)
        for r in range(0, g.shape[0] - 7, 4)
        for c in range(0, g.shape[1] - 7, 4)
    ]
    assert min(np.abs(w - images[40, 0]).max() for w in windows) <= 1


def test_photographs_are_patches_of_ten_pictures():
    source = open_source("photographs", side=24, stride=24, scales=[0.25], seed=0)
    assert set(source.group) == set(range(len(photographs.PICTURES)))
    image = everything(source)
    assert image.dtype == np.uint8
    assert image.shape == (source.count, 1, 24, 24)


# Bad input: a line with the file's name.


def refusal(**options) -> str:
    """The error of opening and reading such a source."""
    with pytest.raises(ImageError) as error:
        everything(open_source(seed=0, **options))
    assert "\n" not in str(error.value)
    return str(error.value)


def says(message: str, *words: str) -> None:
    for word in words:
        assert word in message


def test_damaged_files_are_refused_or_skipped(folder):
    jpeg = encoded(drawn(1, (200, 200, 3))[0], "JPEG")
    (folder / "1" / "half.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    says(refusal(**as_folder(folder)), "1/half.jpg", "truncated")
    (folder / "1" / "half.jpg").unlink()
    (folder / "lost.png").symlink_to(folder / "nowhere.png")
    says(refusal(**as_folder(folder)), "lost.png", "is a link to", "where nothing is")
    (folder / "lost.png").unlink()
    (folder / "read me.txt").write_text("hello")
    (folder / "empty.png").write_bytes(b"")
    says(refusal(**as_folder(folder), match="*.txt"), "read me.txt", "cannot be read as an image")
    says(refusal(**as_folder(folder)), "empty.png", "cannot be read as an image")
    source = open_source(**as_folder(folder), unreadable="skip", gray=None, seed=0)
    np.testing.assert_array_equal(everything(source), drawn().transpose(0, 3, 1, 2))
    assert [name for name, _ in source.skipped] == ["empty.png", "read me.txt"]
    assert all("cannot be read" in reason for _, reason in source.skipped)


def test_skipping_every_file_is_refused(tmp_path):
    (tmp_path / "a.jpg").write_text("no image")
    says(refusal(source="folder", path=str(tmp_path), unreadable="skip"), "none", "a.jpg")


def test_sizes_that_differ_are_refused(folder):
    (folder / "9.png").write_bytes(encoded(drawn(1, (20, 20, 3))[0]))
    says(refusal(**as_folder(folder)), "9.png", "20 x 20", "0/0.png", "20 x 26", "side")
    assert everything(open_source(**as_folder(folder), crop="center", side=10, seed=0)).shape == (
        8, 1, 10, 10
    )  # fmt: skip


def test_small_and_oblong_pictures_are_refused(folder):
    says(refusal(**as_folder(folder), crop=24), "0/0.png", "20 x 26", "too small for the crop")
    says(refusal(**as_folder(folder), crop={"rows": [0, 21]}), "0/0.png", "too small")
    says(refusal(**as_folder(folder), crop={"rows": [15, -15]}), "0/0.png", "too small")
    says(refusal(**as_folder(folder), crop="center", side=32), "0/0.png", "smaller than side 32")
    says(refusal(**as_folder(folder), side=16), "0/0.png", "20 x 26", "crop: center")
    one = {"stride": 1, "scales": [1]}
    says(refusal(**as_folder(folder), side=32, patches=one), "pictures", "large enough")
    (folder / "tiny.png").write_bytes(encoded(drawn(1, (4, 4, 3))[0]))
    source = open_source(**as_folder(folder), crop=16, unreadable="skip", seed=0)
    assert [name for name, _ in source.skipped] == ["tiny.png"]


def test_too_few_images_are_refused(folder):
    says(refusal(**as_folder(folder), images=8), "pictures", "7 images", "8 are asked for")


def test_empty_and_missing_folders_are_refused(tmp_path):
    says(refusal(source="folder", path=str(tmp_path)), str(tmp_path), "no files")
    (tmp_path / "a.png").write_bytes(encoded(drawn(1)[0]))
    says(refusal(source="folder", path=str(tmp_path), match="*.jpg"), "*.jpg", "of 1 files")
    says(refusal(source="folder", path=str(tmp_path / "b")), str(tmp_path / "b"), "is not a folder")


def test_decompression_bombs_are_refused(tmp_path, monkeypatch):
    Image.new("1", (9000, 9000)).save(tmp_path / "bomb.png")
    assert os.path.getsize(tmp_path / "bomb.png") < 20_000
    says(refusal(source="folder", path=str(tmp_path)), "bomb.png", "9000 x 9000 pixels")
    Image.new("1", (13500, 13500)).save(tmp_path / "bomb.png")
    says(refusal(source="folder", path=str(tmp_path)), "bomb.png", "decompression bomb")
    monkeypatch.setattr(archive, "MOST_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("zeros.png", bytes(100_000))
    bomb = {"source": "archive", "path": str(tmp_path / "bomb.zip")}
    says(refusal(**bomb), "zeros.png", "100000 bytes")
    with tarfile.open(tmp_path / "bomb.tar.gz", "w:gz") as file:
        info = tarfile.TarInfo("zeros.png")
        info.size = 10_000_000
        file.addfile(info, io.BytesIO(bytes(info.size)))
    bomb = {"source": "archive", "path": str(tmp_path / "bomb.tar.gz")}
    says(refusal(**bomb), "bomb.tar.gz", "100 times")


@pytest.mark.parametrize("name", ["../out.png", "/etc/out.png", "a/../../out.png"])
def test_paths_that_leave_the_archive_are_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(name, encoded(drawn(1)[0]))
    says(refusal(source="archive", path=str(tmp_path / "a.zip")), "a.zip", name, "points out of")


def test_damaged_archives_are_refused(folder, tmp_path):
    for form, name in ((as_zip, "pictures.zip"), (lambda f: as_tar(f, ".gz"), "pictures.tar.gz")):
        options = form(folder)
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        says(refusal(**options), name, "cannot be read as a zip or tar file")
    options = as_zip(folder)
    data = bytearray(Path(options["path"]).read_bytes())
    data[data.index(b"IDAT") + 40] ^= 255
    Path(options["path"]).write_bytes(data)
    says(refusal(**options), ".png", "is damaged")


def test_arrays_that_are_not_images_are_refused(tmp_path):
    path = str(tmp_path / "a.npz")

    def of(**arrays):
        np.savez(path, **arrays)
        return refusal(source="arrays", path=path)

    floats = np.random.default_rng(0).random((5, 16, 16))
    broken = floats.copy()
    broken[3, 2, 1] = np.nan
    says(of(images=broken), path, "image 3", "nan")
    says(of(images=255 * floats), path, "image 0", "[0, 1]")
    says(of(images=np.zeros((5, 16, 16), np.int64)), path, "int64", "uint8")
    says(of(images=np.array([{}, {}])), path, "cannot be read")
    says(of(images=np.zeros((16, 16), np.uint8)), path, "(16, 16)", "(image, y, x)")
    says(of(images=np.zeros((5, 16, 16, 4), np.uint8)), path, "(5, 16, 16, 4)")
    says(of(a=floats, b=floats), path, "a (5, 16, 16), b (", "key")
    Path(path).write_text("text")
    says(refusal(source="arrays", path=path), path, "cannot be read")
    says(refusal(source="zarr", path=path), path, "cannot be read as a zarr store")


def test_float_arrays_stay_floats(tmp_path):
    floats = np.random.default_rng(0).random((5, 16, 16))
    np.save(tmp_path / "a.npy", floats)
    images = everything(open_source("arrays", path=str(tmp_path / "a.npy"), seed=0))
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images[:, 0], floats.astype(np.float32))


def test_parquet_and_lmdb_without_images_are_refused(folder):
    options = as_parquet(folder)
    says(refusal(**options, column="img"), "a.parquet", "'img'", "image, label")
    says(refusal(**options, column="label"), "a.parquet", "'label'", "int64")
    table = pyarrow.table({"image": [{"bytes": encoded(drawn(1)[0])}, {"bytes": None}]})
    pq.write_table(table, folder.with_name("null.parquet"))
    says(refusal(source="parquet", path=str(folder.with_name("null.parquet"))), "row 1", "no image")
    (folder / "0.parquet").write_text("no")
    says(refusal(source="parquet", path=str(folder)), "0.parquet", "cannot be read as a Parquet")
    says(refusal(source="lmdb", path=str(folder)), str(folder), "cannot be read as LMDB")


# Generated images.


def plain_calpha(numbers: np.ndarray, side: int, alpha: float) -> np.ndarray:
    """One C^alpha image in double precision, from its definition and its random numbers."""
    swap, low, high = numbers[:3]
    noise = 2 * numbers[3:] - 1

    def smooth(field):
        k = np.meshgrid(*[np.fft.fftfreq(side, 1 / side)] * field.ndim, indexing="ij")
        k = np.sqrt(sum(a**2 for a in k))
        k[k == 0] = 1
        return np.fft.ifftn(np.fft.fftn(field) * k**-alpha).real

    def scaled(field, low, high):
        return low + (high - low) * (field - field.min()) / (field.max() - field.min())

    contour = np.rint(side * smooth(noise[:side])) + side // 2
    backgrounds = noise[side:].reshape(2, side, side)
    bright, dark = scaled(smooth(backgrounds[0]), low, 1), scaled(smooth(backgrounds[1]), 0, high)
    mask = np.zeros((side, side))
    for row in range(side):
        for column in range(side):
            mask[row, column] = np.mean(
                [max(row - i, 0) >= contour[max(column - j, 0)] for i in (0, 1) for j in (0, 1)]
            )
    if swap >= 0.5:
        mask = 1 - mask
    return mask * bright + (1 - mask) * dark


@pytest.mark.parametrize("alpha", [1, 3.5])
def test_calpha_images_are_their_definition(alpha):
    side = 16
    images = calpha.draw(5, np.arange(6), side, alpha)
    for i, image in enumerate(images):
        generator = np.random.Generator(np.random.SFC64([5, i]))
        numbers = generator.random(2 * side**2 + side + 3, dtype=np.float32).astype(float)
        np.testing.assert_allclose(image[0], plain_calpha(numbers, side, alpha), atol=2e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"source": "calpha", "alpha": 2, "side": 16, "images": 40},
        {"source": "disks", "side": 16, "images": 40},
    ],
)
@settings(max_examples=30)
@given(start=st.integers(0, 39), length=st.integers(1, 40), threads=st.integers(1, 3))
def test_generated_images_do_not_depend_on_the_range(options, start, length, threads):
    source = open_source(**options, seed=7)
    images = everything(source)
    stop = min(start + length, 40)
    np.testing.assert_array_equal(source.read(start, stop), images[start:stop])
    np.testing.assert_array_equal(np.concatenate(list(source.blocks(length, threads))), images)
    assert len({image.tobytes() for image in images}) == 40
    assert 0 <= images.min() <= images.max() <= 1


def test_disks_have_the_area_and_the_levels_of_their_parameters():
    values = disks.parameters(3, np.arange(50))
    images = disks.render(values, 64)[:, 0]
    for image, (_, _, radius, disk, background) in zip(images, values, strict=True):
        area = ((image - background) / (disk - background)).mean()
        assert area == pytest.approx(np.pi * radius**2, rel=0.01)
    assert images[:, 0, 0] == pytest.approx(values[:, 4], abs=1e-6)
    center = images[range(50), (64 * values[:, 0]).astype(int), (64 * values[:, 1]).astype(int)]
    assert center == pytest.approx(values[:, 3], abs=1e-6)


def test_shuffling_is_one_permutation_of_the_pixels():
    original = open_source("disks", side=8, images=20, seed=0)
    source = open_source("shuffled", original=original, seed=1)
    before, after = (everything(s).reshape(20, -1) for s in (original, source))
    assert (before != after).any()
    np.testing.assert_array_equal(np.sort(before, 1), np.sort(after, 1))
    assert {c.tobytes() for c in before.T.copy()} == {c.tobytes() for c in after.T.copy()}


# Near-duplicates.


def plainly(unit: np.ndarray, threshold: float) -> list[tuple[int, int]]:
    """The rule, one pair after another in double precision."""
    unit = unit.astype(float)
    kept, dropped = [], []
    for i in range(len(unit)):
        near = [j for j in kept if abs(unit[i] @ unit[j]) > threshold]
        if near:
            dropped.append((i, near[0]))
        else:
            kept.append(i)
    return dropped


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_near_duplicates_are_those_of_the_plain_rule(seed, block):
    generator = np.random.default_rng(seed)
    unit = generator.standard_normal((50, 3))
    unit = (unit / np.linalg.norm(unit, axis=1, keepdims=True)).astype(np.float32)
    dropped, of, cosine, _ = near_duplicates(unit, 0.9, block=block)
    assert list(zip(dropped, of, strict=True)) == plainly(unit, 0.9)
    np.testing.assert_allclose(cosine, (unit[dropped] * unit[of]).sum(1), atol=1e-6)


def test_close_calls_are_exact():
    """A cosine within float32 rounding of the threshold is compared in float64."""
    generator = np.random.default_rng(0)
    a = generator.standard_normal((400, 400))
    a /= np.linalg.norm(a, axis=1, keepdims=True)
    b = generator.standard_normal(a.shape)
    b -= (a * b).sum(1, keepdims=True) * a
    b /= np.linalg.norm(b, axis=1, keepdims=True)
    c = 0.95 + np.linspace(-3e-7, 3e-7, 400)[:, None]
    unit = np.stack([a, c * a + np.sqrt(1 - c**2) * b], 1).reshape(800, 400).astype(np.float32)
    exact = unit.astype(float)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    close = (exact[::2] * exact[1::2]).sum(1) > 0.95
    assert 100 < close.sum() < 300
    dropped, *_ = near_duplicates(unit, 0.95, block=64)
    np.testing.assert_array_equal(dropped, 2 * np.flatnonzero(close) + 1)


@pytest.mark.parametrize("side", [16, 20, 40, 50, 80])
def test_features_see_neither_brightness_nor_contrast_nor_type(side):
    images = drawn(4, (1, side, side))
    expected = features(images)
    assert expected.shape == (4, 1 + min(side, 20) ** 2)
    np.testing.assert_allclose(np.linalg.norm(expected, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(features(0.2 + 0.5 * images / 255), expected, atol=1e-6)
    np.testing.assert_array_equal(features(images[2:3]), expected[2:3])
    blank = features(np.full((1, 1, side, side), 0.3, np.float32))
    np.testing.assert_array_equal(blank[0], np.eye(1, 1 + min(side, 20) ** 2)[0])


def test_pooling_averages_blocks():
    images = np.random.default_rng(0).random((3, 1, 80, 80))
    pooled = images.reshape(3, 20, 4, 20, 4).mean((2, 4)).reshape(3, -1)
    pooled -= pooled.mean(1, keepdims=True)
    pooled /= np.linalg.norm(pooled, axis=1, keepdims=True)
    # In another basis, and so with the same cosines.
    np.testing.assert_allclose(features(images) @ features(images).T, pooled @ pooled.T, atol=1e-6)


# Names and formats found in practice.


def test_names_that_are_not_utf_8_are_read_and_written_with_escapes(folder):
    for path in folder.rglob("*.png"):
        os.rename(path, os.fsencode(path).replace(b".png", b"\xe9.png"))
    expected = [f"{i // 3}/{i}\\xe9.png" for i in range(COUNT)]
    found = open_source(**as_folder(folder), seed=0)
    assert list(found.names) == expected
    np.testing.assert_array_equal(
        everything(found), everything(open_source(**as_npy(folder), seed=0))
    )
    packed = open_source(**as_tar(folder), seed=0)
    assert [Path(name).as_posix() for name in packed.names] == expected
    assert listed(folder)
    next(folder.rglob("*6*.png")).write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"2/6\\xe9\.png: cannot be read as an image"):
        everything(open_source(**as_folder(folder), seed=0))


def test_the_case_of_an_ending_does_not_matter(folder):
    (folder / "0/0.png").rename(folder / "0/0.PNG")
    found = open_source(**as_folder(folder), match="*.png", seed=0)
    assert found.names[0] == "0/0.PNG" and found.count == COUNT
    before = listed(folder, "*.png")
    (folder / "0/0.PNG").write_bytes(encoded(drawn()[1]))
    assert listed(folder, "*.png") != before
    (folder / "2/6.png").rename(folder / "2/6-PNG")
    assert open_source(**as_folder(folder), match="*PNG", seed=0).names == ["0/0.PNG", "2/6-PNG"]


def test_why_files_were_left_out_is_the_same_in_each_run(folder):
    (folder / "0/0.png").write_bytes(b"no image")
    found = [open_source(**as_folder(folder), unreadable="skip", seed=0).skipped for _ in range(2)]
    assert found[0] == found[1]
    (name, why), = found[0]  # fmt: skip
    assert (
        name == "0/0.png" and "UnidentifiedImageError: cannot identify image file the file" in why
    )
    assert "0x" not in why


def test_a_path_that_is_a_broken_link_is_named(tmp_path):
    (tmp_path / "link").symlink_to("gone")
    with pytest.raises(FileNotFoundError, match="link: is a link to gone, where nothing is"):
        existing(str(tmp_path / "link"))


def test_a_tiff_of_12_bits_is_as_bright_as_one_of_16(tmp_path):
    values = np.random.default_rng(0).integers(0, 4096, (16, 16))
    values[0, :2] = 0, 4095
    even, odd = values.reshape(-1, 2).T
    packed = np.stack([even >> 4, (even & 15) << 4 | odd >> 8, odd & 255], 1).astype(np.uint8)
    # Width, height, bits, no compression, black is 0, offset, channels, rows, bytes.
    tags = {256: 16, 257: 16, 258: 12, 259: 1, 262: 1, 273: 122, 277: 1, 278: 16, 279: 384}
    header = struct.pack("<2sHIH", b"II", 42, 8, len(tags))
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items()]
    data = b"".join([header, *entries, bytes(4), packed.tobytes()])
    (tmp_path / "a.tif").write_bytes(data)
    found = everything(open_source("folder", path=str(tmp_path), seed=0))[0, 0]
    np.testing.assert_array_equal(found, np.rint(values * (255 / 4095)))


# Changes of the user's files.


def listed(path, match=None):
    """As a new process sees it."""
    listing.cache_clear()
    files._files.cache_clear()
    return listing(str(path), match)


def test_listings_see_content_but_neither_place_nor_time(folder, tmp_path):
    before, pattern = listed(folder), listed(folder, "*.png")
    for path in folder.rglob("*"):
        os.utime(path, (1, 1))
    moved = folder.rename(tmp_path / "moved")
    assert listed(moved) == before
    (moved / ".hidden").write_text("x")
    assert listed(moved) == before
    (moved / "more.txt").write_text("x")
    assert listed(moved) != before
    assert listed(moved, "*.png") == pattern
    (moved / "0/0.png").write_bytes((moved / "0/0.png").read_bytes() + b"x")
    assert listed(moved, "*.png") != pattern
    assert listed(folder) is None


def test_images_in_another_order_are_another_file(tmp_path):
    images, found = np.random.default_rng(0).integers(0, 256, (2000, 16, 16), np.uint8), []
    for order in (np.arange(2000), np.r_[:100, 1899:99:-1, 1900:2000]):
        np.save(tmp_path / "a.npy", images[order])
        found.append(listed(tmp_path / "a.npy"))
    assert found[0] != found[1]


def test_other_images_of_the_same_sizes_are_another_folder(tmp_path):
    found = []
    for seed in (0, 1, 1):
        images = np.random.default_rng(seed).integers(0, 256, (8, 16, 16), np.uint8)
        zarr.create_array(
            tmp_path / "a.zarr", data=images, chunks=(2, 16, 16), compressors=None, overwrite=True
        )
        (tmp_path / "bmp").mkdir(exist_ok=True)
        for i, image in enumerate(images):
            Image.fromarray(image).save(tmp_path / f"bmp/{i}.bmp")
        found.append((listed(tmp_path / "a.zarr"), listed(tmp_path / "bmp")))
    assert found[0][0] != found[1][0] and found[0][1] != found[1][1]
    assert found[1] == found[2]  # rewritten with the same content


def test_files_are_read_once(folder, monkeypatch):
    before = listed(folder)
    monkeypatch.setattr(files, "_content", lambda *_: pytest.fail("read again"))
    assert listed(folder) == before


def test_planning_lists_files_without_numpy():
    code = "import study.files, sys; print(sorted({'numpy', 'torch', 'xarray'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "workflow", capture_output=True)
    assert done.stdout.strip() == b"[]", done
