# One network trained on the first N images of one side, or taken in from elsewhere.


rule train:
    input:
        images=PATHS["images"],
        split=PATHS["split"],
    output:
        weights=PATHS["weights"],
        history=directory(PATHS["history"]),
    log:
        "logs/train/{dataset}/{network}/{side}-{N}.log",
    benchmark:
        "logs/train/{dataset}/{network}/{side}-{N}.tsv"
    wildcard_constraints:
        network=plan.names("networks", "architecture"),
    conda:
        "../../envs/environment.yml"
    resources:
        **cost.resources("train"),
        gpu=1,
        # Between two checkpoints. A resource, since it makes no result stale; a profile sets
        # another with `set-resources`.
        checkpoint_minutes=5,
        # SLURM asks it to end five minutes before its time is up; it saves a checkpoint.
        slurm_extra="--signal=TERM@300",
    params:
        **plan.train.params,
    script:
        "../scripts/train.py"


rule import_denoiser:
    input:
        unpack(plan.import_inputs),
        images=PATHS["images"],
    output:
        weights=PATHS["weights"],
    log:
        "logs/import_denoiser/{dataset}/{network}/{side}-{N}.log",
    wildcard_constraints:
        network=plan.names("networks", "weights", "function"),
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        **plan.imported.params,
    script:
        "../scripts/import_denoiser.py"
