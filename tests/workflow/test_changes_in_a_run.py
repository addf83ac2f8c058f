"""Config and code edited during a run: no job computes anything unplanned."""

import json
import time

import pytest
import yaml
from conftest import TINY, Study, checkout

SPLIT = "results/calpha/split.zarr/zarr.json"


def _edit_config(study):
    study.config["datasets"]["calpha"]["test"] = 9
    (study.folder / "study.yaml").write_text(yaml.safe_dump(study.config))


def _edit_code(study):
    script = study.source / "workflow/scripts/split.py"
    script.write_text(script.read_text() + "\nEDITED = 1\n")


@pytest.mark.parametrize(("edit", "words"), [(_edit_config, ""), (_edit_code, "scripts/split.py")])
def test_jobs_run_only_what_was_planned_and_the_next_run_is_right(tmp_path, edit, words):
    config = yaml.safe_load(yaml.safe_dump(TINY))
    (tmp_path / "run").mkdir()
    study = Study(tmp_path / "run", config, checkout(tmp_path / "project"))
    first = study.start(SPLIT)
    while not (study.folder / "logs/images/calpha.log").exists():
        assert first.poll() is None
        time.sleep(0.02)
    edit(study)
    output, _ = first.communicate(timeout=120)
    if words:
        log = (study.folder / "logs/split/calpha.log").read_text()
        assert words in log and "The run was planned before" in log, output
        assert first.returncode and not (study.folder / SPLIT).exists()
    else:  # on this machine jobs are given the planned values
        assert first.returncode == 0 and study.stale(SPLIT) == {"calpha/split.zarr"}, output
    study.run(SPLIT)
    made = json.loads((study.folder / SPLIT).read_text())["attributes"]["parameters"]
    assert json.loads(made)["values"]["test"] == config["datasets"]["calpha"]["test"]
    assert study.stale(SPLIT) == set()
