"""docs/look_inside.py runs on the stores of a study."""

import csv
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT


@pytest.fixture(scope="module")
def looked(finished, tmp_path_factory):
    """The folder in which it was run, and what it printed."""
    folder = tmp_path_factory.mktemp("look")
    (folder / "results").symlink_to(finished.folder / "results")
    script = ROOT / "docs" / "look_inside.py"
    done = subprocess.run(
        [sys.executable, script, "calpha/tiny", "photo/cnn/S1-16-seed0"],
        cwd=folder,
        env=os.environ | {"MPLBACKEND": "agg"},
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_it_draws_two_figures(looked):
    folder, _ = looked
    for name in ("psnr_curves_by_hand.png", "eigenvectors_by_hand.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_its_numbers_are_those_of_the_summary(looked):
    folder, printed = looked
    rows = csv.DictReader((folder / "results/summary.csv").read_text().splitlines())
    (row,) = [r for r in rows if r["study"] == "photographs"]
    assert re.search(r"tr J = (\S+) of 64", printed)[1] == row["dimension"]
    found = re.search(r"\|J - J\^T\| / \|J \+ J\^T\| = (\S+)", printed)[1]
    assert float(found) == pytest.approx(float(row["asymmetry"]), abs=0.006)


def test_the_spectrum_rebuilds_the_denoised_image(looked):
    # Up to the asymmetry of J, which the shrinkage factors do not see.
    _, printed = looked
    percent = int(re.search(r"differs from f\(y\) by (\d+) %", printed)[1])
    assert 0 < percent < 40
