"""Images as users have them, each once read wrongly or not at all."""

import gzip
import io
import os
import struct
import tarfile
import zipfile

import h5py
import lmdb
import numpy as np
import pytest
import torch
import xarray as xr
import zarr
from gahb.datasets import open_source
from gahb.datasets.base import ImageError, UnusableImage
from gahb.datasets.detect import source_of
from gahb.datasets.variation import HARDLY, Variation
from PIL import Image
from study import files

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 12, 12), np.uint8)


def png(picture, kind="PNG", **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, **options)
    return buffer.getvalue()


def everything(source, path, **options):
    opened = open_source(source, path=str(path), seed=0, **options)
    return opened.read(0, opened.count)


def gray(source, path, **options):
    return everything(source, path, **options)[:, 0]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path_factory, monkeypatch):
    """The cache of files is in the folder of a study."""
    monkeypatch.chdir(tmp_path_factory.mktemp("run"))


def listed(path, match=None):
    """As a new process sees it."""
    files.listing.cache_clear()
    files._files.cache_clear()
    return files.listing(str(path), match)


# Linked folders.


@pytest.fixture
def linked(tmp_path):
    """A folder in which one class is a link to a folder elsewhere."""
    for folder, some in (("data/a", IMAGES[:3]), ("elsewhere/b", IMAGES[3:])):
        (tmp_path / folder).mkdir(parents=True)
        for i, image in enumerate(some):
            (tmp_path / folder / f"{i}.png").write_bytes(png(image))
    (tmp_path / "data/b").symlink_to("../elsewhere/b")
    return tmp_path / "data"


def test_a_linked_folder_is_followed_and_counts_for_the_hash(linked):
    np.testing.assert_array_equal(gray("folder", linked), IMAGES)
    assert files.count(str(linked)) == 6
    before = listed(linked)
    (linked / "b/0.png").write_bytes(png(IMAGES[0]))
    assert listed(linked) != before


def test_a_folder_has_the_same_hash_through_a_link_and_as_a_copy(linked):
    before = listed(linked)
    (linked / "b").unlink()
    os.rename(linked.parent / "elsewhere/b", linked / "b")
    assert listed(linked) == before


@pytest.mark.parametrize("target", ["..", ".", "../../data", "../../other"])
def test_a_loop_of_links_is_refused(linked, target):
    (linked.parent / "other").mkdir()
    (linked.parent / "other/back").symlink_to("../data")
    (linked / "a/loop").symlink_to(target)
    with pytest.raises(ImageError, match=r"a/loop.*: is a link to .*, which holds it"):
        gray("folder", linked)
    with pytest.raises(OSError, match="which holds it"):
        listed(linked)


def test_two_links_to_a_folder_are_not_a_loop(linked):
    (linked / "c").symlink_to("../elsewhere/b")
    assert len(gray("folder", linked)) == 9


def test_a_broken_link_is_listed_and_counts(linked):
    (linked / "a/lost.png").symlink_to("nowhere.png")
    before = listed(linked)
    with pytest.raises(ImageError, match=r"a/lost\.png: is a link to nowhere\.png, where"):
        gray("folder", linked)
    assert len(gray("folder", linked, unreadable="skip")) == 6
    (linked / "a/nowhere.png").write_bytes(png(IMAGES[0]))
    assert listed(linked) != before


# Transparency.


def logos(folder, opacity, colour=0):
    folder.mkdir(exist_ok=True)
    for i, alpha in enumerate(opacity):
        shape = (*alpha.shape, 1)
        picture = np.concatenate(
            [np.full((*alpha.shape, 3), colour, np.uint8), alpha.reshape(shape)], 2
        )
        (folder / f"{i}.png").write_bytes(png(picture))
    return folder


def test_content_only_in_the_alpha_channel_is_refused_without_a_background(tmp_path):
    folder = logos(tmp_path / "logos", IMAGES)
    with pytest.raises(ImageError, match=r"0\.png: is transparent in part; `background: white`"):
        gray("folder", folder)
    with pytest.raises(ImageError, match="is transparent"):  # this does not concern a single file
        gray("folder", folder, unreadable="skip")
    np.testing.assert_array_equal(gray("folder", folder, background="white"), 255 - IMAGES)
    assert (gray("folder", folder, background="black") == 0).all()


def test_colors_are_blended_with_the_background_by_opacity(tmp_path):
    logos(tmp_path / "logos", IMAGES, colour=100)
    for name, behind in (("white", 255), ("black", 0)):
        opacity = IMAGES / 255
        expected = np.rint(100 * opacity + behind * (1 - opacity))
        found = gray("folder", tmp_path / "logos", background=name)
        assert np.abs(found - expected).max() <= 1e-9


@pytest.mark.parametrize("alpha", [0, 128, 255])
def test_constant_opacity_shows_nothing_and_is_dropped(tmp_path, alpha):
    folder = logos(tmp_path / "a", np.full((2, 12, 12), alpha, np.uint8), colour=77)
    assert (gray("folder", folder) == 77).all()


def test_a_transparent_color_is_transparent(tmp_path):
    palette = Image.fromarray(IMAGES[0] % 4)
    palette = palette.convert("P", palette=Image.Palette.ADAPTIVE)
    palette.save(tmp_path / "0.png", transparency=palette.getpixel((0, 0)))
    with pytest.raises(ImageError, match="is transparent in part"):
        gray("folder", tmp_path)
    assert gray("folder", tmp_path, background="white")[0, 0, 0] == 255


# Arrays in another order.


@pytest.mark.parametrize("order", ["yxi", "xiy", "iyx", "yxci", "yxic", "iyxc", "icyx", "icxy"])
def test_order_names_the_axes_of_an_array(tmp_path, order):
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 7, 9), np.uint8)
    images = images if "c" in order else images[:, :1]
    array = images[:, 0] if "c" not in order else images
    known = "icyx" if "c" in order else "iyx"
    array = array.transpose([known.index(axis) for axis in order])
    np.save(tmp_path / "a.npy", array)
    zarr.open_group(tmp_path / "a.zarr", mode="w").create_array("x", data=array)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = array
    torch.save(torch.from_numpy(array.copy()), tmp_path / "a.pt")
    for source, name in (("arrays", "npy"), ("zarr", "zarr"), ("hdf5", "h5"), ("tensors", "pt")):
        path = tmp_path / f"a.{name}"
        found = everything(source, path, order=order, gray=None)
        np.testing.assert_array_equal(found, images)
        few = everything(source, path, order=order, gray=None, images=3)
        assert all((image == images).all((1, 2, 3)).any() for image in few)


@pytest.mark.parametrize("shape, said", [
    ((24, 24, 300), r"\(y, x, image\), as MATLAB.*`order: yxi`"),
    ((24, 24, 3, 300), r"\(y, x, channel, image\), as MATLAB.*`order: yxci`"),
    ((24, 24, 1, 300), r"`order: yxci`"),
    ((24, 24, 300, 3), r"\(y, x, image, channel\), as MATLAB.*`order: yxic`.*`order: iyxc`"),
])  # fmt: skip
def test_arrays_of_matlab_are_recognized_and_no_crop_is_advised(tmp_path, shape, said):
    np.save(tmp_path / "a.npy", np.zeros(shape, np.uint8))
    for options in ({}, {"side": 24}, {"crop": "center", "side": 24}):
        with pytest.raises(ImageError, match=said) as error:
            gray("arrays", tmp_path / "a.npy", **options)
        assert "crop" not in str(error.value)


@pytest.mark.parametrize("shape", [(300, 24, 24), (24, 24, 24), (3, 3, 24, 24), (24, 24, 24, 3)])
def test_other_arrays_are_recognized_as_before(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.zeros(shape, np.uint8))
    assert len(gray("arrays", tmp_path / "a.npy")) == shape[0]


def test_refusals_of_an_array_say_in_which_order_it_was_read(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((20, 24, 300), np.uint8))
    with pytest.raises(ImageError, match=r"a\.npy as \(image, y, x\), image 0: is 24 x 300 pixels"):
        gray("arrays", tmp_path / "a.npy", side=24)


@pytest.mark.parametrize("order, said", [
    ("yx", "names each axis once"), ("yyi", "names each axis once"), ("yxci", "names 4 axes"),
])  # fmt: skip
def test_an_invalid_order_is_refused(tmp_path, order, said):
    np.save(tmp_path / "a.npy", IMAGES)
    with pytest.raises(ImageError, match=said):
        gray("arrays", tmp_path / "a.npy", order=order)


# Packed numbers.


PACKINGS = [
    {"dtype": "uint8", "scale_factor": 0.5 / 255, "add_offset": 0.25, "_FillValue": None},
    {"dtype": "int16", "scale_factor": 1 / 32767, "_FillValue": -32768},
    {"dtype": "uint8", "scale_factor": 1 / 255, "_FillValue": None},
    {"dtype": "float32", "_FillValue": -1.0},
]


def packed(path, encoding, values, version=3):
    dataset = xr.Dataset({"img": (("n", "y", "x"), values)})
    if path.suffix == ".nc":
        file = h5py.File(path, "w")
        variable = xr.conventions.encode_cf_variable(
            dataset["img"].variable.copy(deep=True)._replace(encoding=encoding), name="img"
        )
        file["img"] = variable.values
        file["img"].attrs.update({k: np.array([v]) for k, v in variable.attrs.items()})
        file.close()
    else:
        dataset.to_zarr(path, encoding={"img": encoding}, zarr_format=version)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("encoding", PACKINGS)
@pytest.mark.parametrize("kind", ["zarr2", "zarr3", "nc"])
def test_packed_numbers_are_read_as_xarray_reads_them(tmp_path, kind, encoding):
    values = IMAGES / 255 * 0.5 + 0.25
    path = tmp_path / ("a.nc" if kind == "nc" else "a.zarr")
    packed(path, encoding, values, int(kind[-1]) if kind != "nc" else 3)
    found = gray("hdf5" if kind == "nc" else "zarr", path, key="img")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, values, atol=0.3 / 255)
    if kind != "nc":
        expected = xr.open_zarr(path).img.values.astype(np.float32)
        np.testing.assert_array_equal(found, expected)
    white = np.ones_like(values)  # may exceed 1 by rounding
    white[0] = 0
    second = path.with_stem("b")
    packed(second, encoding, white, int(kind[-1]) if kind != "nc" else 3)
    if "add_offset" not in encoding:
        assert gray("hdf5" if kind == "nc" else "zarr", second).max() == 1


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("version", [2, 3])
def test_the_packing_of_numbers_counts_for_the_hash(tmp_path, version):
    packed(tmp_path / "a.zarr", PACKINGS[0], IMAGES / 255 * 0.5 + 0.25, version)
    before, images = listed(tmp_path / "a.zarr"), gray("zarr", tmp_path / "a.zarr")
    zarr.open_group(tmp_path / "a.zarr", use_consolidated=False)["img"].attrs["add_offset"] = 0.0
    zarr.consolidate_metadata(str(tmp_path / "a.zarr"))
    assert listed(tmp_path / "a.zarr") != before
    np.testing.assert_allclose(gray("zarr", tmp_path / "a.zarr"), images - 0.25, atol=1e-6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("version", [2, 3])
def test_missing_numbers_are_refused(tmp_path, version):
    values = IMAGES / 255
    values[2, 3, 4] = np.nan
    packed(tmp_path / "a.zarr", PACKINGS[1], values, version)
    with pytest.raises(ImageError, match=r"has missing values \(_FillValue -32768\)"):
        gray("zarr", tmp_path / "a.zarr")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("version", [2, 3])
def test_bytes_without_missing_values_stay_bytes(tmp_path, version):
    encoding = {"dtype": "uint8", "_FillValue": 255}
    packed(tmp_path / "a.zarr", encoding, np.minimum(IMAGES, 254).astype(float), version)
    found = gray("zarr", tmp_path / "a.zarr")
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, np.minimum(IMAGES, 254))


# Formats.


def test_a_16_bit_pgm_is_read(tmp_path):
    for i, image in enumerate(IMAGES):
        values = (image.astype(np.uint32) * 257).astype(">u2").tobytes()
        (tmp_path / f"{i}.pgm").write_bytes(b"P5\n12 12\n65535\n" + values)
    np.testing.assert_array_equal(gray("folder", tmp_path), IMAGES)


def test_a_pgm_of_12_bits_is_as_bright_as_one_of_16(tmp_path):
    values = IMAGES[0].astype(np.uint16) * 16
    (tmp_path / "a.pgm").write_bytes(b"P5\n12 12\n4095\n" + values.astype(">u2").tobytes())
    np.testing.assert_array_equal(gray("folder", tmp_path)[0], np.rint(values * (255 / 4095)))


def test_32_bits_are_still_refused(tmp_path):
    Image.fromarray(IMAGES[0].astype(np.int32)).save(tmp_path / "a.tif")
    with pytest.raises(ImageError, match=r"a\.tif: has 32 bits"):
        gray("folder", tmp_path)


def test_a_zip_file_with_backslashes_is_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        for name, data in [("x\\", b""), *((f"x\\{i}.png", png(a)) for i, a in enumerate(IMAGES))]:
            info = zipfile.ZipInfo("it")
            info.filename = name
            file.writestr(info, data)
    np.testing.assert_array_equal(gray("archive", tmp_path / "a.zip"), IMAGES)
    assert open_source("archive", path=str(tmp_path / "a.zip"), seed=0).names[0] == "x/0.png"


@pytest.mark.parametrize("name", ["..\\a.png", "x\\..\\..\\a.png", "\\a.png"])
def test_backslashes_do_not_lead_out_of_a_zip_file(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        info = zipfile.ZipInfo("it")
        info.filename = name
        file.writestr(info, png(IMAGES[0]))
    with pytest.raises(ImageError, match="points out of the archive"):
        gray("archive", tmp_path / "a.zip")


def add(archive, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def shards(folder):
    """WebDataset: three shards, each image with a class and a description."""
    folder.mkdir()
    for s, ending in enumerate(("tar", "tar", "tar.gz")):
        with tarfile.open(folder / f"{s}.{ending}", "w:gz" if s == 2 else "w") as archive:
            for i in (2 * s, 2 * s + 1):
                for kind, data in (("cls", b"3"), ("png", png(IMAGES[i])), ("json", b"{}")):
                    add(archive, f"{i}.{kind}", data)
    return folder


def test_a_folder_of_tar_shards_is_one_source(tmp_path):
    folder = shards(tmp_path / "shards")
    np.testing.assert_array_equal(gray("archive", folder, match="*.png"), IMAGES)
    opened = open_source("archive", path=str(folder), match="*.png", seed=0)
    assert opened.names[1:3] == ["0.tar/1.png", "1.tar/2.png"]
    with pytest.raises(ImageError, match=r'0\.tar/0\.cls: cannot be .*; `match: "\*\.png"` takes'):
        gray("archive", folder)
    # The pattern refers to names inside: all shards count.
    before = listed(folder, "*.png")
    (folder / "1.tar").write_bytes((folder / "0.tar").read_bytes())
    assert listed(folder, "*.png") != before
    assert listed(folder, "*.png") is not None


def test_a_folder_without_archives_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(png(IMAGES[0]))
    with pytest.raises(ImageError, match="is a folder that holds no archive"):
        gray("archive", tmp_path)


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.SYMTYPE])
def test_a_link_in_a_tar_file_refuses_only_itself(tmp_path, kind):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for i, image in enumerate(IMAGES):
            add(archive, f"{i}.png", png(image))
        info = tarfile.TarInfo("link.png")
        info.type, info.linkname = kind, "0.png"
        archive.addfile(info)
    with pytest.raises(UnusableImage, match=r"a\.tar: its member 'link\.png' is a link"):
        gray("archive", tmp_path / "a.tar")
    np.testing.assert_array_equal(gray("archive", tmp_path / "a.tar", match="?.png"), IMAGES)
    opened = open_source("archive", path=str(tmp_path / "a.tar"), unreadable="skip", seed=0)
    np.testing.assert_array_equal(opened.read(0, 6)[:, 0], IMAGES)
    assert [name for name, _ in opened.skipped] == ["link.png"]


def test_an_lmdb_of_several_resolutions_needs_a_match(tmp_path):
    with (
        lmdb.open(str(tmp_path), map_size=2**20) as environment,
        environment.begin(write=True) as w,
    ):
        for i, image in enumerate(IMAGES):
            w.put(f"12-{i:05d}".encode(), png(image))
            w.put(f"6-{i:05d}".encode(), png(image[:6, :6]))
        w.put(b"length", b"6")
    for options in ({}, {"side": 6}):
        with pytest.raises(ImageError, match=r'several resolutions; .*`match`: "6-\*", "12-\*"'):
            gray("lmdb", tmp_path, **options)
    np.testing.assert_array_equal(gray("lmdb", tmp_path, match="12-*"), IMAGES)
    np.testing.assert_array_equal(gray("lmdb", tmp_path, match="6-*"), IMAGES[:, :6, :6])
    assert listed(tmp_path, "12-*") is not None
    # Two sources of one environment, as samples of another size have.
    both = [open_source("lmdb", path=str(tmp_path), match=m, seed=0) for m in ("12-*", "6-*")]
    assert [source.read(0, 6).shape[-1] for source in both] == [12, 6]


def test_idx_is_read_compressed_or_not(tmp_path):
    raw = struct.pack(">4I", 2051, *IMAGES.shape) + IMAGES.tobytes()
    path = tmp_path / "train-images-idx3-ubyte"
    for data in (raw, gzip.compress(raw)):
        path.write_bytes(data)
        np.testing.assert_array_equal(gray("idx", path), IMAGES)
        assert source_of(str(path)) == ("idx", {"path": str(path)})
    floats = (IMAGES / 255).astype(">f4")
    path.write_bytes(struct.pack(">4I", 0x0D03, *IMAGES.shape) + floats.tobytes())
    np.testing.assert_array_equal(gray("idx", path), floats.astype(np.float32))
    for data, said in (
        (raw[:-1], f"has {len(raw) - 1} bytes; shape"),
        (gzip.compress(raw)[:-9], "cannot be read as an IDX file"),
        (raw[:7], "cannot be read as an IDX file"),
        (struct.pack(">2I", 2049, 6) + bytes(6), "these are labels, not images"),
        (b"hello", "is not an IDX file"),
    ):
        path.write_bytes(data)
        with pytest.raises(ImageError, match=said):
            gray("idx", path)


class Evil:
    def __reduce__(self):
        return os.system, ("touch ran",)


def test_only_tensors_are_read_from_a_file(tmp_path):
    images, path = torch.from_numpy(IMAGES), tmp_path / "a.pt"
    for saved in (images, (images, torch.arange(6)), {"x": images, "y": torch.arange(6)}):
        torch.save(saved, path)
        np.testing.assert_array_equal(gray("tensors", path), IMAGES)
    floats = torch.rand(5, 3, 8, 8)
    torch.save({"a": floats, "b": images}, path)
    np.testing.assert_array_equal(everything("tensors", path, key="a", gray=None), floats)
    for saved, said in (
        ({"a": images, "b": images}, r"several arrays; name one with `key`: a \(6, 12, 12\), b"),
        (floats * 2 - 1, r"floats must lie in \[0, 1\]"),
        (images.long(), "holds int64"),
        ({"w": torch.rand(3), "n": 1, "b": torch.rand(3)}, "holds no images"),
        (Evil(), "holds more than tensors, and nothing of it was run"),
    ):
        torch.save(saved, path)
        with pytest.raises(ImageError, match=said):
            gray("tensors", path)
    assert not os.path.exists("ran")
    torch.save(images, path)
    with pytest.raises(ImageError, match="is a PyTorch file: `source: tensors` reads it"):
        gray("arrays", path)
    path.write_bytes(b"hello")
    with pytest.raises(ImageError, match="PyTorch file"):
        gray("tensors", path)


def test_hdf5_is_read_by_its_key(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["train/images"] = IMAGES
        file["train/labels"] = np.arange(6)
    np.testing.assert_array_equal(gray("hdf5", path), IMAGES)
    np.testing.assert_array_equal(gray("hdf5", path, key="/train/images"), IMAGES)
    with h5py.File(path, "a") as file:
        file["test"] = IMAGES[:3]
    with pytest.raises(ImageError, match=r"name one with `key`: test \(3, 12, 12\), train/images"):
        gray("hdf5", path)
    with pytest.raises(ImageError, match="has no array 'x'"):
        gray("hdf5", path, key="x")
    path.write_bytes(b"hello")
    with pytest.raises(ImageError, match="cannot be read as an HDF5 file"):
        gray("hdf5", path)


def test_hdf5_of_matlab_is_read_in_matlabs_order(tmp_path):
    """MATLAB's x of size (12, 9, 6) is stored as (6, 9, 12)."""
    images = IMAGES[:, :, :9]
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["x"] = images.transpose(1, 2, 0).transpose()
        file["x"].attrs["MATLAB_class"] = np.bytes_("uint8")
        file["square"] = IMAGES.transpose(1, 2, 0).transpose()
        file["square"].attrs["MATLAB_class"] = np.bytes_("uint8")
    np.testing.assert_array_equal(gray("hdf5", tmp_path / "a.mat", key="x", order="yxi"), images)
    with pytest.raises(ImageError, match=r"\(12, 12, 6\).*`order: yxi`"):
        gray("hdf5", tmp_path / "a.mat", key="square")


# TIFF files of several pages.


def stack(path, pages, **options):
    first, *others = [Image.fromarray(page) for page in pages]
    first.save(path, save_all=True, append_images=others, **options)


def test_every_page_of_a_tiff_is_an_image(tmp_path):
    stack(tmp_path / "a.tif", IMAGES[:4])
    (tmp_path / "b.png").write_bytes(png(IMAGES[4]))
    Image.fromarray(IMAGES[5]).save(tmp_path / "c.tif")
    opened = open_source("folder", path=str(tmp_path), seed=0)
    np.testing.assert_array_equal(opened.read(0, opened.count)[:, 0], IMAGES)
    assert opened.names == [*(f"a.tif, page {i}" for i in (1, 2, 3, 4)), "b.png", "c.tif"]
    np.testing.assert_array_equal(opened.read(2, 5)[:, 0], IMAGES[2:5])
    assert files.count(str(tmp_path)) is None  # only reading the files tells
    assert files.count(str(tmp_path), "*.png") == 1


def test_pages_of_a_tiff_by_another_name_are_not_left_out_silently(tmp_path):
    stack(tmp_path / "a.tif", IMAGES)
    (tmp_path / "a.tif").rename(tmp_path / "a.stk")
    with pytest.raises(ImageError, match=r"a\.stk: has several pages; .* named \.tif"):
        gray("folder", tmp_path)
    (tmp_path / "a.stk").write_bytes(png(IMAGES[0], "TIFF"))
    np.testing.assert_array_equal(gray("folder", tmp_path), IMAGES[:1])


def test_smaller_versions_of_a_page_are_not_images(tmp_path):
    with Image.open(io.BytesIO(png(IMAGES[0]))) as image:
        small = Image.fromarray(IMAGES[0, ::2, ::2])
        small.encoderinfo = {"tiffinfo": {254: 1}}
        image.save(tmp_path / "a.tif", save_all=True, append_images=[small])
    np.testing.assert_array_equal(gray("folder", tmp_path), IMAGES[:1])


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_page_that_is_damaged_is_not_left_out_silently(tmp_path):
    stack(tmp_path / "a.tif", IMAGES)
    data = (tmp_path / "a.tif").read_bytes()
    for length in (len(data) - 150, len(data) // 2, 60):
        (tmp_path / "a.tif").write_bytes(data[:length])
        with pytest.raises(ImageError, match=r"a\.tif"):
            gray("folder", tmp_path)


# Images that hardly vary.


def warned(*blocks) -> str:
    variation = Variation()
    for block in blocks:
        variation.add(block)
    return variation.warning()


def test_the_deviation_is_measured_from_the_mean_image():
    images = np.random.default_rng(0).random((40, 1, 8, 8)).astype(np.float32)
    variation = Variation()
    for block in np.split(images, [3, 17]):
        variation.add(block)
    expected = np.sqrt(((images - images.mean(0)) ** 2).mean())
    assert variation.deviation == pytest.approx(expected, rel=1e-6)
    assert warned(images) == warned(np.uint8(255 * images)) == ""


def test_images_that_hardly_vary_are_reported_with_the_likely_reason():
    generator = np.random.default_rng(0)
    masks = generator.integers(0, 2, (100, 1, 8, 8), np.uint8)
    assert "of 0 and 1, multiply them by 255" in warned(masks)
    assert "by 16" not in warned(masks)
    assert "divided by 255 twice" in warned((masks / 255).astype(np.float32))
    # The maximum variation of 12-bit values stored as 16 bits.
    assert "of 12 bits saved as 16, multiply them by 16" in warned(masks * np.uint8(15))
    assert 15 / 2 / 255 < HARDLY
    black = np.zeros((100, 1, 8, 8), np.uint8)
    black[7, 0, 3, 3] = 255  # whose maximum says nothing
    said = warned(black)
    assert "the images hardly vary" in said and "99 of 100 are of one value alone" in said
    assert "multiply" not in said
    same = np.repeat(masks[:1] * np.uint8(255), 100, 0)  # of full contrast
    assert "hardly vary" in warned(same)
