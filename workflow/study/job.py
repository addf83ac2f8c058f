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
from typing import TextIO

from gahb import store
from tqdm import tqdm

from study.run import gpus

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
        """torch's device: a GPU if there is one and the job wants one, else the CPU."""
        import torch  # here, because figures need none and start a second earlier without it

        if not torch.cuda.is_available():
            return torch.device("cpu")
        if "LOCAL_RANK" in os.environ:  # one of several processes, which have their GPUs
            places = [int(os.environ["LOCAL_RANK"])]
        else:
            places = gpus.taken(_visible(), min(1, self.resources.get("gpu", 1)))
        if not places:
            return torch.device("cpu")
        torch.cuda.set_device(places[0])
        return torch.device("cuda", places[0])

    def warn(self, text: str) -> None:
        """Say it in the log, and beside it: nobody reads the log of a job that succeeds."""
        print(f"Warning: {text}")
        if self.name:
            print(f"Warning: {self.name}: {text}", file=sys.__stderr__, flush=True)

    def progress(self, total: int, unit: str) -> tqdm:
        """A bar on the terminal, or without one a line in the log each minute."""
        shape = {"total": total, "unit": f" {unit}", "unit_scale": True}
        shape["disable"] = not _is_first()
        if sys.__stderr__.isatty():
            # It vanishes at the end, so that jobs side by side take turns in one line.
            return tqdm(**shape, desc=self.name, file=sys.__stderr__, leave=False, mininterval=1)
        return _Lines(**shape, bar_format=_LINE, delay=1, mininterval=60, maxinterval=60)


def _is_first() -> bool:
    """Whether this is the first of several processes, or the only one."""
    return os.environ.get("RANK", "0") == "0"


def _visible() -> list[str]:
    """Names of the GPUs that this process sees."""
    import torch

    count = torch.cuda.device_count()
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return named.split(",")[:count] if named else [str(n) for n in range(count)]


def _together(job: Job, log: TextIO) -> None:
    """If the job wants several GPUs and they are here, run it on them and exit."""
    wanted, nodes = job.resources.get("gpu", 0), gpus.nodes()
    if wanted < 2 or "RANK" in os.environ:
        return
    visible = _visible()
    on_each = gpus.shared_by(wanted // nodes, len(visible))
    if on_each * nodes < wanted:
        print(f"{wanted} GPUs are wanted; of {len(visible)} on this node {on_each} are used")
    if on_each * nodes > 1:
        names = ",".join(visible[place] for place in gpus.taken(visible, on_each))
        environment = os.environ | {"CUDA_VISIBLE_DEVICES": names}
        # They end when this one does; on other nodes SLURM sees to it.
        environment["SNAKEMAKE_PID"] = str(os.getpid())
        if nodes > 1:
            del environment["SNAKEMAKE_PID"], environment["CUDA_VISIBLE_DEVICES"]
        status = gpus.together(gpus.command(on_each), environment, log)
        if status == os.EX_TEMPFAIL:
            print(f"\n{job.name}: stopped; run again to go on")
        sys.exit(status)


def _meet(device) -> None:
    """Wait for the other processes that torchrun has started."""
    import torch

    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    torch.distributed.init_process_group(backend)


def _end_with(pid: int) -> None:
    """End this process by SIGTERM when another ends.

    A job whose snakemake was killed would run on, beside those of the next run.
    """
    if hasattr(os, "pidfd_open"):  # Linux
        with contextlib.suppress(ProcessLookupError):
            select.select([os.pidfd_open(pid)], [], [])
        os.kill(os.getpid(), signal.SIGTERM)


def _opened(path: str):
    """The log; of several processes the first writes it, to where its output goes anyway."""
    if "RANK" not in os.environ:
        return open(path, "w", buffering=1, errors="backslashreplace")
    return contextlib.nullcontext(sys.stdout) if _is_first() else open(os.devnull, "w")


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
    with _opened(snakemake.log[0]) as log:
        errors = log if _is_first() else sys.__stderr__
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(errors):
            if "SLURM_JOB_ID" in os.environ:
                print(f"SLURM job {os.environ['SLURM_JOB_ID']} on {os.environ['SLURMD_NODENAME']}")
            _together(job, log)
            try:
                if "RANK" in os.environ:
                    _meet(job.device)
                main(**files, **snakemake.params.values, **more, job=job)
            except Exception as error:
                traceback.print_exc()
                print(f"\n{job.name}: {error}")
                for path in snakemake.input:
                    if path.endswith(".zarr"):
                        print(*store.problems(path), sep="\n", end="")
                sys.exit(1)
