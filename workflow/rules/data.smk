# Images of a data set, and which of them are the two training sets and the test set.


rule prepare_images:
    input:
        plan.image_inputs,
    output:
        directory(PATHS["images"]),
    params:
        **plan.images.params,
    log:
        "logs/prepare_images/{dataset}.log",
    script:
        "../scripts/prepare_images.py"


rule split:
    input:
        PATHS["images"],
    output:
        directory(PATHS["split"]),
    params:
        **plan.split.params,
    log:
        "logs/split/{dataset}.log",
    script:
        "../scripts/split.py"
