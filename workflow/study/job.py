"""What every script does: its arguments, log, threads, device, progress and errors."""

import contextlib
import dataclasses
import functools
import os
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable

from gahb import store
from tqdm import tqdm

_LINE = "{n_fmt} of {total_fmt}{unit}, {rate_fmt}{postfix}, {elapsed} passed, {remaining} left"


class _Lines(tqdm):
    """Progress as plain lines: a bar would be drawn over and over in one line of the log."""

    @staticmethod
    def status_printer(file):
        return lambda line: line and print(line.strip(), file=file, flush=True)


@dataclasses.dataclass(frozen=True)
class Job:
    """What a script is told beside its files and values; the defaults are those of a REPL.

    name: the rule and its wildcards.
    parameters: what goes into the provenance of its stores.
    resources: of the rule, by name.
    threads: cores that it may use.
    log: path of its log.
    """

    name: str = ""
    parameters: dict = dataclasses.field(default_factory=dict)
    resources: dict = dataclasses.field(default_factory=dict)
    threads: int = 1
    log: str = ""

    @functools.cached_property
    def device(self):
        """torch's device: the GPU if there is one, else the CPU."""
        import torch  # here, because figures need none and start a second earlier without it

        return torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def warn(self, text: str) -> None:
        """Say it in the log, and beside it: nobody reads the log of a job that succeeds."""
        print(f"Warning: {text}")
        if self.name:
            print(f"Warning: {self.name}: {text}", file=sys.__stderr__, flush=True)

    def progress(self, total: int, unit: str) -> tqdm:
        """A bar on the terminal, or without one a line in the log each minute."""
        shape = {"total": total, "unit": f" {unit}", "unit_scale": True}
        if sys.__stderr__.isatty():
            # It vanishes at the end, so that jobs side by side take turns in one line.
            return tqdm(**shape, desc=self.name, file=sys.__stderr__, leave=False, mininterval=1)
        return _Lines(**shape, bar_format=_LINE, delay=1, mininterval=60, maxinterval=60)


def _end_with(pid: int) -> None:
    """End this process by SIGTERM when another ends.

    A job whose snakemake was killed would run on, beside those of the next run.
    """
    if hasattr(os, "pidfd_open"):  # Linux
        with contextlib.suppress(ProcessLookupError):
            select.select([os.pidfd_open(pid)], [], [])
        os.kill(os.getpid(), signal.SIGTERM)


def run(main: Callable, snakemake, **more) -> None:
    """Call a script's `main` with the inputs, outputs and values of a job, by name.

    `more` are arguments that make nothing stale.
    Everything that it prints goes to its log, and an error also in a line at the end. If it fails,
    its input stores are checked, so that the one that is damaged is named.

    The number of threads is the rule's: results of a CPU depend on it in the last bits.
    """
    if "SNAKEMAKE_PID" in os.environ:
        threading.Thread(
            target=_end_with, args=[int(os.environ["SNAKEMAKE_PID"])], daemon=True
        ).start()
    os.environ["OMP_NUM_THREADS"] = str(snakemake.threads)
    if torch := sys.modules.get("torch"):  # too late for the variable
        torch.set_num_threads(snakemake.threads)
    names = ", ".join(f"{k}={v}" for k, v in snakemake.wildcards.items())
    job = Job(
        f"{snakemake.rule} ({names})",
        dict(snakemake.params.items()),
        dict(snakemake.resources.items()),
        snakemake.threads,
        log=snakemake.log[0],
    )
    files = {
        name: path if isinstance(path, str) else list(path)
        for name, path in (*snakemake.input.items(), *snakemake.output.items())
    }
    with open(snakemake.log[0], "w", buffering=1, errors="backslashreplace") as log:
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            if "SLURM_JOB_ID" in os.environ:
                print(f"SLURM job {os.environ['SLURM_JOB_ID']} on {os.environ['SLURMD_NODENAME']}")
            try:
                main(**files, **snakemake.params.values, **more, job=job)
            except Exception as error:
                traceback.print_exc()
                print(f"\n{job.name}: {error}")
                for path in snakemake.input:
                    if path.endswith(".zarr"):
                        print(*store.problems(path), sep="\n", end="")
                sys.exit(1)
