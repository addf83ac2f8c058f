"""The choice of a GPU for each job on a machine."""

import itertools
import os
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

#: Locks held until this process ends, however it ends.
_HELD = []


def taken(count: int) -> int:
    """Number of the GPU for this job among `count` visible ones: the GPU with the fewest jobs of
    this user.

    A job holds the lock of a file with its GPU's name. A second job on a GPU takes the second slot
    of that GPU, once the first slots of all GPUs are taken. A SLURM job sees only its own GPUs, and
    shares them only with jobs that are packed into it.
    """
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = named.split(",")[:count] if named else list(map(str, range(count)))
    owner = os.environ.get("SLURM_JOB_ID", "")
    folder = Path(tempfile.gettempdir(), f"gahb-gpus-{os.getuid()}")
    folder.mkdir(exist_ok=True)
    for slot, place in ((s, p) for s in itertools.count() for p in range(count)):
        lock = FileLock(folder / f"{owner}.{names[place].replace('/', '-')}.{slot}")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        _HELD.append(lock)
        return place
