"""The jobs of a config: their files, what each is given, and what makes it stale.

A job's params are three: `values`, the config values that it uses; `code`, the fingerprint of the
code that it runs; `upstream`, the keys of what its inputs are made from. A job is stale when one of
them has changed, and for no other reason: time stamps do not count. A key is the hash of the three,
so that a change reaches everything that depends on it, through any number of jobs.
"""

import hashlib
import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path

from study import figures
from study.entries import root
from study.fingerprint import fingerprint
from study.stage import Artifact, Stage, content
from study.stages import STAGES


class Plan:
    """The jobs of a checked config. A job is a mapping of wildcards to their values."""

    def __init__(self, config: dict):
        self.config = config
        self._keys: dict[str, str] = {}

    def stage_of(self, artifact: Artifact) -> Stage:
        """The stage that makes an artifact."""
        makers = [s for s in STAGES.values() if artifact.kind in s.writes]
        if len(makers) > 1:
            if "{denoiser}" in makers[0].path:
                entry = self.config["denoisers"][artifact.job["denoiser"]]
            else:
                entry = root(self.config, artifact.job["dataset"])[1]
            chosen = [s for s in makers if any(key in entry for key in s.makes)]
            makers = chosen or [s for s in makers if not s.makes]
        (stage,) = makers
        return stage

    def path(self, artifact: Artifact) -> str:
        return self.stage_of(artifact).writes[artifact.kind].format(**artifact.job)

    def reads(self, stage: Stage, job: Mapping) -> dict[str, list[Artifact | Path]]:
        """What a job reads, by the names of its inputs."""
        return {
            name: [Artifact(read, job)] if isinstance(read, str) else read(self.config, job)
            for name, read in stage.reads.items()
        }

    def values(self, stage: Stage, job: Mapping) -> dict:
        # Through JSON, so that the order of keys in the config does not matter.
        return json.loads(json.dumps(stage.uses(self.config, job), sort_keys=True))

    def code(self, stage: Stage, job: Mapping) -> str:
        """Fingerprint of what a job runs, and of the files that are part of it."""
        found = fingerprint(stage.script or f"{stage.name}.py", *stage.imports(self.config, job))
        files = [f"{file.name}={content(file)}" for file in stage.files(self.config, job)]
        return " ".join(["code", found, *files])

    def upstream(self, stage: Stage, job: Mapping) -> str:
        reads = itertools.chain(*self.reads(stage, job).values())
        keys = [content(r) if isinstance(r, Path) else self.key(r) for r in reads]
        return "inputs " + _hash(keys)

    def key(self, artifact: Artifact) -> str:
        """Hash of everything that an artifact is made from."""
        path = self.path(artifact)
        if path not in self._keys:
            stage, job = self.stage_of(artifact), artifact.job
            parts = [given(stage, job) for given in (self.values, self.code, self.upstream)]
            self._keys[path] = _hash(parts)
        return self._keys[path]

    def names(self, section: str, *keys: str, without: tuple[str, ...] = ()) -> str:
        """Pattern of the names of a section's entries, all or those that have one of these keys,
        and none of those of `without`. A shuffled data set has the keys of its original."""
        entries = dict(self.config[section])
        if section == "datasets" and (keys or without):
            entries = {name: root(self.config, name)[1] for name in entries}
        named = [
            n
            for n, entry in entries.items()
            if (not keys or any(k in entry for k in keys)) and not any(k in entry for k in without)
        ]
        return "|".join(map(re.escape, named)) or "(?!)"  # or what matches nothing

    def drawn(self) -> list[str]:
        """Paths of all files of the studies' figures and pages."""
        found = []
        for study in self.config["run"] or self.config["studies"]:
            for figure in self.config["studies"][study]["figures"]:
                declared = figures.declared()[figure]
                stages = [f"figure_{figure}", *(["page"] if declared.get("page") else [])]
                paths = [path for name in stages for path in STAGES[name].writes.values()]
                jobs = list(figures.all_of(self.config, study, declared["compares"]))
                found += [path.format(**job) for job in jobs for path in paths]
        return list(dict.fromkeys(found))


def _hash(value) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
