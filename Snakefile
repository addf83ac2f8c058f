# Generalization in diffusion models arises from geometry-adaptive harmonic representations:
# the study of Kadkhodaie, Guth, Simoncelli & Mallat (ICLR 2024) on anyone's images.


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/images.smk"
include: "workflow/rules/denoisers.smk"
include: "workflow/rules/samples.smk"
include: "workflow/rules/analyses.smk"
include: "workflow/rules/figures.smk"


rule all:
    default_target: True
    input:
        "results/summary.csv",
        drawn(),
