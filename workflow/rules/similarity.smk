# How alike the samples of the two networks of a pair are, and how close to the training images.


rule similarity:
    input:
        images=PATHS["images"],
        split=PATHS["split"],
        samples=expand(PATHS["samples"], side=["S1", "S2"], allow_missing=True),
    output:
        directory(PATHS["similarity"]),
    log:
        "logs/similarity/{dataset}/{network}/{N}.log",
    benchmark:
        "logs/similarity/{dataset}/{network}/{N}.tsv"
    conda:
        "../../envs/environment.yml"
    resources:
        **cost.resources("similarity"),
        gpu=1,
    params:
        **plan.similarity.params,
    script:
        "../scripts/similarity.py"
