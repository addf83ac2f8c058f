"""What inputs say that they were made with, beside what the config and the code say now.

Snakemake keeps a record of what each file was made with, and takes one of which it has none for up
to date. So a file whose record is lost is asked itself: stores and weights carry their origin.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path

import safetensors

from study.stale import differences

#: Files that are named in a message.
MOST = 10


def origin(path: str | Path) -> dict | None:
    """The parameters that a store or a file of weights was made with; None if it does not say."""
    try:
        if Path(path).is_dir():
            said = json.loads(Path(path, "zarr.json").read_text())["attributes"]
        else:
            with safetensors.safe_open(path, "np") as file:
                return json.loads(file.metadata()["gahb"])["parameters"] or None
        return json.loads(said["parameters"]) or None
    except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError):
        return None


def unlike(dag, persistence) -> tuple[dict[str, str], dict[str, str]]:
    """Inputs of the jobs that will run which were made with something else, and what that was.

    Args:
        dag: Snakemake's jobs.
        persistence: its records.

    Returns:
        Files of which Snakemake has no record, and those of which it has one, which says that they
        count as made with what the config and the code say now (`--touch`).
    """
    unknown, touched = {}, {}
    waiting, seen = list(dag.needrun_jobs()), set()
    while waiting:
        for job in dag.dependencies[waiting.pop()]:
            if job in seen or dag.needrun(job):
                continue
            seen.add(job)
            if why := _why(job):
                found = touched if persistence.has_metadata(job) else unknown
                found[str(job.output[0])] = why
                waiting.append(job)  # what it was made from may say more
    return unknown, touched


def _why(job) -> str:
    """How what a job is given differs from what its outputs were made with; "" if it does not."""
    # Trained weights do not say it, but the history beside them does.
    before = next(filter(None, map(origin, job.output)), None)
    if before is None:
        return ""
    now = json.loads(json.dumps(dict(job.params.items())))
    return "; ".join(differences(list(before.values()), list(now.values()))) * (before != now)


def mistake(unknown: dict[str, str], configfiles: Iterable[Path] = ()) -> str:
    """The message that refuses to read them, and says what can be done.

    Args:
        unknown: what `unlike` found.
        configfiles: those of the run's --configfile.
    """
    files = [os.path.relpath(file) for file in configfiles]
    options = f"--configfile {' '.join(files)} " if files else ""
    few = len(unknown) <= MOST
    kept = f"--force {options}-- {' '.join(unknown)}" if few else f"--forceall {options}-- all"
    return (
        "These results were not made with what the config and the code say now, and Snakemake has "
        f"no record of them (.snakemake was deleted, or not copied along):\n{_listed(unknown)}\n"
        "Delete them, and they are made again. Or keep them as if they had been made so:\n"
        f"  snakemake --touch {kept}"
    )


def warning(touched: dict[str, str]) -> str:
    """What is said of those that are kept by `--touch`."""
    path, why = next(iter(touched.items()))
    more = f" and {len(touched) - 1} more results" if len(touched) > 1 else ""
    return f"Kept by --touch: {path} ({why}){more}"


def _listed(found: dict[str, str]) -> str:
    lines = [f"  {path}: {why}" for path, why in list(found.items())[:MOST]]
    return "\n".join(lines + [f"  ... and {len(found) - MOST} more"] * (len(found) > MOST))
