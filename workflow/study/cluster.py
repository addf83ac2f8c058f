"""Jobs and the end of their run: on this machine, and left behind on a SLURM cluster."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil


def _left_behind() -> list[str] | None:
    """Ids of this user's SLURM jobs that snakemake has submitted in the working directory.

    None if squeue does not answer.
    """
    asked = ["squeue", "--me", "--noheader", "--format=%i|%k|%Z"]
    answer = subprocess.run(asked, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if answer.returncode:
        return None
    jobs = [line.split("|", 2) for line in answer.stdout.splitlines()]
    here = os.getcwd()
    # The plugin's comment on a job is "rule_" and its name.
    return [job for job, comment, folder in jobs if comment.startswith("rule_") and folder == here]


def cancel_what_was_left_behind() -> None:
    """Cancel such jobs and wait for their end: they may write what this run is about to write.

    Trainings save a checkpoint when cancelled. If another run holds a lock in this folder, the jobs
    may be its own, and its lock says that it writes other files: nothing is cancelled. If SLURM is
    installed but squeue does not answer, nothing is done.
    """
    locks = Path(".snakemake/locks").glob("*.output.lock")
    if not shutil.which("squeue") or len(list(locks)) > 1 or not (jobs := _left_behind()):
        return
    print(f"Cancelling SLURM jobs of a run that was killed: {' '.join(jobs)}", flush=True)
    subprocess.run(["scancel", *jobs])  # it is not an error if a job has just ended
    while _left_behind() != []:
        time.sleep(2)


def interrupt_jobs_too() -> None:
    """Pass on a SIGINT that reaches only snakemake to its jobs on this machine.

    Ctrl-C reaches all of them. A SIGINT from another program does not, and snakemake would wait
    until the running jobs are done.
    """

    def pass_on(number, frame):
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.send_signal(number)
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, pass_on)
