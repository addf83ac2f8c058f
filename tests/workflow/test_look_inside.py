"""docs/look_inside.py runs on the stores of a study."""

import csv
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT


def test_its_figures_and_numbers(finished, tmp_path):
    (tmp_path / "results").symlink_to(finished.folder / "results")
    script = ROOT / "docs" / "look_inside.py"
    done = subprocess.run(
        [sys.executable, script, "calpha/tiny", "photo/cnn/S1-16-seed0"],
        cwd=tmp_path, env=os.environ | {"MPLBACKEND": "agg"}, text=True, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for name in ("psnr_curves_by_hand.png", "eigenvectors_by_hand.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    rows = csv.DictReader((tmp_path / "results/summary.csv").read_text().splitlines())
    (row,) = [r for r in rows if r["study"] == "photographs"]

    def said(pattern: str) -> str:
        return re.search(pattern, done.stdout)[1]

    assert said(r"tr J = (\S+) of 64") == row["dimension"]
    asymmetry = float(said(r"\|J - J\^T\| / \|J \+ J\^T\| = (\S+)"))
    assert asymmetry == pytest.approx(float(row["asymmetry"]), abs=0.006)
    # Up to the asymmetry, which the shrinkage factors ignore.
    assert 0 < int(said(r"differs from f\(y\) by (\d+) %")) < 40
