# Images of a data set, which of them are near-duplicates, and which are the two training sets and
# the test set.


# On the machine where snakemake runs: on a cluster, the others often reach no network.
rule fetched:
    output:
        **stages.fetched.output("fetched"),
    log:
        stages.fetched.log,
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        **stages.fetched.params,
    script:
        "../scripts/fetched.py"


rule images:
    input:
        **stages.images.input("made_from"),
    output:
        **stages.images.output("images"),
    log:
        stages.images.log,
    benchmark:
        stages.images.benchmark
    conda:
        "../../envs/environment.yml"
    threads: stages.images.threads
    resources:
        **stages.images.resources,
    params:
        **stages.images.params,
    script:
        "../scripts/images.py"


rule duplicates:
    input:
        **stages.duplicates.input("images"),
    output:
        **stages.duplicates.output("duplicates"),
    log:
        stages.duplicates.log,
    benchmark:
        stages.duplicates.benchmark
    conda:
        "../../envs/environment.yml"
    threads: stages.duplicates.threads
    resources:
        **stages.duplicates.resources,
    params:
        **stages.duplicates.params,
    script:
        "../scripts/duplicates.py"


rule split:
    input:
        **stages.split.input("images", "duplicates"),
    output:
        **stages.split.output("split"),
    log:
        stages.split.log,
    wildcard_constraints:
        dataset=plan.names("datasets", without=STAGES["grouped"].makes),
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        **stages.split.params,
    script:
        "../scripts/split.py"


# The same of images in groups, none of which is divided.
rule grouped:
    input:
        **stages.grouped.input("images", "duplicates", "table"),
    output:
        **stages.grouped.output("split"),
    log:
        stages.grouped.log,
    wildcard_constraints:
        dataset=plan.names("datasets", *STAGES["grouped"].makes),
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        **stages.grouped.params,
    script:
        "../scripts/grouped.py"


# Near-duplicates in clusters and on two sides of the split, before anything is trained on them.
rule redundancy:
    input:
        **stages.redundancy.input("images", "split"),
    output:
        **stages.redundancy.output("redundancy"),
    log:
        stages.redundancy.log,
    benchmark:
        stages.redundancy.benchmark
    # Said before trainings begin.
    priority: 2
    conda:
        "../../envs/environment.yml"
    threads: stages.redundancy.threads
    resources:
        **stages.redundancy.resources,
    params:
        **stages.redundancy.params,
    script:
        "../scripts/redundancy.py"
