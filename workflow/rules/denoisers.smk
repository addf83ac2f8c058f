# Denoisers: trained on the first N images of a subset, trained elsewhere, or a closed form of them.


rule training:
    input:
        images="results/{dataset}/images.zarr/zarr.json",
        split="results/{dataset}/split.zarr/zarr.json",
        stale=stale("training"),
    output:
        directory("results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/history.zarr"),
        denoiser="results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/denoiser.safetensors",
        history="results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/history.zarr/zarr.json",
    log:
        "logs/training/{dataset}/{denoiser}/{subset}-{N}-seed{seed}.log",
    benchmark:
        "logs/training/{dataset}/{denoiser}/{subset}-{N}-seed{seed}.tsv"
    wildcard_constraints:
        denoiser=names("denoisers", "architecture"),
    # The longest jobs first, so that no core is idle at the end.
    priority: 1
    conda:
        "../../envs/environment.yml"
    resources:
        **expected(costs.training),
        # Minutes between two checkpoints. A resource, since no result depends on it; a profile
        # changes it with `set-resources`.
        gpu=1,
        gpu_mb=lambda wildcards: math.ceil(costs.gpu_mb(config, wildcards)),
        checkpoint_minutes=5,
        # SLURM signals the job five minutes before its time is up; it then saves a checkpoint.
        slurm_extra="--signal=TERM@300",
    params:
        values=values("training"),
        code=code("training"),
    script:
        "../scripts/training.py"


rule imported:
    input:
        images="results/{dataset}/images.zarr/zarr.json",
        split="results/{dataset}/split.zarr/zarr.json",
        weights=brought(denoisers.weights),
        stale=stale("imported"),
    output:
        denoiser="results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/denoiser.safetensors",
    log:
        "logs/imported/{dataset}/{denoiser}/{subset}-{N}-seed{seed}.log",
    wildcard_constraints:
        denoiser=names("denoisers", "weights", "function", "diffusers"),
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        values=values("imported"),
        code=code("imported"),
    script:
        "../scripts/imported.py"


# The window, threshold or share for which a reference agrees best with a network.
rule calibration:
    input:
        images="results/{dataset}/images.zarr/zarr.json",
        split="results/{dataset}/split.zarr/zarr.json",
        network=one(
            "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/denoiser.safetensors",
            denoisers.calibrated_on,
        ),
        stale=stale("calibration"),
    output:
        directory(
            "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/calibration.zarr"
        ),
        calibration="results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/calibration.zarr/zarr.json",
    log:
        "logs/calibration/{dataset}/{denoiser}/{subset}-{N}-seed{seed}.log",
    benchmark:
        "logs/calibration/{dataset}/{denoiser}/{subset}-{N}-seed{seed}.tsv"
    wildcard_constraints:
        denoiser=names("denoisers", "calibrated"),
    conda:
        "../../envs/environment.yml"
    resources:
        **expected(costs.calibration),
        gpu=1,
    params:
        values=values("calibration"),
        code=code("calibration"),
    script:
        "../scripts/calibration.py"


rule reference:
    input:
        images="results/{dataset}/images.zarr/zarr.json",
        split="results/{dataset}/split.zarr/zarr.json",
        calibration=each(
            "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/calibration.zarr/zarr.json",
            denoisers.calibration,
        ),
        stale=stale("reference"),
    output:
        denoiser="results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/denoiser.safetensors",
    log:
        "logs/reference/{dataset}/{denoiser}/{subset}-{N}-seed{seed}.log",
    benchmark:
        "logs/reference/{dataset}/{denoiser}/{subset}-{N}-seed{seed}.tsv"
    wildcard_constraints:
        denoiser=names("denoisers", "reference"),
    conda:
        "../../envs/environment.yml"
    resources:
        runtime=doubling(30),
        mem_mb=doubling(8000),
    params:
        values=values("reference"),
        code=code("reference"),
    script:
        "../scripts/reference.py"
