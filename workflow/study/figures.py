"""What figures show. Each declares it at the head of its module in gahb/figures, as a literal

    FIGURE = {
        "title": "PSNR curves",
        "reads": {"psnr": ["S1"]},
        "sizes": "every",
        "compares": "nothing",
        "uses": {"slope_range": "psnr.slope_range"},
    }

title: in the report. reads: kinds of stores, and of which subsets or pairs. sizes: every N of the
study, or the largest. compares: whether one figure shows all "datasets" of a study, all its
"denoisers", or "nothing": one of each.
uses: config values by the names that the figure gives them; `*` stands for each data set shown.
beside (optional): kinds of stores that it also reads of the references of its study.
sources (optional): the only source that its data sets may have, or "shuffled pair". page
(optional): whether its eigenbases are to be had as a page, too.

The modules are parsed and not imported, since snakemake plans anew in each job.
"""

import ast
import functools
import itertools
from collections.abc import Iterator, Mapping

from study.fingerprint import ROOT

FOLDER = ROOT / "gahb" / "figures"
STYLE_SHEET = ROOT / "gahb" / "drawing" / "paper.mplstyle"


@functools.cache
def declared() -> dict[str, dict]:
    """The declarations of all figures, by name."""
    found = {}
    for file in sorted(FOLDER.glob("*.py")):
        for node in ast.parse(file.read_bytes(), file).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FIGURE":
                found[file.stem] = ast.literal_eval(node.value)
    return found


def all_of(config: dict, study: str, compares: str) -> Iterator[dict]:
    """The wildcards of every figure of a study.

    `of` names what one shows one of: data set, denoiser, or both.
    """
    entry = config["studies"][study]
    named = [entry[s] for s in ("datasets", "denoisers") if s != compares]
    yield from ({"study": study, "of": "_".join(names)} for names in itertools.product(*named))


def shown(config: dict, job: Mapping, declared: Mapping) -> dict:
    """The data sets, denoisers, references, sizes and the number of seeds that a figure shows.

    `denoiser` is the one that it is of, the first where it compares several.
    """
    study, compares = config["studies"][job["study"]], declared["compares"]
    names = job["of"].split("_")  # no name of an entry holds one
    denoisers = study["denoisers"] if compares == "denoisers" else names[-1:]
    every = sorted(study["sizes"])
    return {
        "datasets": study["datasets"] if compares == "datasets" else names[:1],
        "denoiser": denoisers[0],
        "denoisers": denoisers,
        "references": study["references"],
        "sizes": every if declared["sizes"] == "every" else every[-1:],
        "seeds": len(seeds(config, job["study"], denoisers[0])),
    }


def is_trained(config: dict, denoiser: str) -> bool:
    return "architecture" in config["denoisers"][denoiser]


def seeds(config: dict, study: str, denoiser: str) -> range:
    """Seeds of a denoiser in a study: only training depends on one."""
    return range(config["studies"][study]["seeds"] if is_trained(config, denoiser) else 1)


def jobs(config: dict, study: str, kind: str, dataset, denoiser, N, subset) -> list[dict]:
    """The wildcards of the stores of one kind, subset or pair and size, a store for each seed."""
    if kind == "images":
        return [{"dataset": dataset}]
    count = len(seeds(config, study, denoiser))
    if subset == "same":  # pairs of seeds s and s + 1 on the same images
        wanted = config["studies"][study]["ceiling"] and is_trained(config, denoiser)
        count = max(1, count - 1) if wanted else 0
    which = "pair" if kind == "similarity" else "subset"
    job = {"dataset": dataset, "denoiser": denoiser, "N": N, which: subset}
    return [job | {"seed": seed} for seed in range(count)]


def once(jobs: list[dict]) -> list[dict]:
    """The jobs without those that came before."""
    return [job for i, job in enumerate(jobs) if job not in jobs[:i]]


def stores(config: dict, job: Mapping, declared: Mapping) -> dict[str, list[dict]]:
    """The wildcards of every store that a figure is drawn from, once, by kind."""
    found = shown(config, job, declared)
    listed = {}
    for kind, subsets in declared["reads"].items():
        beside = found["references"] if kind in declared.get("beside", ()) else []
        each = itertools.product(
            [*found["denoisers"], *beside], found["datasets"], found["sizes"], subsets or [None]
        )
        every = [
            j
            for denoiser, dataset, N, subset in each
            for j in jobs(config, job["study"], kind, dataset, denoiser, N, subset)
        ]
        listed[kind] = once(every)
    return listed


def used(config: dict, uses: Mapping[str, str], datasets: list[str]) -> dict:
    """Config values by name, each given as a path: "psnr.count", or "datasets.*.alpha"."""

    def value(path: list[str], entry):
        for key in path:
            entry = entry[key]
        return entry

    found = {}
    for name, path in uses.items():
        section, *rest = path.split(".")
        if rest[0] == "*":
            found[name] = [value(rest[1:], config[section][d]) for d in datasets]
        else:
            found[name] = value(rest, config[section])
    return found
