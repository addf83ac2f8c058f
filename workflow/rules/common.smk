# The checked config, the plan of its jobs, and the names that wildcards may have.

import os
import sys
from types import SimpleNamespace

import snakemake.io
from snakemake.logging import logger

# This file's folder, wherever the Snakefile lies that has the workflow as a module.
RULES = workflow.current_basedir.get_path_or_uri(secret_free=True)
LIBRARY = os.path.dirname(RULES)
sys.path.insert(0, LIBRARY)
# Jobs import the library that lies beside this file: the one whose fingerprint the rules carry.
others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
os.environ.update(
    PYTHONPATH=os.pathsep.join(
        [LIBRARY, *(p for p in others if p not in ("", LIBRARY))]
    ),
    SNAKEMAKE_PID=str(os.getpid()),  # jobs end when it does
)


from study import figures
from study.run import gpus, internals, missing, origins, progress, scheduling
from study.run.cluster import cancel_what_was_left_behind, interrupt_jobs_too
from study.config import ConfigError, checked
from study.run.directives import Directives
from study.plan import Plan
from study.stages import STAGES
from study.written import mistakes_in

if mistakes := mistakes_in(["config.yaml", *workflow.configfiles]):
    raise WorkflowError("\n".join(mistakes))


configfile: "config.yaml"


try:
    internals.check(workflow)
    config = checked(config)  # with the defaults, as the report shows it
except (ConfigError, internals.UnknownSnakemake) as error:
    raise WorkflowError(str(error))
plan = Plan(config)
if workflow.is_main_process:
    for warning in missing.warnings(config):
        logger.warning(warning)
directives = {name: Directives(plan, stage) for name, stage in STAGES.items()}
stages = SimpleNamespace(**directives)


_is_newer = snakemake.io._IOFile.is_newer


async def _no_file_of_ours_is_newer(file, time):
    asks = file.rule
    ours = asks and asks.basedir.get_path_or_uri(secret_free=True) == RULES
    return not ours and await _is_newer(file, time)


# Params alone decide what is stale: they reach from the images to the figures. Snakemake compares
# time stamps whatever rerun-triggers says (its pull request 3690), and would train again for a
# touched file. `inputflags: ancient` does not help: what depends on a stale job is then ignored.
# Other rules, of a workflow that has this one as a module, go by time stamps as ever.
snakemake.io._IOFile.is_newer = _no_file_of_ours_is_newer
scheduling.wake_once()


def reported(path, caption, title, category="{study}"):
    """A file that stands in the report under its study."""
    # One label: of several, the report shows only those that agree in the last ones.
    labels = {"figure": f"{title}, {{of}}" if "{of}" in path else title}
    return report(
        path, caption=f"../report/{caption}.rst", category=category, labels=labels
    )


# A path with another name is made by no rule.
wildcard_constraints:
    study=plan.names("studies"),
    dataset=plan.names("datasets"),
    denoiser=plan.names("denoisers"),
    of=r"[^/_]+(_[^/_]+)?",
    pair="disjoint|same|single",
    subset="S1|S2",
    N=r"[0-9]+",
    seed=r"[0-9]+",
    sha256=r"[0-9a-f]{64}",
    file=r"[^/]+",


onstart:
    jobs = list(workflow.dag.needrun_jobs())
    to_be_made = {j.wildcards.dataset for j in jobs if j.rule.name == "images"}
    trained = {j.wildcards.denoiser for j in jobs if j.rule.name == "training"}
    limit = workflow.global_resources.get("gpu")
    mistakes = missing.mistakes(config, to_be_made)
    mistakes += gpus.mistakes(config, trained, limit and limit.value)
    if mistakes:
        raise WorkflowError("\n".join(mistakes))
    if not workflow.touch:
        unknown, touched = origins.unlike(workflow.dag, workflow.persistence)
        if unknown:
            configfiles = workflow.overwrite_configfiles
            raise WorkflowError(origins.mistake(unknown, configfiles))
        if touched:
            logger.warning(origins.warning(touched))
    interrupt_jobs_too()
    cancel_what_was_left_behind()
    progress.show(logger, workflow.dag.stats()[1])


onsuccess:
    if os.path.exists(STAGES["summary"].path):
        print(table := open(STAGES["summary"].path).read())
        if "most diverged" in table:
            logger.warning(
                "Most samples of some networks diverged; see docs/faq.md."
            )
