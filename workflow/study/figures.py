"""What figures show. Each declares it at the top of its module in gahb/figures, as a literal

    FIGURE = {
        "title": "PSNR curves",
        "reads": {"psnr": ["S1"]},
        "sizes": "every",
        "compares": "nothing",
        "uses": {"slope_range": "psnr.slope_range"},
    }

title: title in the report.
reads: kinds of stores, with their subsets or pairs.
sizes: "every" N of the study, or the "largest".
compares: whether one figure shows all "datasets" of a study, all its "denoisers", "everything", or
"nothing": one of each.
uses: config values by the names that the figure gives them; `*` stands for each entry shown.
beside (optional): references of its study whose stores it also reads, by kind of store: modules in
gahb/denoisers/references, at the largest N, or "every", at every N.
needs (optional): a reference that its studies must have.
single (optional): True if it can show one network without a second: it then reads nothing of S2,
and the similarities of the single network in place of the pair's.
both (optional): True if its dynamics compare the network with one of the other subset.
sources (optional): the only source that its data sets may have, or "shuffled pair".
page (optional): whether its eigenbases also have a page.

The modules are parsed rather than imported, since snakemake plans again in each job.
"""

import functools
import itertools
from collections.abc import Iterator, Mapping

from study.entries import is_drawn, is_optimum, is_private, is_single, root
from study.fingerprint import ROOT, constant

FOLDER = ROOT / "gahb" / "figures"
#: Stores of a data set, and stores that depend on the study that requests them.
OF_DATASETS = ("images", "oracles", "prediction", "redundancy")
OF_STUDIES = ("agreement", "dynamics", "matrix", "prediction")
#: Stores of two denoisers.
OF_PAIRS = ("similarity", "beyond", "matrix")
STYLE_SHEET = ROOT / "gahb" / "drawing" / "paper.mplstyle"


@functools.cache
def declared() -> dict[str, dict]:
    """The declarations of all figures, by the names of their modules."""
    found = {file.stem: constant(file, "FIGURE") for file in sorted(FOLDER.glob("*.py"))}
    return {name: figure for name, figure in found.items() if figure}


def all_of(config: dict, study: str, compares: str) -> Iterator[dict]:
    """The wildcards of every figure of a study.

    `of` names the things of which a figure shows one: data set, denoiser, or both.
    """
    entry = config["studies"][study]
    if compares == "everything":
        yield {"study": study, "of": "all"}
        return
    named = [entry[s] for s in ("datasets", "denoisers") if s != compares]
    yield from ({"study": study, "of": "_".join(names)} for names in itertools.product(*named))


def drawn(config: dict) -> list[str]:
    """Names of figures and pages of the studies that are run: "pair/samples_calpha_unet"."""
    found = []
    for study in config["run"] or config["studies"]:
        for figure in config["studies"][study]["figures"]:
            for job in all_of(config, study, declared()[figure]["compares"]):
                found.append(f"{study}/{figure}_{job['of']}")
                # A page of a private data set would have nothing to show.
                hidden = any(is_private(config, d) for d in config["studies"][study]["datasets"])
                if declared()[figure].get("page") and not hidden:
                    found.append(f"{study}/eigenbasis_{job['of']}")
    return list(dict.fromkeys(found))


def shown(config: dict, job: Mapping, declared: Mapping) -> dict:
    """The data sets, denoisers, references, sizes and the number of seeds that a figure shows.

    `denoiser` is its denoiser, or the first if it compares several. `optimum` and `linear` are the
    optimum and the Wiener filter among the study's references, if it has any. `private` says
    whether any of the data sets is private, `drawn` whether there are only samples from elsewhere.
    """
    study, compares = config["studies"][job["study"]], declared["compares"]
    names = job["of"].split("_")  # no name of an entry contains one
    denoisers = study["denoisers"] if compares in ("denoisers", "everything") else names[-1:]
    datasets = study["datasets"] if compares in ("datasets", "everything") else names[:1]
    every = sorted(study["sizes"])
    return {
        "datasets": datasets,
        "denoiser": denoisers[0],
        "denoisers": denoisers,
        "references": study["references"],
        "optimum": next(iter(optima(config, job["study"])), None),
        "linear": next(iter(referred(config, job["study"], ["wiener"])), None),
        "sizes": every if declared["sizes"] == "every" else every[-1:],
        "seeds": len(seeds(config, job["study"], denoisers[0])),
        "private": any(is_private(config, dataset) for dataset in datasets),
        "drawn": is_drawn(config, denoisers[0]),
    }


def referred(config: dict, study: str, references) -> list[str]:
    """The study's references among these closed forms; all of them if "every"."""
    names = config["studies"][study]["references"]
    if references == "every":
        return names
    return [name for name in names if config["denoisers"][name].get("reference") in references]


def optima(config: dict, study: str) -> list[str]:
    """The optima among the study's references, without oracles."""
    names = referred(config, study, ["optimum"])
    return [name for name in names if "contour" not in config["denoisers"][name]]


def is_trained(config: dict, denoiser: str) -> bool:
    return "architecture" in config["denoisers"][denoiser]


def seeds(config: dict, study: str, denoiser: str) -> range:
    """Seeds of a denoiser in a study: only trained ones depend on a seed."""
    return range(config["studies"][study]["seeds"] if is_trained(config, denoiser) else 1)


def has_ceiling(config: dict, study: str, denoiser: str, N: int) -> bool:
    """Whether another network is trained on the same N images."""
    wanted = config["studies"][study]["ceiling"]
    return is_trained(config, denoiser) and (wanted if isinstance(wanted, bool) else N in wanted)


def jobs(config: dict, study: str, kind: str, dataset, denoiser, N, subset) -> list[dict]:
    """The wildcards of the stores of one kind, subset or pair and size, a store for each seed.

    Samples drawn elsewhere have no PSNRs, and no common starts with others; without held-out images
    there are no PSNRs either.
    """
    asked = {"study": study} if kind in OF_STUDIES else {}
    if kind in OF_DATASETS:
        return [{"dataset": dataset, **asked}]
    single, drawn = is_single(config, denoiser), is_drawn(config, denoiser)
    untested = root(config, dataset)[1].get("held_out", "") is None
    if (kind == "psnr" and (drawn or untested)) or (kind == "beyond" and (drawn or single)):
        return []
    count = len(seeds(config, study, denoiser))
    if subset == "same":  # pairs of seeds s and s + 1 on the same images
        count = max(1, count - 1) if has_ceiling(config, study, denoiser, N) else 0
    elif single:
        count = 0 if subset == "S2" else 1
        subset = "single" if subset == "disjoint" else subset
    which = "pair" if kind in OF_PAIRS else "subset"
    job = {"dataset": dataset, "denoiser": denoiser, "N": N, which: subset, **asked}
    return [job | {"seed": seed} for seed in range(count)]


def once(jobs: list[dict]) -> list[dict]:
    """The jobs without repetitions."""
    return [job for i, job in enumerate(jobs) if job not in jobs[:i]]


def stores(config: dict, job: Mapping, declared: Mapping) -> dict[str, list[dict]]:
    """The wildcards of every store from which a figure is drawn, once, by kind."""
    found = shown(config, job, declared)
    sizes, listed = found["sizes"], {}
    for kind, subsets in declared["reads"].items():
        wanted = declared.get("beside", {}).get(kind, ())
        each = [(denoiser, N) for denoiser in found["denoisers"] for N in sizes]
        for name in referred(config, job["study"], wanted):
            every_size = wanted == "every" and not is_optimum(config, name)
            each += [(name, N) for N in (sizes if every_size else sizes[-1:])]
        every = [
            j
            for (denoiser, N), dataset, subset in itertools.product(
                each, found["datasets"], subsets or [None]
            )
            for j in jobs(config, job["study"], kind, dataset, denoiser, N, subset)
        ]
        listed[kind] = once(every)
    return listed


def used(config: dict, uses: Mapping[str, str], shown: Mapping) -> dict:
    """Config values by name, each given as a path: "psnr.count", "datasets.*.alpha" (a list), or
    "denoisers.*" and "training.*" (the entries that are shown, by name)."""
    datasets, denoisers = shown["datasets"], [*shown["denoisers"], *shown["references"]]
    recipes = [config["denoisers"][name].get("training") for name in denoisers]
    entries = {"denoisers": denoisers, "training": [*filter(None, recipes)]}

    def value(path: list[str], entry):
        for key in path:
            entry = entry[key]
        return entry

    found = {}
    for name, path in uses.items():
        section, *rest = path.split(".")
        if rest == ["*"]:
            found[name] = {entry: config[section][entry] for entry in entries[section]}
        elif rest[0] == "*":
            found[name] = [value(rest[1:], config[section][d]) for d in datasets]
        else:
            found[name] = value(rest, config[section])
    return found
