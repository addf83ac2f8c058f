"""Jobs that a run of snakemake left behind on a SLURM cluster when it was killed."""

import os
import shutil
import subprocess
import time


def _left_behind() -> list[str]:
    """Ids of this user's SLURM jobs that snakemake has submitted in the working directory."""
    asked = ["squeue", "--me", "--noheader", "--format=%i|%k|%Z"]
    # Where SLURM is installed but not in use squeue fails, and there are none.
    answer = subprocess.run(asked, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    jobs = [line.split("|", 2) for line in answer.stdout.splitlines()]
    here = os.getcwd()
    # The plugin's comment on a job is "rule_" and its name.
    return [job for job, comment, folder in jobs if comment.startswith("rule_") and folder == here]


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
