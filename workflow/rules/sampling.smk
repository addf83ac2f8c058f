# Samples of the density that a network has learned.


rule sample:
    input:
        images=PATHS["images"],
        weights=PATHS["weights"],
    output:
        directory(PATHS["samples"]),
    log:
        "logs/sample/{dataset}/{network}/{side}-{N}.log",
    benchmark:
        "logs/sample/{dataset}/{network}/{side}-{N}.tsv"
    conda:
        "../../envs/environment.yml"
    resources:
        **cost.resources("samples"),
        gpu=1,
    params:
        **plan.samples.params,
    script:
        "../scripts/sample.py"
