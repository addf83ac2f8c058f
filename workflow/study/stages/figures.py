"""What is drawn and written from stores: figures, pages, and the table of all numbers."""

import functools
from collections.abc import Mapping

from study import figures
from study.stage import Artifact, Stage
from study.stages.analyses import density, eigenbasis, harmonics, psnr, similarity

_FIGURE = "results/figures/{study}/%s_{of}"


def figure_stage(name: str) -> Stage:
    """The stage that draws a figure, from what its module declares."""
    declared = figures.declared()[name]

    def read(kind: str, config: dict, job: Mapping) -> list[Artifact]:
        return [Artifact(kind, j) for j in figures.stores(config, job, declared)[kind]]

    def uses(config: dict, job: Mapping) -> dict:
        shown = figures.shown(config, job, declared)
        used = figures.used(config, declared["uses"], shown["datasets"])
        return {
            "figure": declared["module"],
            "jobs": figures.stores(config, job, declared),
            **shown,
            **used,
        }

    path = _FIGURE % name
    return Stage(
        f"figure_{name}",
        writes={"pdf": f"{path}.pdf", "png": f"{path}.png", "numbers": f"{path}.csv"},
        reads={kind: functools.partial(read, kind) for kind in declared["reads"]},
        uses=uses,
        imports=lambda config, job: [f"gahb.figures.{declared['module']}"],
        files=lambda config, job: [figures.STYLE_SHEET],
        script="figure.py",
    )


def _page(config: dict, job: Mapping) -> list[Artifact]:
    return [Artifact("eigenbasis", figures.stores(config, job, _OF_PAGES)["eigenbasis"][0])]


_OF_PAGES = {"reads": {"eigenbasis": ["S1"]}, "sizes": "largest", "compares": "nothing"}
page = Stage(
    "page",
    script="page.py",
    writes={"page": f"{_FIGURE % 'eigenbasis'}.html"},
    reads={"eigenbasis": _page},
    uses=lambda config, job: {
        **figures.shown(config, job, _OF_PAGES),
        **{k: config["eigenbasis"][k] for k in ("sigma", "precision")},
    },
)


def _rows(config: dict) -> list[tuple[dict, dict[str, list[dict]]]]:
    """Each row of the summary, and the wildcards of the stores of its numbers, by kind."""
    found = []
    for study in config["run"] or config["studies"]:
        entry = config["studies"][study]
        declared = [figures.declared()[figure] for figure in entry["figures"]]
        every = [(d, k, N) for d in entry["datasets"] for k in entry["denoisers"]
                 for N in sorted(entry["sizes"])]  # fmt: skip
        for dataset, denoiser, N in every:
            largest = N == max(entry["sizes"])
            shown = {k for d in declared if largest or d["sizes"] == "every" for k in d["reads"]}
            of = functools.partial(figures.jobs, config, study, dataset=dataset,
                                   denoiser=denoiser, N=N)  # fmt: skip
            stores = {"psnr": of("psnr", subset="S1")}
            optimal = figures.optima(config, study)[:1]
            if optimal:
                stores["optimum"] = figures.jobs(
                    config, study, "psnr", dataset, *optimal, max(entry["sizes"]), "S1"
                )
            if "similarity" in shown:
                stores["similarity"] = of("similarity", subset="disjoint")
                stores["ceiling"] = of("similarity", subset="same")
            if "eigenbasis" in shown:
                stores["eigenbasis"] = of("eigenbasis", subset="S1")
            for kind in ("density", "harmonics"):
                if kind in shown:
                    stores[kind] = of(kind, subset="S1")
            row = {"study": study, "dataset": dataset, "denoiser": denoiser, "N": N}
            alpha = config["datasets"][dataset].get("alpha")
            found.append((row | {"alpha": alpha}, {k: v for k, v in stores.items() if v}))
    return found


def _summarized(kind: str, config: dict, job: Mapping) -> list[Artifact]:
    """Every store of a kind that the summary reads, once."""
    more = {"similarity": "ceiling", "psnr": "optimum"}  # of the same kind
    kinds = [kind, *([more[kind]] if kind in more else [])]
    every = [j for _, stores in _rows(config) for k in kinds for j in stores.get(k, ())]
    return [Artifact(kind, j) for j in figures.once(every)]


def _summary(config: dict, job: Mapping) -> dict:
    paths = {
        "psnr": psnr,
        "optimum": psnr,
        "similarity": similarity,
        "ceiling": similarity,
        "eigenbasis": eigenbasis,
        "density": density,
        "harmonics": harmonics,
    }
    rows = [
        row | {"stores": {k: [paths[k].path.format(**j) for j in v] for k, v in stores.items()}}
        for row, stores in _rows(config)
    ]
    return {"rows": rows, "slope_range": config["psnr"]["slope_range"]}


summary = Stage(
    "summary",
    script="summary.py",
    writes={"summary": "results/summary.csv"},
    reads={
        kind: functools.partial(_summarized, kind)
        for kind in ("psnr", "similarity", "eigenbasis", "density", "harmonics")
    },
    uses=_summary,
)

STAGES = (*map(figure_stage, figures.declared()), page, summary)
