"""The whole workflow on a tiny study: every job is run and every store is opened."""

import csv
import json
import re
import subprocess

import pytest
import xarray as xr
from conftest import TINY
from gahb import split, store
from study.verify import broken

FIGURES = [
    *(f"pair/{name}_calpha_tiny"
      for name in ("psnr_curves", "samples", "pairs", "patches", "history", "verdict")),
    *(f"seeds/{name}_calpha_tiny" for name in ("psnr_curves", "samples", "agreement", "theories")),
    "slopes/slopes_tiny",
    "photographs/shrinkage_photo_cnn",
    "photographs/properties_photo",
    "geometry/geometry_cnn",
    "geometry/harmonics_all",
    *(f"phase/{name}_disk_watched"
      for name in ("dynamics", "along", "transition", "new_images", "disks", "dimension", "nats",
                   "likelihood")),
    "phase/phase_disk",
    "closed-forms/samples_disk_memorizer",
    "closed-forms/matrix_disk_memorizer",
    "truths/optimum_disk",
    "crossover/crossover_mixed",
]  # fmt: skip


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_is_drawn(finished, figure):
    pdf = finished.folder / "results/figures" / f"{figure}.pdf"
    assert pdf.read_bytes().startswith(b"%PDF")
    assert pdf.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader(pdf.with_suffix(".csv").read_text().splitlines()))
    # A single training image has no interval, and diverged samples are not compared.
    assert rows and all(
        value or name.endswith(("_low", "_high")) or row.get("memorized") == "most diverged"
        for row in rows
        for name, value in row.items()
    )


def test_nothing_else_is_drawn(finished):
    drawn = (finished.folder / "results/figures").rglob("*.pdf")
    names = {str(p.relative_to(finished.folder / "results/figures"))[:-4] for p in drawn}
    assert names == set(FIGURES)


def test_every_store_opens_with_xarray_alone(finished):
    paths = sorted((finished.folder / "results").rglob("*.zarr"))
    assert {p.name.partition("-")[0].removesuffix(".zarr") for p in paths} == {
        "images", "split", "history", "psnr", "samples", "similarity", "eigenbasis", "dynamics",
        "prediction", "density", "calibration", "agreement", "oracles", "harmonics",
        "redundancy", "properties", "beyond", "matrix",
    }  # fmt: skip
    for path in paths:
        opened = xr.open_zarr(path)
        assert opened.attrs["title"]
        assert opened.attrs["layout"] == store.LAYOUT
        assert json.loads(opened.attrs["parameters"]).keys() == {"values", "code", "job", "inputs"}
        assert opened.attrs["version_torch"]
        for name, variable in opened.variables.items():
            assert variable.attrs["long_name"], (path, name)
            assert variable.attrs["units"], (path, name)


def test_every_store_is_whole(finished):
    assert broken(finished.folder / "results") == []


def test_verify_names_what_is_broken(finished, tmp_path):
    weights = finished.folder / "results/calpha/tiny/S1-8-seed0/denoiser.safetensors"
    (tmp_path / "denoiser.safetensors").write_bytes(weights.read_bytes()[:-100])
    (tmp_path / "psnr.zarr").mkdir()
    found = broken(tmp_path)
    assert len(found) == 2
    assert "psnr.zarr" in found[0]
    assert "denoiser.safetensors" in found[1]


def test_no_wall_clock_time_and_no_path_in_stores(finished):
    for path in (finished.folder / "results").rglob("zarr.json"):
        text = path.read_text()
        assert str(finished.folder) not in text
        assert not re.search(r"20\d\d-\d\d-\d\d", text)


def test_subsets_and_test_set_share_no_image_and_no_picture(finished):
    for dataset in ("calpha", "photo"):
        made = xr.open_zarr(finished.folder / f"results/{dataset}/split.zarr")
        images = xr.open_zarr(finished.folder / f"results/{dataset}/images.zarr")
        parts = split.Split(*(made[part].values for part in ("S1", "S2", "test")))
        split.check(parts, images.sizes["image"], images.get("picture"))


def test_shuffled_images_are_split_like_their_originals(finished):
    of, shuffled = (
        xr.open_zarr(finished.folder / f"results/{name}/split.zarr")
        for name in ("photo", "photo-shuffled")
    )
    xr.testing.assert_equal(of, shuffled)


def test_pairs_start_from_the_same_weights_and_noise(finished):
    values = [
        json.loads(xr.open_zarr(finished.folder / path).attrs["parameters"])["values"]
        for path in (f"results/calpha/tiny/{s}-8-seed0/history.zarr" for s in ("S1", "S2"))
    ]
    assert values[0]["initialization_seed"] == values[1]["initialization_seed"]
    assert values[0]["seed"] != values[1]["seed"]
    drawn = [
        json.loads(xr.open_zarr(finished.folder / path).attrs["parameters"])["values"]
        for path in (f"results/calpha/tiny/{s}-8-seed0/samples.zarr" for s in ("S1", "S2"))
    ]
    assert drawn[0] == drawn[1]


def _summary(finished) -> list[dict]:
    return list(csv.DictReader((finished.folder / "results/summary.csv").open()))


def test_summary_holds_every_network_and_is_printed(finished):
    text = (finished.folder / "results/summary.csv").read_text()
    rows = _summary(finished)
    assert [(r["study"], r["dataset"], r["N"]) for r in rows] == [
        ("pair", "calpha", "1"),
        ("pair", "calpha", "8"),
        ("seeds", "calpha", "8"),
        ("slopes", "rough", "8"),
        ("slopes", "calpha", "8"),
        ("photographs", "photo", "16"),
        ("geometry", "photo", "16"),
        ("geometry", "photo-shuffled", "16"),
        ("phase", "disk", "8"),
        ("closed-forms", "disk", "8"),
        ("truths", "disk", "8"),
        ("crossover", "mixed", "8"),
    ]
    assert all(r["train_psnr"] and r["test_psnr"] and r["slope"] for r in rows)
    slopes = ["0.667", "0.667", "0.667", "0.500", "0.667", *[""] * 7]
    assert [r["minimax_slope"] for r in rows] == slopes
    assert text in finished.output


def test_networks_of_other_seeds_differ_and_give_an_interval(finished):
    results = finished.folder / "results"
    runs = [results / f"calpha/tiny/{s}-8-seed{n}" for s in ("S1", "S2") for n in (0, 1)]
    weights = {(run / "denoiser.safetensors").read_bytes() for run in runs}
    assert len(weights) == 4
    found = [xr.open_zarr(run / "psnr.zarr").psnr.sel(set="test") for run in runs[:2]]
    assert (found[0].mean("image") != found[1].mean("image")).all()
    (row,) = (r for r in _summary(finished) if r["study"] == "seeds")
    assert float(row["test_psnr_low"]) < float(row["test_psnr"]) < float(row["test_psnr_high"])
    ceiling = xr.open_zarr(results / "calpha/tiny/same-8-seed0/similarity.zarr").between
    assert float(row["ceiling"]) == pytest.approx(float(ceiling.median()), abs=1e-3)


def test_closed_forms_are_denoisers_like_any_other(finished):
    """The memorizer generates images of its training set."""
    results = finished.folder / "results/disk"
    similarity = xr.open_zarr(results / "memorizer/disjoint-8-seed0/similarity.zarr")
    assert float(similarity.closest.min()) > 0.999


def test_a_mistake_in_the_config_stops_the_run_before_any_job(finished, tmp_path):
    study = type(finished)(tmp_path, TINY | {"seed": "zero"})
    output = study.run("all", fails=True)
    assert "seed: found 'zero'" in output
    assert not (tmp_path / "results").exists()


def test_plain_snakemake_finds_everything_up_to_date(finished):
    # Without a profile on the command line profiles/default is loaded automatically.
    command = [a for a in finished.command("--", "all") if "profile" not in a]

    done = subprocess.run(command, cwd=finished.folder, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing to be done" in done.stdout + done.stderr
