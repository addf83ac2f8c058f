# Eigendecomposition of the Jacobian of a network at noisy test images.


rule eigenbasis:
    input:
        images=PATHS["images"],
        split=PATHS["split"],
        weights=PATHS["weights"],
    output:
        directory(PATHS["eigenbasis"]),
    log:
        "logs/eigenbasis/{dataset}/{network}/{side}-{N}.log",
    benchmark:
        "logs/eigenbasis/{dataset}/{network}/{side}-{N}.tsv"
    conda:
        "../../envs/environment.yml"
    resources:
        **cost.resources("eigenbasis"),
        gpu=1,
    params:
        **plan.eigenbasis.params,
    script:
        "../scripts/eigenbasis.py"
