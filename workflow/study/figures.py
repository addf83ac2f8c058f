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
"denoisers", "everything", or "nothing": one of each.
uses: config values by the names that the figure gives them; `*` stands for each entry shown.
beside (optional): of which references of its study it also reads stores, by kind of store: modules
in gahb/denoisers/references, of the largest N, or "every", of every N. needs (optional): a
reference that its studies must have.
single (optional): True if it can be drawn of one network that has no other: it then reads nothing
of S2, and the similarities of the network alone in place of those of the pair.
both (optional): True if its dynamics compare the network with one of the other subset. sources
(optional): the only source that its data sets may have, or "shuffled pair". page
(optional): whether its eigenbases are to be had as a page, too.

The modules are parsed and not imported, since snakemake plans anew in each job.
"""

import functools
import itertools
from collections.abc import Iterator, Mapping

from study.entries import is_drawn, is_optimum, is_private, is_single, root
from study.fingerprint import ROOT, constant

FOLDER = ROOT / "gahb" / "figures"
#: Stores of a data set, and those that depend on the study that asks for them.
OF_DATASETS = ("images", "oracles", "prediction", "redundancy")
OF_STUDIES = ("agreement", "dynamics", "matrix", "prediction")
#: Stores of two denoisers.
OF_PAIRS = ("similarity", "beyond", "matrix")
STYLE_SHEET = ROOT / "gahb" / "drawing" / "paper.mplstyle"


@functools.cache
def declared() -> dict[str, dict]:
    """The declarations of all figures, by name: that of their module."""
    found = {file.stem: constant(file, "FIGURE") for file in sorted(FOLDER.glob("*.py"))}
    return {name: figure for name, figure in found.items() if figure}


def all_of(config: dict, study: str, compares: str) -> Iterator[dict]:
    """The wildcards of every figure of a study.

    `of` names what one shows one of: data set, denoiser, or both.
    """
    entry = config["studies"][study]
    if compares == "everything":
        yield {"study": study, "of": "all"}
        return
    named = [entry[s] for s in ("datasets", "denoisers") if s != compares]
    yield from ({"study": study, "of": "_".join(names)} for names in itertools.product(*named))


def drawn(config: dict) -> list[str]:
    """Names of the figures and pages of the studies that are run: "pair/samples_calpha_unet"."""
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

    `denoiser` is the one that it is of, the first where it compares several. `optimum` and `linear`
    are the study's references that are the optimum and the Wiener filter, if it has any. `private`
    says whether any of the data sets is, `drawn` whether there are samples alone, from elsewhere.
    """
    study, compares = config["studies"][job["study"]], declared["compares"]
    names = job["of"].split("_")  # no name of an entry holds one
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
    """The study's references that are one of these closed forms; all of them if "every"."""
    names = config["studies"][study]["references"]
    if references == "every":
        return names
    return [name for name in names if config["denoisers"][name].get("reference") in references]


def optima(config: dict, study: str) -> list[str]:
    """The study's references that are the optimum, and not told what no denoiser knows."""
    names = referred(config, study, ["optimum"])
    return [name for name in names if "contour" not in config["denoisers"][name]]


def is_trained(config: dict, denoiser: str) -> bool:
    return "architecture" in config["denoisers"][denoiser]


def seeds(config: dict, study: str, denoiser: str) -> range:
    """Seeds of a denoiser in a study: only training depends on one."""
    return range(config["studies"][study]["seeds"] if is_trained(config, denoiser) else 1)


def has_ceiling(config: dict, study: str, denoiser: str, N: int) -> bool:
    """Whether another network is trained on the same N images."""
    wanted = config["studies"][study]["ceiling"]
    return is_trained(config, denoiser) and (wanted if isinstance(wanted, bool) else N in wanted)


def jobs(config: dict, study: str, kind: str, dataset, denoiser, N, subset) -> list[dict]:
    """The wildcards of the stores of one kind, subset or pair and size, a store for each seed.

    Samples that were drawn elsewhere have no PSNRs, and no starts in common with others; without
    held-out images there are no PSNRs either.
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
    """The jobs without those that came before."""
    return [job for i, job in enumerate(jobs) if job not in jobs[:i]]


def stores(config: dict, job: Mapping, declared: Mapping) -> dict[str, list[dict]]:
    """The wildcards of every store that a figure is drawn from, once, by kind."""
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
