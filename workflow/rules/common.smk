# The checked config, and what rules derive from it: the values and the code of a job.

import math
import os
import re
import sys

from snakemake.logging import logger

# The library's folder, also if the Snakefile of another workflow uses this one as a module.
LIBRARY = os.path.dirname(workflow.current_basedir.get_path_or_uri(secret_free=True))
sys.path.insert(0, LIBRARY)
# Jobs import the library next to this file, whose fingerprint is in the rules.
others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
os.environ.update(
    PYTHONPATH=os.pathsep.join(
        [LIBRARY, *(p for p in others if p not in ("", LIBRARY))]
    ),
    SNAKEMAKE_PID=str(os.getpid()),  # jobs end when it does
)

from study import costs, figures, missing, origins, planned
from study.cluster import cancel_what_was_left_behind, interrupt_jobs_too
from study.config import ConfigError, checked
from study.entries import is_drawn, root
from study.files import is_url, name_of
from study.stages import STAGES, analyses, denoisers, images
from study.order import restore_order
from study.stages.figures import PAGE, summarized
from study.version import unknown_snakemake
from study.written import mistakes_in

if mistakes := mistakes_in(["config.yaml", *workflow.configfiles]):
    raise WorkflowError("\n".join(mistakes))


configfile: "config.yaml"


try:
    config = checked(config)  # with the defaults, which the report shows
except ConfigError as error:
    raise WorkflowError(str(error))
if workflow.is_main_process:
    for warning in [*unknown_snakemake(), *missing.warnings(config)]:
        logger.warning(warning)
    if not os.path.exists(".snakemake/metadata"):
        restore_order("results")


def of_job(question):
    """A question about the config and a job, as a function of the job's wildcards."""
    return lambda wildcards: question(config, dict(wildcards.items()))


def values(stage):
    """The config values that a job uses. A job whose values have changed is rerun."""
    return of_job(STAGES[stage].values)


def code(stage):
    """Fingerprint of the code that a job runs. A job whose code has changed is rerun."""
    return of_job(STAGES[stage].code)


def made_by(stage, job):
    """The path of a job's result; for a store, the path of its zarr.json."""
    # With `expand`, which recognizes paths that already have the prefix of a module.
    return expand(getattr(rules, stage).output[-1], **job)[0]


def stale(stage):
    """A file newer than a result that was made with other values or code, by its own record."""

    def marker(config, job):
        path, step = str(made_by(stage, job)), STAGES[stage]
        return origins.marker(
            path, job, step.values(config, job), step.code(config, job)
        )

    return of_job(marker)


def doubling(amount):
    """Minutes or megabytes: twice as much at each new attempt."""
    return lambda wildcards, attempt: amount * 2 ** (attempt - 1)


def expected(cost):
    """Time and memory of a job whose cost follows from the config."""
    return costs.resources(of_job(cost))


def one_of(found):
    """Regular expression for these names."""
    return "|".join(map(re.escape, found)) or "(?!)"  # or one that matches nothing


def names(section, *keys):
    """Regular expression for the names of a section's entries, all or those with one of the
    keys."""
    return one_of(
        n for n, e in config[section].items() if not keys or any(e.get(k) for k in keys)
    )


# Inputs that follow from the config.


def one(path, of):
    """The path that a job reads, with the wildcards from `of`."""
    return of_job(lambda *job: path.format(**of(*job)))


def each(path, of):
    """The paths for all wildcards listed by `of`."""
    return of_job(lambda *job: [path.format(**wildcards) for wildcards in of(*job)])


def brought(files):
    """The user's files. Their content is among the values, so their age does not matter."""
    return of_job(lambda *job: [ancient(str(file)) for file in files(*job)])


def made_from(wildcards):
    """The images from which a data set is made, or the file of a URL."""
    entry = config["datasets"][wildcards.dataset]
    if "of" in entry:
        return [f"results/{entry['of']}/images.zarr/zarr.json"]
    if is_url(entry.get("path", "")):
        return [f"data/{entry['sha256']}/{name_of(entry['path'])}"]
    return []


# Figures, and the stores from which they are drawn.


def stores(jobs):
    """The paths of the stores of these jobs, by kind."""
    rule_of = {kind: kind for kind in jobs} | {"history": "training"}
    return {kind: [made_by(rule_of[kind], j) for j in jobs[kind]] for kind in jobs}


def drawn_from(declared):
    """The stores from which a figure is drawn, by kind."""
    return of_job(lambda *job: stores(figures.stores(*job, declared)))


def reported(path, title, caption, category="{study}"):
    """A file that the report shows under its study."""
    # One label: with several, the report shows only files that agree in the last ones.
    labels = {"figure": f"{title}, {{of}}" if "{of}" in path else title}
    return report(
        path, caption=f"../report/{caption}.rst", category=category, labels=labels
    )


def drawn():
    """All files of the figures and pages of the studies."""
    found = []
    for name in figures.drawn(config):
        page = Path(name).name.startswith("eigenbasis_")
        endings = ["html"] if page else ["pdf", "csv", "png"]
        found += [f"results/figures/{name}.{ending}" for ending in endings]
    return found


# No rule makes a path with another name.
wildcard_constraints:
    study=names("studies"),
    dataset=names("datasets"),
    denoiser=names("denoisers"),
    of=r"[^/_]+(_[^/_]+)?",
    pair="disjoint|same|single",
    subset="S1|S2",
    N=r"[0-9]+",
    seed=r"[0-9]+",
    sha256=r"[0-9a-f]{64}",
    file=r"[^/]+",


onstart:
    jobs = [
        j for j in workflow.dag.needrun_jobs() if "values" in dict(j.params.items())
    ]
    to_be_made = {j.wildcards.dataset for j in jobs if j.rule.name == "images"}
    if mistakes := missing.mistakes(config, to_be_made):
        raise WorkflowError("\n".join(mistakes))
    planned.write({str(j.output[-1]): dict(j.params.items()) for j in jobs})
    if workflow.touch:
        origins.keep(
            (
                str(j.output[-1]),
                dict(j.wildcards.items()),
                j.params.values,
                j.params.code,
            )
            for j in jobs
        )
    elif lines := origins.kept_lines(
        str(j.output[-1]) for j in workflow.dag.jobs if j.output
    ):
        logger.warning(
            "\n".join(["Kept by --touch, though made with something else:", *lines])
        )
    interrupt_jobs_too()
    cancel_what_was_left_behind()


onsuccess:
    if os.path.exists("results/summary.csv"):
        print(table := open("results/summary.csv").read())
        if "most diverged" in table:
            logger.warning(
                "Most samples of some networks diverged; see docs/faq.md."
            )
