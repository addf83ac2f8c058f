"""Output of `make verify` for intact stores."""

import xarray as xr
from gahb import store
from study.verify import broken, made_otherwise


def test_stores_of_other_versions_are_counted(tmp_path):
    installed = store.provenance("Example", {})
    older = {"version_torch": "2.1.0"}
    for number, attributes in enumerate((installed, installed | older, installed | older)):
        dataset = xr.Dataset({"a": store.variable("x", [1.0], "a")}, attrs=attributes)
        store.save(dataset, tmp_path / f"{number}.zarr")
    torch = installed["version_torch"]
    assert made_otherwise(tmp_path) == [
        f"{tmp_path}: 2 stores were made with torch 2.1.0, {torch} is installed"
    ]
    assert broken(tmp_path) == []


def test_stores_of_one_kind_made_on_several_devices_are_counted(tmp_path):
    """Not stores of several kinds: images are made on CPUs, samples on GPUs."""
    here = store.provenance("Example", {})["device"]
    assert here.startswith("CPU")
    for place, device in (("a", here), ("b", "GPU 1"), ("c", "GPU 1"), ("d", None)):
        made = store.provenance("Example", {}) | {"device": device}
        made = {k: v for k, v in made.items() if v}  # earlier versions did not record it
        data = xr.Dataset({"a": store.variable("x", [1.0], "a")}, attrs=made)
        store.save(data, tmp_path / place / "psnr.zarr")
        store.save(data, tmp_path / f"{place}.zarr")
    assert made_otherwise(tmp_path) == [
        f"{tmp_path}: stores psnr.zarr were made on several devices: 2 on GPU 1, 1 on {here}"
    ]
