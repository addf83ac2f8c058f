"""What a stage is: declared once, in `study.stages`, for the rules, the keys and the costs."""

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple


class Artifact(NamedTuple):
    """A store or file of the workflow: its kind, and the wildcards that tell which it is."""

    kind: str
    job: Mapping


#: What an input is: a kind of artifact, that of the same job; or a function of the config and the
#: job that lists artifacts and files of the user's.
Read = str | Callable[[dict, Mapping], list[Artifact | Path]]


@dataclasses.dataclass(frozen=True)
class Stage:
    """One step of the study. Its rule, script and log bear its name.

    writes: path of each output, with wildcards, by kind.
    reads: inputs by name. What they are made from makes the stage's jobs stale.
    uses: (config, job) -> the config values that a job uses, by the names that its script gives
        them.
    imports: (config, job) -> modules that its script imports by a name from the config.
    makes: key of those entries of `denoisers`, or of `datasets`, that this stage makes, where
        several can; none: those that no other makes.
    expected: (config, job) -> seconds and megabytes. None: so light that the job runs where
        snakemake does.
    files: (config, job) -> files that its code is made of beyond modules of the project.
    gpu: whether a job wants a GPU.
    gpus: (config, job) -> how many, where it may want several.
    gpu_mb: (config, job) -> megabytes of each that it is expected to take, where that is known.
    threads: cores of a job.
    script: file in workflow/scripts.
    """

    name: str
    writes: dict[str, str]
    uses: Callable[[dict, Mapping], dict] = lambda config, job: {}
    reads: dict[str, Read] = dataclasses.field(default_factory=dict)
    imports: Callable[[dict, Mapping], list[str]] = lambda config, job: []
    makes: tuple[str, ...] = ()
    expected: Callable[[dict, Mapping], tuple[float, float]] | None = None
    files: Callable[[dict, Mapping], list[Path]] = lambda config, job: []
    gpu: bool = False
    gpus: Callable[[dict, Mapping], int] = lambda config, job: 1
    gpu_mb: Callable[[dict, Mapping], float] | None = None
    threads: int = 1
    script: str = ""

    @property
    def path(self) -> str:
        """Path of the first output."""
        return next(iter(self.writes.values()))


def content(path: Path) -> str:
    """Hash of a file of the user's."""
    return _content_at(path, path.stat().st_mtime_ns)


@functools.cache
def _content_at(path: Path, time: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def derived_seed(config: dict, *names) -> int:
    """A seed for one job, from the config's seed and the job's own names: 32 bits."""
    digest = hashlib.sha256("/".join(map(str, (config["seed"], *names))).encode()).digest()
    return int.from_bytes(digest[:4], "big")
