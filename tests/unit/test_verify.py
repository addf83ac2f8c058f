"""What `make verify` says of stores that are whole."""

import xarray as xr
from gahb import store
from study.verify import broken, of_other_versions


def test_stores_of_other_versions_are_counted(tmp_path):
    installed = store.provenance("Example", {})
    older = {"version_torch": "2.1.0"}
    for number, attributes in enumerate((installed, installed | older, installed | older)):
        dataset = xr.Dataset({"a": store.variable("x", [1.0], "a")}, attrs=attributes)
        store.save(dataset, tmp_path / f"{number}.zarr")
    torch = installed["version_torch"]
    assert of_other_versions(tmp_path) == [
        f"{tmp_path}: 2 stores were made with torch 2.1.0, {torch} is installed"
    ]
    assert broken(tmp_path) == []
