# One network trained on the first N images of one side.


rule train:
    input:
        images=PATHS["images"],
        split=PATHS["split"],
    output:
        weights=PATHS["weights"],
        history=directory(PATHS["history"]),
    log:
        "logs/train/{dataset}/{network}/{side}-{N}.log",
    conda:
        "../../envs/environment.yml"
    resources:
        # Between two checkpoints. A resource, since it makes no result stale; a profile sets
        # another with `set-resources`.
        checkpoint_minutes=5,
    params:
        **plan.train.params,
    script:
        "../scripts/train.py"
