"""Common parts of every script: arguments, log, threads, device, progress and errors."""

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

from study import gpus, planned
from study.origins import content

#: End of the path of the file that represents a store in rules: it changes if the store does.
STORE = "/zarr.json"
#: Input of a rule that is not meant for its script (`study.origins`).
MARKER = "stale"
_LINE = "{n_fmt} of {total_fmt}{unit}, {rate_fmt}{postfix}, {elapsed} passed, {remaining} left"


class _Lines(tqdm):
    """Progress as plain lines: a bar would be redrawn over and over in one line of the log."""

    @staticmethod
    def status_printer(file):
        return lambda line: line and print(line.strip(), file=file, flush=True)


@dataclasses.dataclass(frozen=True)
class Job:
    """Settings of a script beyond its files and values; the defaults are for a REPL.

    name: the rule and its wildcards.
    parameters: the provenance of its stores: `values`, `code`, wildcards (`job`), and the content
        of its `inputs`.
    resources: resources of the rule, by name.
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
        """torch's device: a GPU if there is one and the job requests one, else the CPU."""
        import torch  # here, because figures start a second earlier without it

        if not torch.cuda.is_available() or not self.resources.get("gpu", 1):
            return torch.device("cpu")
        place = gpus.taken(torch.cuda.device_count())
        torch.cuda.set_device(place)
        return torch.device("cuda", place)

    def warn(self, text: str) -> None:
        """Write to the log and the terminal: the log of a successful job goes unread."""
        print(f"Warning: {text}")
        if self.name:
            print(f"Warning: {self.name}: {text}", file=sys.__stderr__, flush=True)

    def progress(self, total: int, unit: str) -> tqdm:
        """A progress bar on a terminal, otherwise a line in the log each minute."""
        shape = {"total": total, "unit": f" {unit}", "unit_scale": True}
        if sys.__stderr__.isatty():
            # The bar vanishes at the end, so that concurrent jobs take turns on one line.
            return tqdm(**shape, desc=self.name, file=sys.__stderr__, leave=False, mininterval=1)
        return _Lines(**shape, bar_format=_LINE, delay=1, mininterval=60, maxinterval=60)


def _end_with(pid: int) -> None:
    """End this process with SIGTERM when another process ends.

    A job whose snakemake was killed would otherwise keep running, next to the jobs of the next run.
    """
    if hasattr(os, "pidfd_open"):  # Linux
        with contextlib.suppress(ProcessLookupError):
            select.select([os.pidfd_open(pid)], [], [])
        os.kill(os.getpid(), signal.SIGTERM)


def _paths(files) -> dict[str, str | list[str]]:
    """The named inputs or outputs of a rule, with stores as their folders."""

    def folder(path):
        return str(path).removesuffix(STORE)

    return {
        name: folder(path) if isinstance(path, str) else list(map(folder, path))
        for name, path in files.items()
        if name != MARKER
    }


def run(main: Callable, snakemake, **more) -> None:
    """Call a script's `main` with the inputs, outputs and values of a job, by name.

    Everything that it prints goes to its log, and an error is repeated in a line at the end. If it
    fails, its input stores are checked, so that a damaged one is named.

    The number of threads is the rule's, since results on a CPU depend on it in the last bits.

    Args:
        main: `main` of the script.
        snakemake: the object that Snakemake gives to a script.
        more: arguments on which the results do not depend.
    """
    if "SNAKEMAKE_PID" in os.environ:
        pid = int(os.environ["SNAKEMAKE_PID"])
        threading.Thread(target=_end_with, args=[pid], daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = str(snakemake.threads)
    if torch := sys.modules.get("torch"):  # too late for the environment variable
        torch.set_num_threads(snakemake.threads)
    names = ", ".join(f"{k}={v}" for k, v in snakemake.wildcards.items())
    inputs, outputs = _paths(snakemake.input), _paths(snakemake.output)
    contents = {str(path): content(path) for path in snakemake.input}
    job = Job(
        f"{snakemake.rule} ({names})",
        {
            **dict(snakemake.params.items()),
            "job": dict(snakemake.wildcards.items()),
            "inputs": {path: found for path, found in contents.items() if found},
        },
        dict(snakemake.resources.items()),
        snakemake.threads,
        snakemake.log[0],
    )
    with open(job.log, "w", buffering=1, errors="backslashreplace") as log:
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            if "SLURM_JOB_ID" in os.environ:
                print(f"SLURM job {os.environ['SLURM_JOB_ID']} on {os.environ['SLURMD_NODENAME']}")
            try:
                planned.check(str(snakemake.output[-1]), job.parameters)
                main(**inputs, **outputs, **job.parameters["values"], **more, job=job)
            except Exception as error:
                traceback.print_exc()
                print(f"\n{job.name}: {error}")
                for path in map(str, snakemake.input):
                    if path.endswith(STORE):
                        print(*store.problems(path.removesuffix(STORE)), sep="\n", end="")
                sys.exit(1)
