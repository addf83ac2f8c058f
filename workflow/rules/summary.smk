# The numbers of every study in one table.


rule summary:
    input:
        plan.summary_inputs,
    output:
        PATHS["summary"],
    params:
        **plan.summary.params,
    log:
        "logs/summary.log",
    script:
        "../scripts/summary.py"
