# PSNR curves on the training set and on the test set.


rule psnr:
    input:
        images=PATHS["images"],
        split=PATHS["split"],
        weights=PATHS["weights"],
    output:
        directory(PATHS["psnr"]),
    log:
        "logs/psnr/{dataset}/{network}/{side}-{N}.log",
    benchmark:
        "logs/psnr/{dataset}/{network}/{side}-{N}.tsv"
    conda:
        "../../envs/environment.yml"
    resources:
        **cost.resources("psnr"),
        gpu=1,
    params:
        **plan.psnr.params,
    script:
        "../scripts/psnr.py"
