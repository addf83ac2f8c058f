"""Which GPUs of a machine a job has, and a job that is several processes, one for each GPU."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from filelock import FileLock, Timeout

#: Until this process ends, however it ends.
_HELD = []


def taken(visible: list[str], wanted: int) -> list[int]:
    """Places in `visible` of the GPUs of this job: those that the fewest jobs of this user have.

    A job on a GPU holds the lock of a file with the GPU's name. What a job of SLURM sees is its
    own, whatever its name: only jobs that are packed into it share it.
    """
    wanted, found, owner = min(wanted, len(visible)), [], os.environ.get("SLURM_JOB_ID", "")
    if owner and wanted == len(visible):
        return list(range(wanted))
    folder = Path(tempfile.gettempdir(), f"gahb-gpus-{os.getuid()}")
    folder.mkdir(exist_ok=True)
    # A second job on a GPU takes its second slot, when no GPU has its first one left.
    slots = ((slot, place) for slot in itertools.count() for place in range(len(visible)))
    while len(found) < wanted:
        slot, place = next(slots)
        if place not in found:
            lock = FileLock(folder / f"{owner}.{visible[place].replace('/', '-')}.{slot}")
            try:
                lock.acquire(blocking=False)
            except Timeout:
                continue
            _HELD.append(lock)
            found.append(place)
    return found


def mistakes(config: dict, trained: Iterable[str], limit: int | None) -> list[str]:
    """One line for each recipe of these denoisers that asks for more GPUs than any job gets.

    limit: `resources: [gpu=...]` of the profile, to which snakemake lowers what a job asks for
        without a word; None if it has none.
    """
    recipes = sorted({config["denoisers"][name]["training"] for name in trained})
    return [
        f"training.{name}.gpus: found {wanted}, but the profile gives no job more than "
        f"`resources: [gpu={limit}]`; raise that to {wanted}"
        for name in recipes
        if limit is not None and (wanted := config["training"][name]["gpus"]) > max(limit, 1)
    ]


def shared_by(wanted: int, visible: int) -> int:
    """How many of the visible GPUs share each batch: a divisor of those wanted divides it, too."""
    return max((n for n in range(1, visible + 1) if wanted % n == 0), default=0)


def nodes() -> int:
    """Nodes of this job of SLURM, or 1."""
    return int(os.environ.get("SLURM_JOB_NUM_NODES", 1))


def command(on_each: int) -> list[str]:
    """This program by torchrun, so many on a node; on several nodes srun starts it on each."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={on_each}",
                "--shutdown-timeout=240"]  # fmt: skip
    if nodes() == 1:
        return [*torchrun, "--standalone", *sys.argv]
    number = int(os.environ["SLURM_JOB_ID"])
    return [
        "srun", "--overlap", f"--nodes={nodes()}", f"--ntasks={nodes()}", "--ntasks-per-node=1",
        *torchrun, f"--nnodes={nodes()}", f"--rdzv-id={number}", "--rdzv-backend=c10d",
        f"--rdzv-endpoint={socket.gethostname()}:{20000 + number % 10000}", *sys.argv,
    ]  # fmt: skip


def together(arguments: list[str], environment: dict[str, str], log: TextIO) -> int:
    """Run processes that stop when this one is asked to; their exit status.

    It is EX_TEMPFAIL if they were stopped: run again.
    """
    asked, started = [], []

    def pass_on(number, frame):
        if started and not asked:
            started[0].terminate()
        asked.append(number)

    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
        signal.signal(number, pass_on)
    # In a session of its own, so that Ctrl-C reaches them once.
    started.append(
        subprocess.Popen(arguments, env=environment, stdout=log, stderr=log, start_new_session=True)
    )
    if asked:
        started[0].terminate()
    status = started[0].wait()
    return os.EX_TEMPFAIL if asked and status else status
