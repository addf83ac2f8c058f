# Images of a data set, which of them are near-duplicates, and which are the two training sets and
# the test set.


# On the machine where snakemake runs: on a cluster, the others often reach no network.
rule fetch:
    output:
        PATHS["fetched"],
    log:
        "logs/fetch/{sha256}/{file}.log",
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        values=plan.fetch.values,  # the SHA-256 says what the file is, whatever code fetches it
    script:
        "../scripts/fetch.py"


rule prepare_images:
    input:
        plan.image_inputs,
    output:
        directory(PATHS["images"]),
    log:
        "logs/prepare_images/{dataset}.log",
    benchmark:
        "logs/prepare_images/{dataset}.tsv"
    conda:
        "../../envs/environment.yml"
    threads: 2
    resources:
        **cost.resources("images"),
    params:
        **plan.images.params,
    script:
        "../scripts/prepare_images.py"


rule near_duplicates:
    input:
        PATHS["images"],
    output:
        directory(PATHS["duplicates"]),
    log:
        "logs/near_duplicates/{dataset}.log",
    benchmark:
        "logs/near_duplicates/{dataset}.tsv"
    conda:
        "../../envs/environment.yml"
    threads: 2
    resources:
        **cost.resources("duplicates"),
    params:
        **plan.duplicates.params,
    script:
        "../scripts/near_duplicates.py"


rule split:
    input:
        images=PATHS["images"],
        duplicates=plan.duplicates_input,
    output:
        directory(PATHS["split"]),
    log:
        "logs/split/{dataset}.log",
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        **plan.split.params,
    script:
        "../scripts/split.py"
