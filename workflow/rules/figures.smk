# Figures and pages, drawn from stores only, and the numbers of all studies in one table.


def stores(jobs):
    """The paths of the stores of these jobs, by kind."""
    of = {kind: made_by("training" if kind == "history" else kind) for kind in jobs}
    return {kind: [of[kind].format(**j) for j in jobs[kind]] for kind in jobs}


def drawn_from(declared):
    """The stores that a figure is drawn from, by kind."""
    return of_job(lambda *job: stores(figures.stores(*job, declared)))


def reported(path, title, caption, category="{study}"):
    """A file that stands in the report under its study."""
    # One label: of several, the report shows only those that agree in the last ones.
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


for figure, declared in figures.declared().items():

    rule:
        name:
            f"figure_{figure}"
        input:
            unpack(drawn_from(declared)),
            stale=stale(f"figure_{figure}"),
        output:
            pdf=f"results/figures/{{study}}/{figure}_{{of}}.pdf",
            numbers=f"results/figures/{{study}}/{figure}_{{of}}.csv",
            png=reported(
                f"results/figures/{{study}}/{figure}_{{of}}.png",
                declared["title"],
                figure,
            ),
        log:
            f"logs/figure_{figure}/{{study}}/{{of}}.log",
        localrule: True
        conda:
            "../../envs/environment.yml"
        params:
            values=values(f"figure_{figure}"),
            code=code(f"figure_{figure}"),
        script:
            "../scripts/figure.py"


rule page:
    input:
        unpack(drawn_from(PAGE)),
        stale=stale("page"),
    output:
        page=reported(
            "results/figures/{study}/eigenbasis_{of}.html",
            "Eigenbasis, rank by rank",
            "page",
        ),
    log:
        "logs/page/{study}/{of}.log",
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        values=values("page"),
        code=code("page"),
    script:
        "../scripts/page.py"


rule summary:
    input:
        unpack(of_job(lambda config, _: stores(summarized(config)))),
        stale=stale("summary"),
    output:
        summary=reported(
            "results/summary.csv",
            "The numbers of all studies",
            "summary",
            category="Summary",
        ),
        origin="results/summary.json",
    log:
        "logs/summary.log",
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        values=values("summary"),
        code=code("summary"),
    script:
        "../scripts/summary.py"
