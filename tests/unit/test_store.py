"""Stores appear whole or not at all, open with xarray alone, and damage is noticed."""

import json
import os

import numpy as np
import pytest
import xarray as xr
import zarr
from gahb import store


def example(value: float = 1.0) -> xr.Dataset:
    return xr.Dataset(
        {
            "psnr": store.variable(("sigma", "image"), np.full((3, 4), value), "PSNR", "dB"),
            "trace": store.variable((), 2.0, "trace"),
        },
        coords={"sigma": store.variable("sigma", [0.1, 0.2, 0.3], "noise level")},
        attrs=store.provenance("Example", {"values": {"N": 1}}),
    )


def assert_saved(found: xr.Dataset, saved: xr.Dataset) -> None:
    """A store is what was saved, and says the hash of its content."""
    assert len(found.attrs["content"]) == 32
    xr.testing.assert_identical(found.drop_attrs(deep=False), saved.drop_attrs(deep=False))
    assert {k: v for k, v in found.attrs.items() if k != "content"} == saved.attrs


def test_opens_with_xarray_alone(tmp_path):
    store.save(example(), tmp_path / "a.zarr")
    opened = xr.open_zarr(tmp_path / "a.zarr")
    assert_saved(opened.load(), example())
    assert zarr.open_group(tmp_path / "a.zarr").metadata.zarr_format == 3
    assert zarr.open_group(tmp_path / "a.zarr").metadata.consolidated_metadata is not None


@pytest.mark.filterwarnings("error::zarr.errors.UnstableSpecificationWarning")
def test_text_is_stored_in_a_type_that_zarr_specifies(tmp_path):
    names = ["", "a.png", "caf\u00e9.png", "a" * 300]
    store.save(
        xr.Dataset(
            {"file": store.variable("image", names, "file")},
            {"image": store.variable("image", ["a", "b", "c", "d"], "name")},
            store.provenance("Files", {}),
        ),
        tmp_path / "a.zarr",
    )
    opened = store.open_store(tmp_path / "a.zarr")
    assert opened.file.values.tolist() == names
    assert opened.file.sel(image="c").item() == names[2]
    assert store.problems(tmp_path / "a.zarr") == []
    metadata = json.loads((tmp_path / "a.zarr/file/zarr.json").read_text())
    assert metadata["data_type"] == "string"


@pytest.mark.parametrize("saved", [
    lambda opened, path: opened.to_zarr(path, zarr_format=2),
    lambda opened, path: opened.to_zarr(path, zarr_format=3),
    lambda opened, path: opened.to_netcdf(path, engine="scipy"),
])  # fmt: skip
@pytest.mark.parametrize("opened", [
    store.open_store, lambda path: xr.open_zarr(path).drop_encoding(),
])  # fmt: skip
def test_opened_stores_can_be_saved_in_any_form(tmp_path, opened, saved):
    store.save(example(), tmp_path / "a.zarr")
    saved(opened(tmp_path / "a.zarr"), tmp_path / "b")
    engine = "zarr" if (tmp_path / "b").is_dir() else "scipy"
    with xr.open_dataset(tmp_path / "b", engine=engine) as again:
        assert_saved(again.load(), example())


def test_same_content_gives_same_bytes(tmp_path):
    for name in ("a", "b"):
        store.save(example(), tmp_path / name)
    files = [p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file()]
    assert files
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def streamed(path, dims, shape, blocks) -> None:
    """A store of `images`, written a block at a time."""
    store.stream(
        xr.Dataset(attrs=store.provenance("Images", {})), path, "images",
        store.placeholder(dims, shape, "float32", "intensity"), iter(blocks),
    )  # fmt: skip


@pytest.mark.parametrize("lengths", [[10], [1] * 10, [3, 7], [0, 4, 0, 6]])
def test_streamed_in_any_blocks_is_the_same(tmp_path, monkeypatch, lengths):
    monkeypatch.setattr(store, "CHUNK_BYTES", 64)
    images = np.arange(10 * 6, dtype=np.float32).reshape(10, 6)
    blocks = np.split(images, np.cumsum(lengths)[:-1])
    streamed(tmp_path / "a.zarr", ("image", "x"), images.shape, blocks)
    opened = store.open_store(tmp_path / "a.zarr")
    np.testing.assert_array_equal(opened.images, images)
    assert xr.open_zarr(tmp_path / "a.zarr").images.encoding["chunks"] == (2, 6)
    assert store.problems(tmp_path / "a.zarr") == []


def test_shards_when_there_would_be_many_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "CHUNK_BYTES", 4)
    monkeypatch.setattr(store, "MOST_CHUNKS", 10)
    values = np.arange(95, dtype=np.float32)  # the last shard is not full
    streamed(tmp_path / "a.zarr", "image", values.shape, [values])
    array = zarr.open_group(tmp_path / "a.zarr")["images"]
    assert (array.chunks, array.shards) == ((1,), (10,))
    np.testing.assert_array_equal(store.open_store(tmp_path / "a.zarr").images, values)
    assert store.problems(tmp_path / "a.zarr") == []


def test_too_few_blocks_leave_nothing(tmp_path):
    with pytest.raises(store.StoreError, match="expected 10 entries of images, got 4"):
        streamed(tmp_path / "a.zarr", "image", (10,), [np.zeros(4, np.float32)])
    assert os.listdir(tmp_path) == []


def test_failed_write_leaves_the_old_store(tmp_path):
    store.save(example(1), tmp_path / "a.zarr")
    with pytest.raises(RuntimeError), store.atomic(tmp_path / "a.zarr") as partial:
        partial.mkdir()
        (partial / "half").touch()
        raise RuntimeError
    assert os.listdir(tmp_path) == ["a.zarr"]
    assert_saved(store.open_store(tmp_path / "a.zarr").load(), example(1))


def test_leftovers_of_a_killed_write_are_overwritten(tmp_path):
    (tmp_path / "a.zarr.partial" / "junk").mkdir(parents=True)
    store.save(example(), tmp_path / "a.zarr")
    assert os.listdir(tmp_path) == ["a.zarr"]
    assert not (tmp_path / "a.zarr" / "junk").exists()


def test_take_in_any_order_with_repeats():
    array = xr.DataArray(np.arange(20).reshape(10, 2), dims=("image", "x"))
    index = np.array([7, 0, 7, 3])
    np.testing.assert_array_equal(store.take(array, index), array.values[index])


def damage(path, how):
    chunk = path / "psnr/c/0/0"
    content = bytearray(chunk.read_bytes())
    if how == "flipped bit":
        content[len(content) // 2] ^= 1
        chunk.write_bytes(content)
    elif how == "lost chunk":
        chunk.unlink()
    elif how == "truncated chunk":
        chunk.write_bytes(content[:5])
    elif how == "broken metadata":
        (path / "zarr.json").write_text("{")
    elif how == "older layout":
        zarr.open_group(path, mode="a").attrs["layout"] = 0
        zarr.consolidate_metadata(path)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("flipped bit", "psnr is damaged"),
        ("lost chunk", "psnr has lost 1 of 1 chunks"),
        ("truncated chunk", "psnr is damaged"),
        ("broken metadata", "cannot be opened"),
        ("older layout", "has layout 0, this version reads layout 3"),
    ],
)
def test_damage_is_found_and_named(tmp_path, how, words):
    store.save(example(), tmp_path / "a.zarr")
    assert store.problems(tmp_path / "a.zarr") == []
    damage(tmp_path / "a.zarr", how)
    (found,) = store.problems(tmp_path / "a.zarr")
    assert str(tmp_path / "a.zarr") in found
    assert words in found


def test_values_that_are_not_finite_are_found_unless_declared(tmp_path):
    store.save(example(np.nan), tmp_path / "a.zarr")
    (found,) = store.problems(tmp_path / "a.zarr")
    assert "psnr is not finite" in found
    declared = example(np.nan)
    declared["psnr"].attrs["nan"] = "diverged"
    store.save(declared, tmp_path / "a.zarr")
    assert store.problems(tmp_path / "a.zarr") == []
