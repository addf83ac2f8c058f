"""`python -m study.stale`: what a run would compute, and why, in words.

Takes the arguments of snakemake.
"""

import sys
from pathlib import Path

from study.dry_run import planned
from study.origins import MARKERS


def why(reason: str) -> str:
    """Why a job is run, from snakemake's reason.

    A result that differs from what would be made now has a file in `MARKERS` that says how.
    """
    for word in reason.replace(",", " ").split():
        if word.startswith(f"{MARKERS}/"):
            return Path(word).read_text().partition(": ")[2].rpartition(" (")[0]
    if reason.startswith("Missing output"):
        return "it is not there"
    if "updated by another job" in reason:
        return "its input is computed again"
    return reason or "snakemake gives no reason"


if __name__ == "__main__":
    lines = [
        f"{str(job.output[-1]).removesuffix('/zarr.json')}: {why(str(job.reason))}"
        for job in planned(sys.argv[1:])
        if job.rule_name != "all"
    ]
    print(*(lines or ["Nothing to be done: everything is up to date."]), sep="\n")
