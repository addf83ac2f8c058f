# What is computed with denoisers.


# PSNR curves on the training set and on the test set.
rule psnr:
    input:
        **stages.psnr.input("images", "split", "denoiser"),
    output:
        **stages.psnr.output("psnr"),
    log:
        stages.psnr.log,
    benchmark:
        stages.psnr.benchmark
    conda:
        "../../envs/environment.yml"
    threads: stages.psnr.threads
    resources:
        **stages.psnr.resources,
    params:
        **stages.psnr.params,
    script:
        "../scripts/psnr.py"


# Samples of the density that a denoiser has learned.
rule samples:
    input:
        **stages.samples.input("images", "split", "denoiser"),
    output:
        **stages.samples.output("samples"),
    log:
        stages.samples.log,
    benchmark:
        stages.samples.benchmark
    conda:
        "../../envs/environment.yml"
    threads: stages.samples.threads
    resources:
        **stages.samples.resources,
    params:
        **stages.samples.params,
    script:
        "../scripts/samples.py"


# How alike the samples of a pair are, and how close to the training images.
rule similarity:
    input:
        **stages.similarity.input("images", "split", "samples"),
    output:
        **stages.similarity.output("similarity"),
    log:
        stages.similarity.log,
    benchmark:
        stages.similarity.benchmark
    conda:
        "../../envs/environment.yml"
    threads: stages.similarity.threads
    resources:
        **stages.similarity.resources,
    params:
        **stages.similarity.params,
    script:
        "../scripts/similarity.py"


# Eigendecomposition of the Jacobian at noisy test images.
rule eigenbasis:
    input:
        **stages.eigenbasis.input("images", "split", "denoiser"),
    output:
        **stages.eigenbasis.output("eigenbasis"),
    log:
        stages.eigenbasis.log,
    benchmark:
        stages.eigenbasis.benchmark
    conda:
        "../../envs/environment.yml"
    threads: stages.eigenbasis.threads
    resources:
        **stages.eigenbasis.resources,
    params:
        **stages.eigenbasis.params,
    script:
        "../scripts/eigenbasis.py"
