# Samples, and analyses of them.


# Samples of the density that a denoiser has learned.
rule samples:
    input:
        images="results/{dataset}/images.zarr/zarr.json",
        split="results/{dataset}/split.zarr/zarr.json",
        denoiser="results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/denoiser.safetensors",
        stale=stale("samples"),
    output:
        directory("results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/samples.zarr"),
        samples="results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/samples.zarr/zarr.json",
    log:
        "logs/samples/{dataset}/{denoiser}/{subset}-{N}-seed{seed}.log",
    benchmark:
        "logs/samples/{dataset}/{denoiser}/{subset}-{N}-seed{seed}.tsv"
    wildcard_constraints:
        denoiser=one_of(n for n in config["denoisers"] if not is_drawn(config, n)),
    conda:
        "../../envs/environment.yml"
    resources:
        gpu=1,
        runtime=doubling(60),
        mem_mb=doubling(8000),
    params:
        values=values("samples"),
        code=code("samples"),
    script:
        "../scripts/samples.py"


# Samples drawn elsewhere.
rule drawn:
    input:
        images="results/{dataset}/images.zarr/zarr.json",
        stale=stale("drawn"),
    output:
        directory("results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/samples.zarr"),
        samples="results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/samples.zarr/zarr.json",
    log:
        "logs/drawn/{dataset}/{denoiser}/{subset}-{N}-seed{seed}.log",
    wildcard_constraints:
        denoiser=one_of(n for n in config["denoisers"] if is_drawn(config, n)),
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        values=values("drawn"),
        code=code("drawn"),
    script:
        "../scripts/drawn.py"


# Similarity of the samples of a pair, to each other and to the training images.
rule similarity:
    input:
        images="results/{dataset}/images.zarr/zarr.json",
        split="results/{dataset}/split.zarr/zarr.json",
        samples=each(
            "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/samples.zarr/zarr.json",
            analyses.of_pair,
        ),
        stale=stale("similarity"),
    output:
        directory("results/{dataset}/{denoiser}/{pair}-{N}-seed{seed}/similarity.zarr"),
        similarity="results/{dataset}/{denoiser}/{pair}-{N}-seed{seed}/similarity.zarr/zarr.json",
    log:
        "logs/similarity/{dataset}/{denoiser}/{pair}-{N}-seed{seed}.log",
    benchmark:
        "logs/similarity/{dataset}/{denoiser}/{pair}-{N}-seed{seed}.tsv"
    conda:
        "../../envs/environment.yml"
    resources:
        gpu=1,
        runtime=doubling(60),
        mem_mb=doubling(8000),
    params:
        values=values("similarity"),
        code=code("similarity"),
    script:
        "../scripts/similarity.py"


# Agreement of the samples of a pair beyond the sample of one Gaussian from the same start.
rule beyond:
    input:
        images="results/{dataset}/images.zarr/zarr.json",
        split="results/{dataset}/split.zarr/zarr.json",
        samples=each(
            "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/samples.zarr/zarr.json",
            analyses.of_pair,
        ),
        stale=stale("beyond"),
    output:
        directory("results/{dataset}/{denoiser}/{pair}-{N}-seed{seed}/beyond.zarr"),
        beyond="results/{dataset}/{denoiser}/{pair}-{N}-seed{seed}/beyond.zarr/zarr.json",
    log:
        "logs/beyond/{dataset}/{denoiser}/{pair}-{N}-seed{seed}.log",
    benchmark:
        "logs/beyond/{dataset}/{denoiser}/{pair}-{N}-seed{seed}.tsv"
    wildcard_constraints:
        pair="disjoint|same",
    conda:
        "../../envs/environment.yml"
    resources:
        runtime=doubling(30),
        mem_mb=doubling(8000),
    params:
        values=values("beyond"),
        code=code("beyond"),
    script:
        "../scripts/beyond.py"


# The same for all pairs among two networks and the references of the study.
rule matrix:
    input:
        images="results/{dataset}/images.zarr/zarr.json",
        split="results/{dataset}/split.zarr/zarr.json",
        samples=each(
            "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/samples.zarr/zarr.json",
            lambda *job: analyses.of_matrix(*job).values(),
        ),
        stale=stale("matrix"),
    output:
        directory(
            "results/{dataset}/{denoiser}/{pair}-{N}-seed{seed}/matrix-{study}.zarr"
        ),
        matrix="results/{dataset}/{denoiser}/{pair}-{N}-seed{seed}/matrix-{study}.zarr/zarr.json",
    log:
        "logs/matrix/{dataset}/{denoiser}/{pair}-{N}-seed{seed}-{study}.log",
    benchmark:
        "logs/matrix/{dataset}/{denoiser}/{pair}-{N}-seed{seed}-{study}.tsv"
    wildcard_constraints:
        pair="disjoint",
    conda:
        "../../envs/environment.yml"
    resources:
        runtime=doubling(30),
        mem_mb=doubling(8000),
    params:
        values=values("matrix"),
        code=code("matrix"),
    script:
        "../scripts/matrix.py"
