# The images of a data set, their near-duplicates, and the division into training and test images.


# On the machine where snakemake runs: on a cluster, other nodes often have no network.
rule fetched:
    output:
        fetched="data/{sha256}/{file}",
    log:
        "logs/fetched/{sha256}/{file}.log",
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        values=values("fetched"),
        code=code("fetched"),
    script:
        "../scripts/fetched.py"


rule images:
    input:
        made_from=made_from,
        stale=stale("images"),
    output:
        directory("results/{dataset}/images.zarr"),
        images="results/{dataset}/images.zarr/zarr.json",
    log:
        "logs/images/{dataset}.log",
    benchmark:
        "logs/images/{dataset}.tsv"
    conda:
        "../../envs/environment.yml"
    resources:
        runtime=doubling(60),
        mem_mb=doubling(4000),
    params:
        values=values("images"),
        code=code("images"),
    script:
        "../scripts/images.py"


rule duplicates:
    input:
        images="results/{dataset}/images.zarr/zarr.json",
        stale=stale("duplicates"),
    output:
        directory("results/{dataset}/duplicates.zarr"),
        duplicates="results/{dataset}/duplicates.zarr/zarr.json",
    log:
        "logs/duplicates/{dataset}.log",
    benchmark:
        "logs/duplicates/{dataset}.tsv"
    wildcard_constraints:
        dataset=names("datasets", "duplicates"),
    conda:
        "../../envs/environment.yml"
    threads: 2
    resources:
        runtime=doubling(60),
        mem_mb=doubling(4000),
    params:
        values=values("duplicates"),
        code=code("duplicates"),
    script:
        "../scripts/duplicates.py"


rule split:
    input:
        images=one("results/{dataset}/images.zarr/zarr.json", images.unshuffled),
        duplicates=each("results/{dataset}/duplicates.zarr/zarr.json", images.dropped),
        table=brought(images.table),
        lists=brought(images.lists),
        stale=stale("split"),
    output:
        directory("results/{dataset}/split.zarr"),
        split="results/{dataset}/split.zarr/zarr.json",
    log:
        "logs/split/{dataset}.log",
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        values=values("split"),
        code=code("split"),
    script:
        "../scripts/split.py"


# Clusters of near-duplicates, and pairs across the split, before any training.
rule redundancy:
    input:
        images=one("results/{dataset}/images.zarr/zarr.json", images.unshuffled),
        split="results/{dataset}/split.zarr/zarr.json",
        stale=stale("redundancy"),
    output:
        directory("results/{dataset}/redundancy.zarr"),
        redundancy="results/{dataset}/redundancy.zarr/zarr.json",
    log:
        "logs/redundancy/{dataset}.log",
    benchmark:
        "logs/redundancy/{dataset}.tsv"
    # Reported before trainings begin.
    priority: 2
    conda:
        "../../envs/environment.yml"
    threads: 2
    resources:
        runtime=doubling(60),
        mem_mb=doubling(4000),
    params:
        values=values("redundancy"),
        code=code("redundancy"),
    script:
        "../scripts/redundancy.py"
