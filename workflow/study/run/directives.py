"""What Snakemake is told of a stage: the directives of its rule."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path

from snakemake.io import directory

from study.expected import resources
from study.plan import Plan
from study.stage import Artifact, Stage


class Directives:
    """The directives of the rule of a stage.

    log, benchmark: their paths.
    params: values, code and upstream, as `study.plan` explains.
    resources: GPUs, and the time and memory that are expected.
    threads: cores of a job.
    """

    def __init__(self, plan: Plan, stage: Stage):
        self._plan, self._stage = plan, stage
        made = Path(stage.path.removeprefix("results/").removeprefix("data/"))
        place = Path("logs", stage.name, made.with_suffix("") if "{" in made.name else made.parent)
        self.log, self.benchmark = f"{place}.log", f"{place}.tsv"
        self.threads = stage.threads
        given = {"values": plan.values, "code": plan.code, "upstream": plan.upstream}
        self.params = {name: self._of_job(function) for name, function in given.items()}
        self.resources = {}
        if stage.gpu:
            self.resources["gpu"] = lambda wildcards: stage.gpus(plan.config, wildcards)
        if stage.gpu_mb:
            self.resources["gpu_mb"] = lambda wildcards: math.ceil(
                stage.gpu_mb(plan.config, wildcards)
            )
        if stage.expected:
            self.resources |= resources(lambda job: stage.expected(plan.config, job))

    def _of_job(self, function: Callable) -> Callable:
        return lambda wildcards: function(self._stage, dict(wildcards.items()))

    def input(self, *names: str) -> dict[str, Callable]:
        """The inputs, which are named in the rule so that its reader sees them.

        Raises:
            ValueError: these are not the ones that the stage declares.
        """
        self._check("inputs", names, self._stage.reads)

        def paths(name: str, job: Mapping):
            found = self._plan.reads(self._stage, job)[name]
            found = [self._plan.path(r) if isinstance(r, Artifact) else str(r) for r in found]
            return found[0] if isinstance(self._stage.reads[name], str) else found

        return {name: lambda wildcards, name=name: paths(name, wildcards) for name in names}

    def output(self, *names: str) -> dict[str, str]:
        """The outputs, as `input`."""
        self._check("outputs", names, self._stage.writes)
        paths = {name: self._stage.writes[name] for name in names}
        return {n: directory(path) if path.endswith(".zarr") else path for n, path in paths.items()}

    def _check(self, what: str, named, declared) -> None:
        if set(named) != set(declared):
            raise ValueError(
                f"rule {self._stage.name}: its {what} are {', '.join(named)}, but its stage "
                f"declares {', '.join(declared)} (workflow/study/stages)"
            )
