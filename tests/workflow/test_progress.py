"""What a run shows: a line for each job on a terminal, plain lines in a log."""

import os
import pty
import re
import shutil
import subprocess

import pytest
from conftest import Study

FIGURE = "results/figures/photographs/shrinkage_photo_cnn.pdf"


@pytest.fixture
def study(finished, tmp_path):
    ignored = shutil.ignore_patterns("locks")  # another test may hold one
    shutil.copytree(finished.folder, tmp_path / "run", ignore=ignored)
    (tmp_path / "run" / FIGURE).unlink()
    return Study(tmp_path / "run", finished.config)


def on_a_terminal(study: Study, *arguments: str) -> str:
    """The output of snakemake where it believes that it is shown on a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        study.command(*arguments), cwd=study.folder, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # how Linux says that the other end is closed
            part = b""
        if not part:
            break
        shown += part
    os.close(ours)
    assert process.wait() == 0, shown.decode()
    return shown.decode()


def test_on_a_terminal_a_job_is_one_line(study):
    shown = on_a_terminal(study, FIGURE)
    assert "\x1b[Kfigure_shrinkage (study=photographs, of=photo_cnn)" in shown
    assert "1 of 1 steps (100%) done" in shown
    assert "jobid" not in shown
    # What is left out there is kept.
    newest = max((study.folder / ".snakemake/log").iterdir())
    assert "jobid" in newest.read_text()


def test_in_a_log_lines_are_plain_and_say_how_many_jobs_are_left(finished):
    assert "\x1b" not in finished.output
    assert "\r" not in finished.output
    lines = re.findall(r"^(\d+) of (\d+) steps \(\d+%\) done(.*)$", finished.output, re.MULTILINE)
    count = int(lines[0][1])
    assert [int(done) for done, _, _ in lines] == list(range(1, count + 1))
    for done, _, rest in lines[:-1]:
        assert rest.startswith(f", {count - int(done)} left")
    assert re.fullmatch(r", 1 left, about \d+ min", lines[-2][2])
    assert lines[-1][2] == ""
