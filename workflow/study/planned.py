"""A record of the plan of a run, so that each job can check that it runs as planned.

A job may start hours after its run was planned: config and code may have changed since. Each run
writes its plan; a job that finds other values or other code refuses to run.
"""

import contextlib
import importlib
import json
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from study import fingerprint
from study.origins import differences

#: Environment variable with the path of the plan for the jobs of a run.
VARIABLE = "GAHB_PLAN"


class Changed(Exception):
    """A job was planned with other values or code; the message says which."""


def write(jobs: dict[str, dict]) -> None:
    """Write the plan of a run, and tell its jobs where it is.

    Args:
        jobs: params of each job (`values`, `code`), by its last output.
    """
    path = Path(".snakemake", "plans", f"{time.time_ns()}.json").absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    for earlier in sorted(path.parent.glob("*.json"))[:-20]:  # other runs may still be active
        earlier.unlink(missing_ok=True)
    path.write_text(json.dumps({"jobs": jobs, "code": fingerprint.reached()}))
    os.environ[VARIABLE] = str(path)


def check(output: str, parameters: dict) -> None:
    """Compare a starting job with its plan.

    Args:
        output: its last output.
        parameters: its values and code, as it would run.

    Raises:
        Changed: they differ from the plan, or code was modified while the job started.
    """
    if VARIABLE not in os.environ:  # the workflow is a module of another one
        return
    file = Path(os.environ[VARIABLE])
    plan = json.loads(file.read_text()) if file.is_file() else {"jobs": {}}
    if output not in plan["jobs"]:
        raise Changed(f"{output}: its run has no plan of it (any more): run again")
    now = json.loads(json.dumps({name: parameters[name] for name in ("values", "code")}))
    before = plan["jobs"][output]
    changed = differences(before, now) if before != now else []
    files = plan["code"][before["code"]]
    _import(map(Path, files))
    # Imported code may be modified and restored while it is read, within the clock's resolution.
    started = psutil.Process().create_time() - 1
    for file, (written, hashed) in ((Path(name), hashes) for name, hashes in files.items()):
        if not file.is_file():
            changed.append(f"{file} is gone")
        elif fingerprint.written(file) != written and fingerprint.content(file) != hashed:
            changed.append(f"{file} has changed")
        elif file.stat().st_mtime > started:
            changed.append(f"{file} was written while the job started")
    if changed:
        raise Changed(
            f"{'; '.join(changed)}. The run was planned before: run again to compute with what the "
            "config and the code say now"
        )


def _import(files: Iterable[Path]) -> None:
    """Import the modules of a job that the config names, so that later edits of them are not run.

    Scripts have imported the others before. A user's function is in the working directory, which a
    job searches last.
    """
    sys.path.append(os.getcwd())
    for file in files:
        if file.suffix != ".py" or file.is_relative_to(fingerprint.ROOT / "scripts"):
            continue
        root = fingerprint.ROOT if file.is_relative_to(fingerprint.ROOT) else Path.cwd()
        if file.is_relative_to(root):
            module = ".".join(file.relative_to(root).with_suffix("").parts)
            with contextlib.suppress(Exception):  # the job's own import will say what is wrong
                importlib.import_module(module.removesuffix(".__init__"))
