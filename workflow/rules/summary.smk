# The numbers of every study in one table.


rule summary:
    input:
        plan.summary_inputs,
    output:
        PATHS["summary"],
    log:
        "logs/summary.log",
    conda:
        "../../envs/environment.yml"
    params:
        **plan.summary.params,
    script:
        "../scripts/summary.py"
