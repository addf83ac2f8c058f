# Denoisers: trained on the first N images of a subset, trained elsewhere, or a closed form of them.


rule training:
    input:
        **stages.training.input("images", "split"),
    output:
        **stages.training.output("denoiser", "history"),
    log:
        stages.training.log,
    benchmark:
        stages.training.benchmark
    wildcard_constraints:
        denoiser=plan.names("denoisers", *STAGES["training"].makes),
    # The longest jobs first, so that no core is idle at the end.
    priority: 1
    conda:
        "../../envs/environment.yml"
    threads: stages.training.threads
    resources:
        **stages.training.resources,
        # Between two checkpoints. A resource, since it makes no result stale; a profile sets
        # another with `set-resources`.
        checkpoint_minutes=5,
        # SLURM asks it to end five minutes before its time is up; it saves a checkpoint.
        slurm_extra="--signal=TERM@300",
    params:
        **stages.training.params,
    script:
        "../scripts/training.py"


rule imported:
    input:
        **stages.imported.input("images", "weights"),
    output:
        **stages.imported.output("denoiser"),
    log:
        stages.imported.log,
    wildcard_constraints:
        denoiser=plan.names("denoisers", *STAGES["imported"].makes),
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        **stages.imported.params,
    script:
        "../scripts/imported.py"


# The window, threshold or share of a reference that agrees best with a network.
rule calibration:
    input:
        **stages.calibration.input("images", "split", "network"),
    output:
        **stages.calibration.output("calibration"),
    log:
        stages.calibration.log,
    benchmark:
        stages.calibration.benchmark
    wildcard_constraints:
        denoiser=plan.names("denoisers", "calibrated"),
    conda:
        "../../envs/environment.yml"
    threads: stages.calibration.threads
    resources:
        **stages.calibration.resources,
    params:
        **stages.calibration.params,
    script:
        "../scripts/calibration.py"


rule reference:
    input:
        **stages.reference.input("images", "split", "calibration"),
    output:
        **stages.reference.output("denoiser"),
    log:
        stages.reference.log,
    benchmark:
        stages.reference.benchmark
    wildcard_constraints:
        denoiser=plan.names("denoisers", *STAGES["reference"].makes),
    conda:
        "../../envs/environment.yml"
    threads: stages.reference.threads
    resources:
        **stages.reference.resources,
    params:
        **stages.reference.params,
    script:
        "../scripts/reference.py"
