# Analyses of denoisers.


# PSNR curves on the training set and on the test set.
rule psnr:
    input:
        images="results/{dataset}/images.zarr/zarr.json",
        split="results/{dataset}/split.zarr/zarr.json",
        denoiser="results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/denoiser.safetensors",
        stale=stale("psnr"),
    output:
        directory("results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/psnr.zarr"),
        psnr="results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/psnr.zarr/zarr.json",
    log:
        "logs/psnr/{dataset}/{denoiser}/{subset}-{N}-seed{seed}.log",
    benchmark:
        "logs/psnr/{dataset}/{denoiser}/{subset}-{N}-seed{seed}.tsv"
    conda:
        "../../envs/environment.yml"
    resources:
        **expected(costs.psnr),
        gpu=1,
    params:
        values=values("psnr"),
        code=code("psnr"),
    script:
        "../scripts/psnr.py"


# Agreement of references and other networks with a network.
rule agreement:
    input:
        images="results/{dataset}/images.zarr/zarr.json",
        split="results/{dataset}/split.zarr/zarr.json",
        denoiser="results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/denoiser.safetensors",
        samples="results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/samples.zarr/zarr.json",
        references=each(
            "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/denoiser.safetensors",
            analyses.references,
        ),
        others=each(
            "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/denoiser.safetensors",
            lambda *job: analyses.others(*job).values(),
        ),
        stale=stale("agreement"),
    output:
        directory(
            "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/agreement-{study}.zarr"
        ),
        agreement="results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/agreement-{study}.zarr/zarr.json",
    log:
        "logs/agreement/{dataset}/{denoiser}/{subset}-{N}-seed{seed}-{study}.log",
    benchmark:
        "logs/agreement/{dataset}/{denoiser}/{subset}-{N}-seed{seed}-{study}.tsv"
    conda:
        "../../envs/environment.yml"
    resources:
        **expected(costs.agreement),
        gpu=1,
    params:
        values=values("agreement"),
        code=code("agreement"),
    script:
        "../scripts/agreement.py"


# Eigendecomposition of the Jacobian at noisy test images.
rule eigenbasis:
    input:
        images="results/{dataset}/images.zarr/zarr.json",
        split="results/{dataset}/split.zarr/zarr.json",
        denoiser="results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/denoiser.safetensors",
        stale=stale("eigenbasis"),
    output:
        directory(
            "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/eigenbasis.zarr"
        ),
        eigenbasis="results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/eigenbasis.zarr/zarr.json",
    log:
        "logs/eigenbasis/{dataset}/{denoiser}/{subset}-{N}-seed{seed}.log",
    benchmark:
        "logs/eigenbasis/{dataset}/{denoiser}/{subset}-{N}-seed{seed}.tsv"
    conda:
        "../../envs/environment.yml"
    resources:
        gpu=1,
        runtime=doubling(60),
        mem_mb=doubling(16000),
    params:
        values=values("eigenbasis"),
        code=code("eigenbasis"),
    script:
        "../scripts/eigenbasis.py"


# Whether these bases are harmonic, and adapted to their images.
rule harmonics:
    input:
        images="results/{dataset}/images.zarr/zarr.json",
        eigenbasis="results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/eigenbasis.zarr/zarr.json",
        stale=stale("harmonics"),
    output:
        directory("results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/harmonics.zarr"),
        harmonics="results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/harmonics.zarr/zarr.json",
    log:
        "logs/harmonics/{dataset}/{denoiser}/{subset}-{N}-seed{seed}.log",
    benchmark:
        "logs/harmonics/{dataset}/{denoiser}/{subset}-{N}-seed{seed}.tsv"
    conda:
        "../../envs/environment.yml"
    resources:
        runtime=doubling(30),
        mem_mb=doubling(8000),
    params:
        values=values("harmonics"),
        code=code("harmonics"),
    script:
        "../scripts/harmonics.py"


# Properties of a denoiser as a map, and its receptive field.
rule properties:
    input:
        images="results/{dataset}/images.zarr/zarr.json",
        split="results/{dataset}/split.zarr/zarr.json",
        denoiser="results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/denoiser.safetensors",
        stale=stale("properties"),
    output:
        directory(
            "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/properties.zarr"
        ),
        properties="results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/properties.zarr/zarr.json",
    log:
        "logs/properties/{dataset}/{denoiser}/{subset}-{N}-seed{seed}.log",
    benchmark:
        "logs/properties/{dataset}/{denoiser}/{subset}-{N}-seed{seed}.tsv"
    conda:
        "../../envs/environment.yml"
    resources:
        gpu=1,
        runtime=doubling(30),
        mem_mb=doubling(8000),
    params:
        values=values("properties"),
        code=code("properties"),
    script:
        "../scripts/properties.py"


# The best shrinkage of test images in fixed bases.
rule oracles:
    input:
        images="results/{dataset}/images.zarr/zarr.json",
        split="results/{dataset}/split.zarr/zarr.json",
        stale=stale("oracles"),
    output:
        directory("results/{dataset}/oracles.zarr"),
        oracles="results/{dataset}/oracles.zarr/zarr.json",
    log:
        "logs/oracles/{dataset}.log",
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        values=values("oracles"),
        code=code("oracles"),
    script:
        "../scripts/oracles.py"


# Squared errors in nats: log-densities of images, and their dimensions.
rule density:
    input:
        images="results/{dataset}/images.zarr/zarr.json",
        split="results/{dataset}/split.zarr/zarr.json",
        denoiser="results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/denoiser.safetensors",
        stale=stale("density"),
    output:
        directory("results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/density.zarr"),
        density="results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/density.zarr/zarr.json",
    log:
        "logs/density/{dataset}/{denoiser}/{subset}-{N}-seed{seed}.log",
    benchmark:
        "logs/density/{dataset}/{denoiser}/{subset}-{N}-seed{seed}.tsv"
    conda:
        "../../envs/environment.yml"
    resources:
        gpu=1,
        runtime=doubling(60),
        mem_mb=doubling(8000),
    params:
        values=values("density"),
        code=code("density"),
    script:
        "../scripts/density.py"


# Measurements of a network at each snapshot of its training.
rule dynamics:
    input:
        images="results/{dataset}/images.zarr/zarr.json",
        split="results/{dataset}/split.zarr/zarr.json",
        history="results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/history.zarr/zarr.json",
        other=each(
            "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/history.zarr/zarr.json",
            analyses.other_history,
        ),
        references=each(
            "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/denoiser.safetensors",
            analyses.references,
        ),
        stale=stale("dynamics"),
    output:
        directory(
            "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/dynamics-{study}.zarr"
        ),
        dynamics="results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/dynamics-{study}.zarr/zarr.json",
    log:
        "logs/dynamics/{dataset}/{denoiser}/{subset}-{N}-seed{seed}-{study}.log",
    benchmark:
        "logs/dynamics/{dataset}/{denoiser}/{subset}-{N}-seed{seed}-{study}.tsv"
    conda:
        "../../envs/environment.yml"
    resources:
        gpu=1,
        runtime=doubling(60),
        mem_mb=doubling(8000),
    params:
        values=values("dynamics"),
        code=code("dynamics"),
    script:
        "../scripts/dynamics.py"


# Predictions from the covariance of the images, before any training.
rule prediction:
    input:
        images="results/{dataset}/images.zarr/zarr.json",
        split="results/{dataset}/split.zarr/zarr.json",
        stale=stale("prediction"),
    output:
        directory("results/{dataset}/prediction-{study}.zarr"),
        prediction="results/{dataset}/prediction-{study}.zarr/zarr.json",
    log:
        "logs/prediction/{dataset}-{study}.log",
    benchmark:
        "logs/prediction/{dataset}-{study}.tsv"
    conda:
        "../../envs/environment.yml"
    resources:
        runtime=doubling(30),
        mem_mb=doubling(8000),
    params:
        values=values("prediction"),
        code=code("prediction"),
    script:
        "../scripts/prediction.py"
