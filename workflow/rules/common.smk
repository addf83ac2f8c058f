# The checked config, the plan of the jobs made from it and their cost, and the names that wildcards
# may have.

import os
import sys

import snakemake.io
from snakemake.logging import logger

LIBRARY = os.path.join(workflow.basedir, "workflow")
sys.path.insert(0, LIBRARY)
# Jobs import the library that lies beside this file: the one whose fingerprint the rules carry.
others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
os.environ.update(
    PYTHONPATH=os.pathsep.join(
        [LIBRARY, *(p for p in others if p not in ("", LIBRARY))]
    )
)

from study import progress
from study.cluster import cancel_what_was_left_behind
from study.config import ConfigError, checked
from study.cost import Cost
from study.plan import PATHS, Plan, figure_path

try:
    config = checked(config)  # with the defaults, as the report shows it
except ConfigError as error:
    raise WorkflowError(str(error))
plan = Plan(config)
cost = Cost(plan)


async def _no_file_is_newer(file, time):
    return False


# Snakemake compares time stamps whatever rerun-triggers says (its pull request 3690), and would
# train again for a touched file. Here params alone decide: they reach from the images to the figures.
snakemake.io._IOFile.is_newer = _no_file_is_newer


def reported(path, caption, title):
    """A file that stands in the report under its study."""
    labels = {"figure": title, "data set": "{dataset}", "network": "{network}"}
    if "{dataset}" not in path:
        del labels["data set"]
    return report(
        path, caption=f"../report/{caption}.rst", category="{study}", labels=labels
    )


def drawn(figure, title):
    """Outputs of the rule of a figure."""
    path = figure_path(figure)
    png = reported(f"{path}.png", figure, title)
    return {"pdf": f"{path}.pdf", "png": png, "numbers": f"{path}.csv"}


# A path with another name is made by no rule.
wildcard_constraints:
    study=plan.names("studies"),
    dataset=plan.names("datasets"),
    network=plan.names("networks"),
    side="S1|S2",
    N=r"[0-9]+",
    sha256=r"[0-9a-f]{64}",
    file=r"[^/]+",


onstart:
    cancel_what_was_left_behind()
    progress.show(logger, workflow.dag.stats()[1])


onsuccess:
    if os.path.exists(PATHS["summary"]):
        print(open(PATHS["summary"]).read())
