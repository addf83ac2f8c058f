# Images of a data set, and which of them are the two training sets and the test set.


rule prepare_images:
    input:
        plan.image_inputs,
    output:
        directory(PATHS["images"]),
    log:
        "logs/prepare_images/{dataset}.log",
    conda:
        "../../envs/environment.yml"
    params:
        **plan.images.params,
    script:
        "../scripts/prepare_images.py"


rule split:
    input:
        PATHS["images"],
    output:
        directory(PATHS["split"]),
    log:
        "logs/split/{dataset}.log",
    conda:
        "../../envs/environment.yml"
    params:
        **plan.split.params,
    script:
        "../scripts/split.py"
