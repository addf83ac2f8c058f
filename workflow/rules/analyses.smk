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


# How well references and other networks agree with a network.
rule agreement:
    input:
        **stages.agreement.input(
            "images", "split", "denoiser", "samples", "references", "others"
        ),
    output:
        **stages.agreement.output("agreement"),
    log:
        stages.agreement.log,
    benchmark:
        stages.agreement.benchmark
    conda:
        "../../envs/environment.yml"
    threads: stages.agreement.threads
    resources:
        **stages.agreement.resources,
    params:
        **stages.agreement.params,
    script:
        "../scripts/agreement.py"


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


# How harmonic these bases are, and how adapted to their images.
rule harmonics:
    input:
        **stages.harmonics.input("images", "eigenbasis"),
    output:
        **stages.harmonics.output("harmonics"),
    log:
        stages.harmonics.log,
    benchmark:
        stages.harmonics.benchmark
    conda:
        "../../envs/environment.yml"
    threads: stages.harmonics.threads
    resources:
        **stages.harmonics.resources,
    params:
        **stages.harmonics.params,
    script:
        "../scripts/harmonics.py"


# What kind of map a denoiser is, and how far it looks.
rule properties:
    input:
        **stages.properties.input("images", "split", "denoiser"),
    output:
        **stages.properties.output("properties"),
    log:
        stages.properties.log,
    benchmark:
        stages.properties.benchmark
    conda:
        "../../envs/environment.yml"
    threads: stages.properties.threads
    resources:
        **stages.properties.resources,
    params:
        **stages.properties.params,
    script:
        "../scripts/properties.py"


# The best shrinkage of test images in fixed bases.
rule oracles:
    input:
        **stages.oracles.input("images", "split"),
    output:
        **stages.oracles.output("oracles"),
    log:
        stages.oracles.log,
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        **stages.oracles.params,
    script:
        "../scripts/oracles.py"


# Squared errors in nats: log-densities of images, and their dimensions.
rule density:
    input:
        **stages.density.input("images", "split", "denoiser"),
    output:
        **stages.density.output("density"),
    log:
        stages.density.log,
    benchmark:
        stages.density.benchmark
    conda:
        "../../envs/environment.yml"
    threads: stages.density.threads
    resources:
        **stages.density.resources,
    params:
        **stages.density.params,
    script:
        "../scripts/density.py"


# What a network has learned at each snapshot of its training.
rule dynamics:
    input:
        **stages.dynamics.input("images", "split", "history", "other", "references"),
    output:
        **stages.dynamics.output("dynamics"),
    log:
        stages.dynamics.log,
    benchmark:
        stages.dynamics.benchmark
    conda:
        "../../envs/environment.yml"
    threads: stages.dynamics.threads
    resources:
        **stages.dynamics.resources,
    params:
        **stages.dynamics.params,
    script:
        "../scripts/dynamics.py"


# What the covariance of the images predicts, before any training.
rule prediction:
    input:
        **stages.prediction.input("images", "split"),
    output:
        **stages.prediction.output("prediction"),
    log:
        stages.prediction.log,
    benchmark:
        stages.prediction.benchmark
    conda:
        "../../envs/environment.yml"
    threads: stages.prediction.threads
    resources:
        **stages.prediction.resources,
    params:
        **stages.prediction.params,
    script:
        "../scripts/prediction.py"
