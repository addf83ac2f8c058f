# One network trained on the first N images of one side.


rule train:
    input:
        images=PATHS["images"],
        split=PATHS["split"],
    output:
        weights=PATHS["weights"],
        history=directory(PATHS["history"]),
    params:
        **plan.train.params,
    log:
        "logs/train/{dataset}/{network}/{side}-{N}.log",
    script:
        "../scripts/train.py"
