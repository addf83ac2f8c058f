"""The user's own data sets, from files to splits: made, kept, refused and fetched."""

import copy
import functools
import hashlib
import http.server
import os
import shutil
import threading

import numpy as np
import pytest
import xarray as xr
from conftest import TINY, Study, over_the_default
from PIL import Image
from study import figures, files
from study.config import ConfigError, checked

SPLIT = "results/mine/split.zarr/zarr.json"
DUPLICATES = "results/mine/duplicates.zarr/zarr.json"


def pictures(folder, count=40):
    """Smooth random color pictures, larger than the images made of them; 7 is a copy of 3."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for i in range(count):
        small = generator.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        image = Image.fromarray(small).resize((40, 48), Image.Resampling.BICUBIC)
        if i != 7:
            image.save(folder / f"{i:03}.png")
    shutil.copy(folder / "003.png", folder / "007.png")


def study(folder, **options) -> Study:
    """A study of one data set, "mine"."""
    folder.mkdir(exist_ok=True)
    config = copy.deepcopy(TINY)
    figures = {
        "datasets": ["mine"],
        "denoisers": ["tiny"],
        "sizes": [8],
        "figures": ["psnr_curves"],
    }
    config |= {
        "run": ["mine"], "datasets": {"mine": {"test": 6, **options}}, "studies": {"mine": figures}
    }  # fmt: skip
    return Study(folder, config)


def log(study, rule, name="mine") -> str:
    return (study.folder / "logs" / rule / f"{name}.log").read_text()


FOLDER = {"source": "folder", "path": "pictures", "crop": "center", "side": 16, "gray": None}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Study:
    made = study(tmp_path_factory.mktemp("data") / "mine", **FOLDER)
    pictures(made.folder / "pictures")
    made.run(SPLIT)
    return made


@pytest.fixture
def copied(made, tmp_path) -> Study:
    shutil.copytree(made.folder, tmp_path / "mine")
    return Study(tmp_path / "mine", copy.deepcopy(made.config))


def stale(study) -> set[str]:
    """The part of the split and its inputs that a new process would make again."""
    files.listing.cache_clear()
    files._files.cache_clear()
    return study.stale(SPLIT)


def test_files_become_images_without_near_duplicates(made):
    images, split, duplicates = (
        xr.open_zarr(made.folder / f"results/mine/{kind}.zarr")
        for kind in ("images", "split", "duplicates")
    )
    assert images.images.dims == ("image", "channel", "y", "x")
    assert images.images.shape == (40, 3, 16, 16)
    assert images.images.dtype == np.uint8
    assert images.file.values[7] == "007.png"
    assert duplicates.dropped.values.tolist() == [7]
    assert duplicates.duplicate_of.values.tolist() == [3]
    assert duplicates.cosine.values == pytest.approx(1)
    assert sorted([*split.S1.values, *split.test.values]) == [i for i in range(40) if i != 7]
    assert split.sizes["member_S2"] == 16


def test_color_images_train_a_network(copied):
    copied.run("results/mine/tiny/S1-8-seed0/psnr.zarr/zarr.json")
    psnr = xr.open_zarr(copied.folder / "results/mine/tiny/S1-8-seed0/psnr.zarr").psnr
    assert np.isfinite(psnr).all()


def test_touched_and_moved_files_make_nothing_stale(copied):
    for path in (copied.folder / "pictures").iterdir():
        os.utime(path)
    assert not stale(copied)
    (copied.folder / "pictures").rename(copied.folder / "elsewhere")
    assert not stale(copied)  # results without their files, as on another machine
    copied.config["datasets"]["mine"]["path"] = "elsewhere"
    assert not stale(copied)


def test_changed_files_make_the_data_set_stale(copied):
    shutil.copy(copied.folder / "pictures/000.png", copied.folder / "pictures/999.png")
    assert stale(copied) == {f"mine/{made}.zarr" for made in ("images", "duplicates", "split")}


def test_the_threshold_does_not_make_images_stale(copied):
    copied.config["datasets"]["mine"]["duplicates"] = None
    assert stale(copied) == {"mine/split.zarr"}


def test_skipped_files_are_listed_in_the_store(tmp_path):
    skipping = study(tmp_path / "mine", **FOLDER, unreadable="skip", duplicates=None)
    pictures(skipping.folder / "pictures", 14)
    (skipping.folder / "pictures/notes.txt").write_text("no picture")
    skipping.run("results/mine/images.zarr/zarr.json")
    images = xr.open_zarr(skipping.folder / "results/mine/images.zarr")
    assert images.sizes["image"] == 14
    assert images.skipped.values.tolist() == ["notes.txt"]
    assert "cannot be read" in images.skipped_because.values[0]


def test_a_data_set_that_keeps_near_duplicates_drops_none(tmp_path):
    keeping = study(tmp_path / "mine", **FOLDER, duplicates=None)
    pictures(keeping.folder / "pictures", 14)
    said = keeping.run("--dry-run", DUPLICATES, fails=True)
    assert f"No rule to produce {DUPLICATES}" in said and "KeyError" not in said


def test_missing_data_are_named_but_do_not_stop_a_dry_run(tmp_path):
    missing = study(tmp_path / "mine", **FOLDER)
    assert "rule images:" in missing.run("--dry-run", "all")
    said = missing.run(SPLIT, fails=True)
    assert "datasets.mine.path: found 'pictures'; there is no such file or folder" in said
    assert not (missing.folder / "logs").exists()


def test_a_mistyped_path_of_a_data_set_with_results_is_reported(copied):
    copied.config["datasets"]["mine"]["path"] = "picture"
    said = copied.run("--dry-run", SPLIT)
    assert "Nothing to be done" in said
    assert "datasets.mine.path: picture is not there; what was made from it stays valid" in said


def test_requests_that_the_images_cannot_meet_are_refused(copied):
    copied.config["studies"]["mine"]["sizes"] = [34]
    said = copied.run("results/mine/tiny/S1-34-seed0/denoiser.safetensors", fails=True)
    assert "N = 34" in said
    assert "at most 33 images of the 40" in said
    copied.config["studies"]["mine"]["sizes"] = [8]
    copied.config["denoisers"]["tiny"]["blocks"] = 3
    copied.config["datasets"]["mine"] |= {"side": None, "crop": 20}
    with pytest.raises(ConfigError, match=r"20 pixels of mine are not a multiple of 2\^3"):
        checked(copied.config)
    copied.config["datasets"]["mine"]["crop"] = {"rows": [0, 40]}
    copied.config["denoisers"]["tiny"]["blocks"] = 4
    said = copied.run("results/mine/tiny/S1-8-seed0/denoiser.safetensors", fails=True)
    assert "40 x 40 pixels" in said
    assert "2^4" in said


# Files from a URL.


@pytest.fixture
def server(tmp_path):
    """A folder served on this machine, and its URL."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_file_is_fetched_once_and_verified(tmp_path, server):
    served, url = server
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8), dtype=np.uint8)
    np.savez(served / "mine.npz", images=images)
    sha256 = hashlib.sha256((served / "mine.npz").read_bytes()).hexdigest()
    fetching = study(
        tmp_path / "mine", source="arrays", path=f"{url}/mine.npz", sha256=sha256, duplicates=None
    )
    data = fetching.folder / "data"

    good = (served / "mine.npz").read_bytes()
    (served / "mine.npz").write_bytes(good[:-1] + b"x")
    fetching.run(SPLIT, fails=True)
    said = log(fetching, "fetched", f"{sha256}/mine.npz").splitlines()[-1]
    assert f"{url}/mine.npz could not be fetched" in said
    assert "hash" in said
    assert [p for p in data.rglob("*") if p.is_file()] == []

    (served / "mine.npz").write_bytes(good)
    fetching.run(SPLIT)
    found = xr.open_zarr(fetching.folder / "results/mine/images.zarr").images
    np.testing.assert_array_equal(found[:, 0], images)
    assert [p.name for p in data.rglob("*") if p.is_file()] == ["mine.npz"]

    # Another data set from the same file needs no server; results need no file.
    (served / "mine.npz").unlink()
    fetching.config["datasets"]["half"] = {
        **fetching.config["datasets"]["mine"], "side": 8, "gray": "luma"
    }  # fmt: skip
    fetching.run("results/half/images.zarr/zarr.json")
    shutil.rmtree(data)
    fetching.config["datasets"]["mine"]["path"] = "http://mirror.invalid/mine.npz"
    assert not stale(fetching)


# The larger studies.


@pytest.mark.slow
@pytest.mark.parametrize("name", ["studies/paper.yaml", "studies/faces.yaml"])
def test_larger_studies_have_a_plan_without_their_data(tmp_path, name):
    config = over_the_default(name)
    made = Study(tmp_path, config).stale()
    for study in config["run"]:
        entry = config["studies"][study]
        assert {f"{dataset}/images.zarr" for dataset in entry["datasets"]} <= made
        for figure in entry["figures"]:
            for job in figures.all_of(config, study, figures.declared()[figure]["compares"]):
                assert f"figures/{study}/{figure}_{job['of']}.png" in made
