"""Jobs left behind on a cluster, with a squeue and a scancel that stand in for SLURM's."""

import pytest
from study.cluster import cancel_what_was_left_behind


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """Jobs of this folder and of others in the queue, until scancel is called."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (tmp_path / "queue").write_text(
        f"7|rule_train_wildcards_S1|{tmp_path}\n8|rule_train|/elsewhere\n9|mine|{tmp_path}\n"
    )
    for name, script in (
        ("squeue", f"cat {tmp_path}/queue"),
        ("scancel", f"echo $@ >> {tmp_path}/cancelled; : > {tmp_path}/queue"),
    ):
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.chdir(tmp_path)
    locks = tmp_path / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").touch()
    return tmp_path


def test_jobs_of_this_folder_are_cancelled_and_no_others(queue):
    cancel_what_was_left_behind()
    assert (queue / "cancelled").read_text() == "7\n"


def test_nothing_is_cancelled_next_to_another_run(queue):
    (queue / ".snakemake/locks/1.output.lock").touch()
    cancel_what_was_left_behind()
    assert not (queue / "cancelled").exists()


def test_a_cluster_that_does_not_answer_stops_no_run(queue):
    (queue / "bin/squeue").write_text("#!/bin/sh\ncat queue; exit 1\n")
    cancel_what_was_left_behind()
    assert not (queue / "cancelled").exists()
