"""A stage as the planning sees it; its inputs, outputs and resources are in its rule."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from study import fingerprint


@dataclasses.dataclass(frozen=True)
class Stage:
    """One step of the study. A job of it is a mapping of its rule's wildcards to their values.

    script: name of the file in workflow/scripts.
    uses: (config, job) -> the config values that a job uses, by the names that its script gives
        them.
    imports: (config, job) -> modules that its script imports by a name from the config.
    files: (config, job) -> files that are part of its code, in addition to modules of gahb.
    """

    script: str
    uses: Callable[[dict, Mapping], dict] = lambda config, job: {}
    imports: Callable[[dict, Mapping], list[str]] = lambda config, job: []
    files: Callable[[dict, Mapping], list[Path]] = lambda config, job: []

    def values(self, config: dict, job: Mapping) -> dict:
        # Through JSON, so that the order of keys in the config does not matter.
        return json.loads(json.dumps(self.uses(config, job), sort_keys=True))

    def code(self, config: dict, job: Mapping) -> str:
        """Fingerprint of all code that a job runs (`study.fingerprint.code`)."""
        return fingerprint.code(self.script, self.imports(config, job), self.files(config, job))


def content(path: Path) -> str:
    """Hash of a user's file."""
    return _content_at(path, path.stat().st_mtime_ns)


@functools.cache
def _content_at(path: Path, time: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def derived_seed(config: dict, *names) -> int:
    """A seed for one job, from the config's seed and the job's own names: 32 bits."""
    digest = hashlib.sha256("/".join(map(str, (config["seed"], *names))).encode()).digest()
    return int.from_bytes(digest[:4], "big")
