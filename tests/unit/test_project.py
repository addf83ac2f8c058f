"""Pinned packages, the same everywhere."""

import re
import tomllib

import yaml
from conftest import ROOT

LOCK = (ROOT / "envs" / "requirements.lock").read_text().split()


def test_every_package_is_pinned_once():
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in LOCK)
    names = [re.sub("[._]", "-", line.split("==")[0].lower()) for line in LOCK]
    assert len(set(names)) == len(names)
    assert "torch==2.13.0" in LOCK


def test_conda_installs_the_same_pins():
    environment = yaml.safe_load((ROOT / "envs" / "environment.yml").read_text())
    (pins,) = [d["pip"] for d in environment["dependencies"] if isinstance(d, dict)]
    assert pins == LOCK


def test_all_requirements_are_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = sum(project["optional-dependencies"].values(), project["dependencies"])
    pinned = {re.sub("[._]", "-", line.split("==")[0].lower()) for line in LOCK}
    assert {re.split("[=<>]", name)[0].lower() for name in asked} <= pinned
