# Eigendecomposition of the Jacobian of a network at noisy test images.


rule eigenbasis:
    input:
        images=PATHS["images"],
        split=PATHS["split"],
        weights=PATHS["weights"],
    output:
        directory(PATHS["eigenbasis"]),
    params:
        **plan.eigenbasis.params,
    log:
        "logs/eigenbasis/{dataset}/{network}/{side}-{N}.log",
    script:
        "../scripts/eigenbasis.py"
