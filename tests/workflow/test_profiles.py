"""The profiles for SLURM, in dry runs: resources that jobs would request."""

import os

import pytest
import yaml
from conftest import ROOT, checkout
from study.cost import jobs
from study.dry_run import planned

pytestmark = pytest.mark.slow


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A fresh clone in which the default study is planned."""
    monkeypatch.chdir(checkout(tmp_path))
    monkeypatch.setattr(os, "environ", os.environ.copy())


def asked(arguments: list[str]) -> dict[str, dict]:
    """The resources of a job of each rule that has work for a cluster; its cost is measured."""
    return {j.rule_name: dict(j.resources.items()) for j in planned(arguments) if j.benchmark}


@pytest.mark.parametrize("profile", ["slurm", "profiles/slurm"])
def test_resources_that_jobs_request(clone, profile):
    found = asked(["--profile", profile, "all"])
    on_gpu = {rule for rule, resources in found.items() if resources.get("gpu") == 1}
    assert on_gpu == {
        "training", "psnr", "samples", "similarity", "calibration", "agreement", "density",
        "dynamics", "eigenbasis",
    }  # fmt: skip
    assert found.keys() - on_gpu == {
        "images", "reference", "prediction", "harmonics", "redundancy", "beyond",
    }  # fmt: skip
    assert all(int(r["mem_mb"]) >= 1000 and int(r["runtime"]) >= 10 for r in found.values())
    assert found["training"]["slurm_extra"] == "--signal=TERM@300"


def test_a_site_overrides(clone):
    arguments = ["--profile", "profiles/slurm-site", "all"]
    found = asked(arguments)
    assert {r["slurm_account"] for r in found.values()} == {"diffusion"}
    assert {r["constraint"] for r in found.values()} == {"scratch"}
    assert "--signal" in found["training"]["slurm_extra"]
    assert found["training"]["runtime"] == 720
    assert found["similarity"]["gpu"] == 0
    # Packed jobs are counted, too.
    listed = jobs(arguments)
    assert len(listed) == len(planned(arguments))
    assert {"psnr", "samples", "eigenbasis"} <= set(listed[listed.GPUs > 0].rule)


def test_the_default_profile_lies_over_the_others():
    """It replaces keys of theirs, even whole blocks, so they must have none in common."""
    assert os.readlink(ROOT / "slurm") == "profiles/slurm"
    default, *others = (
        yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text()).keys()
        for name in ("default", "local", "slurm", "slurm-site")
    )
    assert all(default.isdisjoint(keys) for keys in others)
