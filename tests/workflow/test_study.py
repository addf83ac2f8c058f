"""The whole workflow on a tiny study: every job is run for real and every store is opened."""

import csv
import json
import re
import subprocess

import numpy as np
import pytest
import xarray as xr
from conftest import TINY
from gahb import networks, store
from study.verify import broken

FIGURES = [
    "pair/psnr_curves_calpha_tiny",
    "pair/samples_calpha_tiny",
    "pair/pairs_calpha_tiny",
    "pair/patches_calpha_tiny",
    "pair/history_calpha_tiny",
    "photographs/shrinkage_photo_cnn",
    "rates/rates_tiny",
    "disks/disks_disk_tiny",
    "shuffled/shuffled_cnn",
]


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_is_drawn(finished, figure):
    pdf = finished.folder / "results/figures" / f"{figure}.pdf"
    assert pdf.read_bytes().startswith(b"%PDF")
    assert pdf.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader(pdf.with_suffix(".csv").read_text().splitlines()))
    assert rows and all(value for row in rows for value in row.values())


def test_nothing_else_is_drawn(finished):
    drawn = (finished.folder / "results/figures").rglob("*.pdf")
    names = {str(p.relative_to(finished.folder / "results/figures"))[:-4] for p in drawn}
    assert names == set(FIGURES)


def test_every_store_opens_with_xarray_alone(finished):
    paths = sorted((finished.folder / "results").rglob("*.zarr"))
    assert {p.name for p in paths} == {
        f"{name}.zarr"
        for name in ("images", "split", "history", "psnr", "samples", "similarity", "eigenbasis")
    }
    for path in paths:
        opened = xr.open_zarr(path)
        assert opened.attrs["title"]
        assert opened.attrs["layout"] == store.LAYOUT
        assert json.loads(opened.attrs["parameters"]).keys() == {"values", "code", "upstream"}
        assert opened.attrs["version_torch"]
        for name, variable in opened.variables.items():
            assert variable.attrs["long_name"], (path, name)
            assert variable.attrs["units"], (path, name)


def test_every_store_is_whole(finished):
    assert broken(finished.folder / "results") == []


def test_verify_names_what_is_broken(finished, tmp_path):
    weights = finished.folder / "results/calpha/tiny/S1-8/weights.safetensors"
    (tmp_path / "weights.safetensors").write_bytes(weights.read_bytes()[:-100])
    (tmp_path / "psnr.zarr").mkdir()
    found = broken(tmp_path)
    assert len(found) == 2
    assert "psnr.zarr" in found[0]
    assert "weights.safetensors" in found[1]


def test_no_wall_clock_time_and_no_path_in_stores(finished):
    for path in (finished.folder / "results").rglob("zarr.json"):
        text = path.read_text()
        assert str(finished.folder) not in text
        assert not re.search(r"20\d\d-\d\d-\d\d", text)


def test_sides_and_test_set_share_no_image_and_no_picture(finished):
    for dataset in ("calpha", "photo"):
        split = xr.open_zarr(finished.folder / f"results/{dataset}/split.zarr")
        # A pair of networks has as many images as S2 each; a single one may have all of S1.
        parts = [split.S1.values[: split.sizes["member_S2"]], split.S2.values, split.test.values]
        if dataset == "photo":
            images = xr.open_zarr(finished.folder / "results/photo/images.zarr")
            parts = [images.picture.values[p] for p in parts]
        together = np.concatenate([np.unique(p) for p in parts])
        assert len(np.unique(together)) == len(together)


def test_shuffled_images_hold_the_same_pixels_in_one_other_order(finished):
    images, shuffled = (
        xr.open_zarr(finished.folder / f"results/{name}/images.zarr").images.values
        for name in ("photo", "photo-shuffled")
    )
    pixels, moved = images.reshape(len(images), -1), shuffled.reshape(len(images), -1)
    assert (pixels != moved).any()
    # Columns of the two matrices are the same up to their order.
    columns, moved_columns = ({c.tobytes() for c in m.T.copy()} for m in (pixels, moved))
    assert columns == moved_columns
    splits = [
        xr.open_zarr(finished.folder / f"results/{name}/split.zarr")
        for name in ("photo", "photo-shuffled")
    ]
    for part in ("S1", "S2", "test"):
        np.testing.assert_array_equal(splits[0][part], splits[1][part])


def test_bytes_stay_bytes(finished):
    assert xr.open_zarr(finished.folder / "results/photo/images.zarr").images.dtype == np.uint8


def test_pairs_start_from_the_same_weights_and_noise(finished):
    values = [
        json.loads(xr.open_zarr(finished.folder / path).attrs["parameters"])["values"]
        for path in (f"results/calpha/tiny/{s}-8/history.zarr" for s in ("S1", "S2"))
    ]
    assert values[0]["initialization_seed"] == values[1]["initialization_seed"]
    assert values[0]["seed"] != values[1]["seed"]
    drawn = [
        json.loads(xr.open_zarr(finished.folder / path).attrs["parameters"])["values"]
        for path in (f"results/calpha/tiny/{s}-8/samples.zarr" for s in ("S1", "S2"))
    ]
    assert drawn[0] == drawn[1]


def test_weights_hold_what_network_they_are_of(finished):
    network = networks.load(finished.folder / "results/calpha/tiny/S1-8/weights.safetensors")
    assert type(network).__name__ == "UNet"
    assert len(network.encoder) == TINY["networks"]["tiny"]["blocks"]


def test_summary_holds_every_network_and_is_printed(finished):
    text = (finished.folder / "results/summary.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert [(r["study"], r["dataset"], r["N"]) for r in rows] == [
        ("pair", "calpha", "1"),
        ("pair", "calpha", "8"),
        ("photographs", "photo", "16"),
        ("rates", "rough", "8"),
        ("rates", "calpha", "8"),
        ("disks", "disk", "8"),
        ("shuffled", "photo", "16"),
        ("shuffled", "photo-shuffled", "16"),
    ]
    assert all(r["train_psnr"] and r["test_psnr"] and r["slope"] for r in rows)
    assert [r["rate"] for r in rows] == ["0.667", "0.667", "", "0.500", "0.667", "", "", ""]
    assert text in finished.output


def test_a_mistake_in_the_config_stops_the_run_before_any_job(finished, tmp_path):
    study = type(finished)(tmp_path, TINY | {"seed": "zero"})
    output = study.run("all", fails=True)
    assert "seed: found 'zero'" in output
    assert not (tmp_path / "results").exists()


def test_plain_snakemake_finds_everything_up_to_date(finished):
    # Without a profile on the command line: profiles/default is loaded by itself.
    command = [a for a in finished.command("--", "all") if "profile" not in a]

    done = subprocess.run(command, cwd=finished.folder, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing to be done" in done.stdout + done.stderr
