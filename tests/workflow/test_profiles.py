"""The profiles for SLURM, as dry runs: what jobs would ask a cluster for."""

import os
import re
import subprocess
import sys

import pytest
import yaml
from conftest import ROOT, checkout
from study.cost import jobs
from study.stale import planned

pytestmark = pytest.mark.slow


def dry_run(folder, *arguments: str) -> str:
    """A dry run of the default study in a fresh clone."""
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", *arguments],
        cwd=checkout(folder), check=True, text=True, stdout=subprocess.PIPE,
    ).stdout  # fmt: skip


def asked(output: str) -> dict[str, dict[str, str]]:
    """The resources of a job of each rule that has work for a cluster."""
    jobs = planned(output)
    found = {rule: dict(re.findall(r"(\w+)=([^,]+)", said["resources"])) for rule, said in jobs}
    return {rule: resources for rule, resources in found.items() if "expected_seconds" in resources}


@pytest.mark.parametrize("profile", ["slurm", "profiles/slurm"])
def test_what_jobs_ask_for(tmp_path, profile):
    found = asked(dry_run(tmp_path, "--profile", profile, "all"))
    on_gpu = {rule for rule, resources in found.items() if resources.get("gpu") == "1"}
    assert on_gpu == {
        "training", "psnr", "samples", "similarity", "calibration", "agreement", "density",
        "dynamics", "eigenbasis",
    }  # fmt: skip
    assert found.keys() - on_gpu == {
        "images", "reference", "prediction", "harmonics", "redundancy",
    }  # fmt: skip
    assert all(int(r["mem_mb"]) >= 1000 and int(r["runtime"]) >= 10 for r in found.values())
    assert found["training"]["slurm_extra"] == "--signal=TERM@300"


def test_a_site_overrides(tmp_path):
    output = dry_run(tmp_path, "--profile", "profiles/slurm-site", "all")
    found = asked(output)
    assert {r["slurm_account"] for r in found.values()} == {"diffusion"}
    assert {r["constraint"] for r in found.values()} == {"scratch"}
    assert "--signal" in found["training"]["slurm_extra"]
    assert found["training"]["runtime"] == "720"
    assert found["similarity"]["gpu"] == "0"
    # Packed jobs are counted, too.
    assert len(jobs(output)) == len(planned(output)) == 134
    assert {"psnr", "samples", "eigenbasis"} <= {job["rule"] for job in jobs(output) if job["gpus"]}


def test_the_default_profile_lies_over_the_others():
    """It replaces a key of theirs, a whole block if it is one; so they have none in common."""
    assert os.readlink(ROOT / "slurm") == "profiles/slurm"
    default, *others = (
        yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text()).keys()
        for name in ("default", "local", "slurm", "slurm-site")
    )
    assert all(default.isdisjoint(keys) for keys in others)
