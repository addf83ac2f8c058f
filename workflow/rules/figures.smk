# Figures and pages, drawn from stores only, and the numbers of all studies in one table.


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
