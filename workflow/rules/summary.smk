# The numbers of every study in one table.


rule summary:
    input:
        plan.summary_inputs,
    output:
        report(
            PATHS["summary"],
            caption="../report/summary.rst",
            category="Summary",
            labels={"table": "The numbers of all studies"},
        ),
    log:
        "logs/summary.log",
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        **plan.summary.params,
    script:
        "../scripts/summary.py"
