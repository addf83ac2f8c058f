"""Everything made from stores: figures, pages, and the table of all numbers."""

import functools
from collections.abc import Mapping

from study import figures
from study.entries import is_elsewhere, root
from study.stages.stage import Stage

#: A page shows the eigenbasis of the largest training set.
PAGE = {"reads": {"eigenbasis": ["S1"]}, "sizes": "largest", "compares": "nothing"}
#: The kinds of stores with another role in the summary.
KINDS = {"optimum": "psnr", "ceiling": "similarity", "beyond_ceiling": "beyond"}


def _figure(name: str) -> Stage:
    """The stage that draws a figure, from the declaration in its module."""
    declared = figures.declared()[name]

    def uses(config: dict, job: Mapping) -> dict:
        shown = figures.shown(config, job, declared)
        return {
            "figure": name,
            "jobs": figures.stores(config, job, declared),
            **shown,
            **figures.used(config, declared["uses"], shown),
        }

    return Stage(
        "figure",
        uses,
        lambda config, job: [f"gahb.figures.{name}"],
        lambda config, job: [figures.STYLE_SHEET],
    )


def _page(config: dict, job: Mapping) -> dict:
    shown = figures.shown(config, job, PAGE)
    return {**shown, **{k: config["eigenbasis"][k] for k in ("sigma", "precision")}}


def rows(config: dict) -> list[tuple[dict, dict[str, list[dict]]]]:
    """Each row of the summary, with the wildcards of the stores of its numbers, by kind."""
    return [
        _row(config, study, dataset, denoiser, N)
        for study in config["run"] or config["studies"]
        for dataset in config["studies"][study]["datasets"]
        for denoiser in config["studies"][study]["denoisers"]
        for N in sorted(config["studies"][study]["sizes"])
    ]


def _row(config: dict, study: str, dataset: str, denoiser: str, N: int):
    entry = config["studies"][study]
    declared = [figures.declared()[figure] for figure in entry["figures"]]
    largest = max(entry["sizes"])
    shown = {k for d in declared if N == largest or d["sizes"] == "every" for k in d["reads"]}
    of = functools.partial(figures.jobs, config, study, dataset=dataset, denoiser=denoiser, N=N)
    stores = {"psnr": of("psnr", subset="S1")}
    for optimum in figures.optima(config, study)[:1]:
        stores["optimum"] = figures.jobs(config, study, "psnr", dataset, optimum, largest, "S1")
    for kind, ceiling in (("similarity", "ceiling"), ("beyond", "beyond_ceiling")):
        if kind in shown:
            stores[kind] = of(kind, subset="disjoint")
            stores[ceiling] = of(kind, subset="same")
    for kind in ("eigenbasis", "density", "harmonics"):
        if kind in shown:
            stores[kind] = of(kind, subset="S1")
    alpha = config["datasets"][dataset].get("alpha")
    row = {"study": study, "dataset": dataset, "denoiser": denoiser, "N": N, "alpha": alpha}
    # For a denoiser from elsewhere, S1 is its training set only if the data set says so.
    row["judged"] = "train" in root(config, dataset)[1] or not is_elsewhere(config, denoiser)
    return row, {kind: jobs for kind, jobs in stores.items() if jobs}


def summarized(config: dict) -> dict[str, list[dict]]:
    """The wildcards of every store that the summary reads, once, by kind."""
    listed = {}
    for _, stores in rows(config):
        for role, jobs in stores.items():
            listed.setdefault(KINDS.get(role, role), []).extend(jobs)
    return {kind: figures.once(jobs) for kind, jobs in listed.items()}


def _summary(config: dict, job: Mapping) -> dict:
    return {
        "rows": [row | {"stores": stores} for row, stores in rows(config)],
        "jobs": summarized(config),
        "kinds": KINDS,
        "slope_range": config["psnr"]["slope_range"],
    }


STAGES = {
    **{f"figure_{name}": _figure(name) for name in figures.declared()},
    "page": Stage("page", _page),
    "summary": Stage("summary", _summary),
}
