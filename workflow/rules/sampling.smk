# Samples of the density that a network has learned.


rule sample:
    input:
        images=PATHS["images"],
        weights=PATHS["weights"],
    output:
        directory(PATHS["samples"]),
    params:
        **plan.samples.params,
    log:
        "logs/sample/{dataset}/{network}/{side}-{N}.log",
    script:
        "../scripts/sample.py"
