"""Whether Snakemake is the one whose behaviour the workflow relies on.

What is not documented, and may change with any version: where it compares time stamps, how its
messages are formatted, where it counts its jobs and keeps its records, and how its scheduler wakes
up.
"""

import importlib.metadata
import inspect
import re

from snakemake.io import _IOFile
from snakemake.logging import DefaultFormatter
from snakemake.scheduling.job_scheduler import JobScheduler

from study.fingerprint import ROOT

LOCK = ROOT.parent / "envs" / "requirements.lock"
#: Of Snakemake's formatter of messages, which `study.run.progress` extends.
FORMATTER = ("format", "format_job_info", "format_progress")

#: Of its workflow.
WORKFLOW = (
    "dag", "current_basedir", "is_main_process", "overwrite_configfiles", "persistence", "touch",
)  # fmt: skip


class UnknownSnakemake(Exception):
    """Another Snakemake than the one that the workflow was tested with; says what to install."""


def check(workflow) -> None:
    """Raise UnknownSnakemake unless this is the pinned version, with the internals that we use.

    Args:
        workflow: the `workflow` of a Snakefile.
    """
    pinned = re.search(r"^snakemake==(\S+)$", LOCK.read_text(), re.MULTILINE)[1]
    found = importlib.metadata.version("snakemake")
    missing = [name for name in FORMATTER if not hasattr(DefaultFormatter, name)]
    newer = getattr(_IOFile, "is_newer", None)
    if not inspect.iscoroutinefunction(newer) or len(inspect.signature(newer).parameters) != 2:
        missing.append("_IOFile.is_newer(time)")
    if not hasattr(JobScheduler, "_schedule_reevalutation"):
        missing.append("JobScheduler._schedule_reevalutation(delay)")
    missing += [name for name in WORKFLOW if not hasattr(type(workflow), name)]
    if found != pinned or missing:
        lacks = f" It has no {', '.join(missing)}." if missing else ""
        raise UnknownSnakemake(
            f"Snakemake {found} is installed, but this workflow is tested with {pinned} and relies "
            f"on how it decides what to rerun.{lacks} Install it: pip install snakemake=={pinned}"
        )
