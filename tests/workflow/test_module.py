"""The workflow as a module of another one: its own config, renamed rules and files."""

import csv
import os
import subprocess
import sys
import time

import pytest
import yaml
from conftest import ROOT

pytestmark = pytest.mark.slow

OUTER = f"""
configfile: "outer.yaml"

module gahb:
    snakefile: "{ROOT}/Snakefile"
    config: config["gahb"]
    prefix: "part"

use rule * from gahb as gahb_*

rule count:
    default_target: True
    input: table=rules.gahb_summary.output.summary, own="own.txt"
    output: "lines.txt"
    shell: "cat {{input}} | wc -l > {{output}}"
"""
CONFIG = {
    "datasets": {"calpha": {"source": "calpha", "alpha": 2, "side": 8, "images": 40, "test": 10}},
    "denoisers": {"tiny": {"architecture": "unet", "channels": 4, "blocks": 1, "training": "few"}},
    "training": {"few": {"steps": 20, "batch": 8, "learning_rate": 0.01}},
    "studies": {
        "small": {
            "datasets": ["calpha"], "denoisers": ["tiny"], "sizes": [8], "figures": ["psnr_curves"]
        }
    },
    "psnr": {"input_psnr": [0, 10, 15, 20], "count": 4},
}  # fmt: skip


def test_as_a_module(tmp_path):
    (tmp_path / "Snakefile").write_text(OUTER)
    (tmp_path / "outer.yaml").write_text(yaml.safe_dump({"gahb": CONFIG}))
    (tmp_path / "own.txt").write_text("a line\n")
    options = ["--cores", "2", "--rerun-triggers", "params", "mtime"]

    def run(*more) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", *options, *more],
            cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    assert "gahb_training" in run(
        "--", "count", "part/results/figures/small/psnr_curves_calpha_tiny.png"
    )
    assert (tmp_path / "lines.txt").read_text().strip() == "3"
    (row,) = csv.DictReader((tmp_path / "part/results/summary.csv").open())
    assert (row["N"], row["denoiser"]) == ("8", "tiny")
    assert (tmp_path / "part/logs/training").is_dir()
    assert not (tmp_path / "results").exists()
    # Time stamps count only for the rules of the other workflow.
    (tmp_path / "own.txt").write_text("a line\nand another\n")
    later = time.time() + 5
    for name in ("own.txt", "part/results/calpha/images.zarr"):
        os.utime(tmp_path / name, (later, later))
    planned = run("-n", "--", "count")
    assert "Updated input files: own.txt" in planned and "gahb_" not in planned, planned
