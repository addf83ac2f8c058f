# Figures and pages, drawn from stores only, and the numbers of all studies in one table.


for figure, declared in figures.declared().items():
    of_figure = directives[f"figure_{figure}"]
    drawn = of_figure.output("pdf", "png", "numbers")
    caption = declared["module"].replace(".", "/")
    drawn["png"] = reported(drawn["png"], caption, declared["title"])

    # `declared` says what it reads.
    rule:
        name:
            f"figure_{figure}"
        input:
            **of_figure.input(*declared["reads"]),
        output:
            **drawn,
        log:
            of_figure.log,
        localrule: True
        conda:
            "../../envs/environment.yml"
        params:
            **of_figure.params,
        script:
            "../scripts/figure.py"


rule page:
    input:
        **stages.page.input("eigenbasis"),
    output:
        page=reported(
            stages.page.output("page")["page"], "page", "Eigenbasis, rank by rank"
        ),
    log:
        stages.page.log,
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        **stages.page.params,
    script:
        "../scripts/page.py"


rule summary:
    input:
        **stages.summary.input(
            "psnr", "similarity", "eigenbasis", "density", "harmonics"
        ),
    output:
        summary=reported(
            stages.summary.output("summary")["summary"],
            "summary",
            "The numbers of all studies",
            "Summary",
        ),
    log:
        stages.summary.log,
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        **stages.summary.params,
    script:
        "../scripts/summary.py"
