"""Jobs that a run of snakemake left behind on a SLURM cluster when it was killed."""

import os
import re
import shutil
import subprocess
import time


def _left_behind() -> list[str]:
    """Ids of this user's SLURM jobs of the working directory that snakemake has submitted."""
    lines = subprocess.run(
        ["squeue", "--me", "--noheader", "--format=%i|%k|%Z"],
        check=True, text=True, stdout=subprocess.PIPE,
    ).stdout.splitlines()  # fmt: skip
    found = [line.split("|", 2) for line in lines]
    here = os.getcwd()
    return [id for id, comment, folder in found if re.match("rule_", comment) and folder == here]


def cancel_what_was_left_behind() -> None:
    """Cancel such jobs and wait for their end: they write what this run is about to write.

    Snakemake's lock says that no other run is alive. Trainings save a checkpoint when cancelled.
    """
    if not shutil.which("squeue") or not (jobs := _left_behind()):
        return
    print(f"Cancelling SLURM jobs of a run that was killed: {' '.join(jobs)}", flush=True)
    subprocess.run(["scancel", *jobs], check=True)
    while _left_behind():
        time.sleep(2)
