"""Records of how results were made, and jobs that refuse to run unplanned code or values."""

import os
import sys
import time

import pytest
import xarray as xr
from gahb import denoisers, store
from study import fingerprint, planned
from study.files import code_file
from study.origins import content, keep, kept_lines, marker, origin, unlike

MADE = {"values": {"recipe": {"steps": 60}}, "code": "code 12", "job": {"N": "8"}, "inputs": {}}
NOW = ({"N": "8"}, {"recipe": {"steps": 60}}, "code 12")
LONGER = ({"N": "8"}, {"recipe": {"steps": 61}}, "code 12")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def saved(path: str, parameters: dict = MADE, value: float = 1.0) -> str:
    """Write a store and return the file that represents it in rules."""
    attributes = store.provenance("Example", parameters)
    store.save(xr.Dataset({"a": store.variable("x", [value], "a")}, attrs=attributes), path)
    return f"{path}/zarr.json"


def test_weights_record_their_provenance_in_the_same_bytes_each_time():
    network, written = denoisers.initialized("bfcnn", 0, channels=4, layers=3), set()
    for _ in range(8):
        denoisers.save(network, "a.safetensors", "bfcnn", channels=4, layers=3, parameters=MADE)
        with open("a.safetensors", "rb") as file:
            written.add(file.read())
    assert len(written) == 1
    assert origin("a.safetensors") == MADE and content("a.safetensors")


def test_the_metadata_of_a_store_change_only_with_its_data():
    files = [saved(f"{number}.zarr", value=value) for number, value in enumerate((1.0, 1.0, 2.0))]
    texts = [open(file).read() for file in files]
    assert texts[0] == texts[1] != texts[2]
    assert content(files[0]) == content(files[1]) != content(files[2])


def test_files_without_a_record_have_no_origin(tmp_path):
    (tmp_path / "a.png").write_bytes(b"PNG")
    (tmp_path / "half.zarr").mkdir()
    for path in ("a.png", "half.zarr/zarr.json", "none.zarr/zarr.json"):
        assert origin(path) is content(path) is None
        assert unlike(path, *NOW) == []
    assert origin(saved("whole.zarr")) == MADE


def test_a_result_is_unlike_with_other_values_code_wildcards_and_inputs():
    images = saved("images.zarr")
    path = saved("a.zarr", MADE | {"inputs": {images: content(images)}})
    assert unlike(path, *NOW) == []
    assert unlike(path, *LONGER) == ["recipe.steps was 60, is 61"]
    assert unlike(path, NOW[0], NOW[1], "code 13") == ["the code that it runs has changed"]
    assert "made as another result" in unlike(path, {"N": "9"}, *NOW[1:])[0]
    saved("images.zarr", value=2.0)
    assert unlike(path, *NOW) == [f"{images} is not the one that it was made from"]


def test_a_marker_is_newer_and_always_different():
    path = saved("a.zarr")
    later = time.time() + 1000
    os.utime(path, (later, later))
    assert marker(path, *NOW) == []
    texts = set()
    for _ in range(2):
        (file,) = marker(path, *LONGER)
        assert os.stat(file).st_mtime > later
        texts.add(open(file).read())
    assert len(texts) == 2
    assert kept_lines([path]) == []  # nobody has accepted it


def test_kept_results_are_listed_until_something_else_changes():
    paths = [saved(f"{number}.zarr") for number in range(20)]
    keep((path, *LONGER) for path in paths)
    assert [marker(path, *LONGER) for path in paths] == [[]] * 20
    assert len(kept_lines(paths)) == 20
    assert marker(paths[0], LONGER[0], {"recipe": {"steps": 62}}, "code 12")
    saved("0.zarr", MADE | {"code": "code 11"})
    assert marker(paths[0], *LONGER)


# Jobs and their plan.


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """The code of a job with one module, and its plan."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "gahb").mkdir()
    for name, text in (("scripts/a.py", "import gahb.b\n"), ("gahb/b.py", "B = 1\n")):
        (tmp_path / name).write_text(text)
        os.utime(tmp_path / name, (1e9, 1e9))
    monkeypatch.setattr(fingerprint, "ROOT", tmp_path)
    for cached in (fingerprint._reached, fingerprint._imports):
        cached.cache_clear()
    monkeypatch.setattr(fingerprint, "_REACHED", {})
    monkeypatch.setenv(planned.VARIABLE, "")
    parameters = {"values": {"count": 4}, "code": fingerprint.code("a", [])}
    planned.write({"a.zarr": parameters})
    yield parameters
    fingerprint._reached.cache_clear()


def edited(text: str, when: float) -> None:
    with open("gahb/b.py", "w") as file:
        file.write(text)
    os.utime("gahb/b.py", (when, when))
    fingerprint._read.cache_clear()
    fingerprint.content.cache_clear()


def test_a_job_runs_only_what_was_planned(plan):
    planned.check("a.zarr", plan)
    with pytest.raises(planned.Changed, match=r"count was 4, is 5\. The run was planned before"):
        planned.check("a.zarr", plan | {"values": {"count": 5}})
    edited("B = 1  # a comment\n", 1e9)
    planned.check("a.zarr", plan)
    edited("B = 2\n", 1e9)
    with pytest.raises(planned.Changed, match=r"gahb/b\.py has changed"):
        planned.check("a.zarr", plan)


def test_code_that_is_written_while_a_job_starts_is_refused(plan):
    edited("B = 1\n", time.time())
    with pytest.raises(planned.Changed, match=r"gahb/b\.py was written while the job started"):
        planned.check("a.zarr", plan)
    os.remove("gahb/b.py")
    with pytest.raises(planned.Changed, match=r"gahb/b\.py is gone"):
        planned.check("a.zarr", plan)


def test_a_job_imports_all_its_modules_before_it_is_compared_with_its_plan(tmp_path, monkeypatch):
    """So later edits of modules that only the config names are not run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv(planned.VARIABLE, "")
    (tmp_path / "imported_early.py").write_text("def made(): ...")
    os.utime("imported_early.py", (1e9, 1e9))
    code = fingerprint.code("figure", ["gahb.figures.nats"], [code_file("imported_early:made")])
    planned.write({"a.png": {"values": {}, "code": code}})
    for name in (named := {"gahb.figures.nats", "imported_early"}):
        monkeypatch.delitem(sys.modules, name, raising=False)
    planned.check("a.png", {"values": {}, "code": code})
    assert named <= sys.modules.keys()


def test_the_hashes_of_a_file_are_of_one_version_of_it(tmp_path):
    file = tmp_path / "a.mplstyle"
    file.write_text("one")
    before = fingerprint.content(file)
    file.write_text("another")  # while a run is planned
    assert fingerprint.written(file) == before


def test_in_another_workflow_there_is_no_plan(plan, monkeypatch):
    monkeypatch.delenv(planned.VARIABLE)
    planned.check("a.zarr", {"values": {}, "code": "code 13"})
