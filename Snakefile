# Generalization in diffusion models arises from geometry-adaptive harmonic representations:
# the study of Kadkhodaie, Guth, Simoncelli & Mallat (ICLR 2024) on anyone's images.


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/denoising.smk"
include: "workflow/rules/sampling.smk"
include: "workflow/rules/similarity.smk"
include: "workflow/rules/jacobian.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/summary.smk"


rule all:
    default_target: True
    input:
        PATHS["summary"],
        expand("{figure}.{ending}", figure=plan.figures(), ending=["pdf", "png", "csv"]),
        expand("{figure}.html", figure=plan.figures("shrinkage")),
