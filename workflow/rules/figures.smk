# Each figure of the paper, drawn from stores only, with its numbers.


rule figure_psnr_curves:
    input:
        unpack(plan.figure_inputs("psnr_curves")),
    output:
        **drawn("psnr_curves", "PSNR curves"),
    log:
        "logs/figures/{study}/psnr_curves_{dataset}_{network}.log",
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        **plan.figure("psnr_curves").params,
    script:
        "../scripts/figure_psnr_curves.py"


rule figure_samples:
    input:
        unpack(plan.figure_inputs("samples")),
    output:
        **drawn("samples", "Samples of two networks"),
    log:
        "logs/figures/{study}/samples_{dataset}_{network}.log",
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        **plan.figure("samples").params,
    script:
        "../scripts/figure_samples.py"


rule figure_shrinkage:
    input:
        unpack(plan.figure_inputs("shrinkage")),
    output:
        **drawn("shrinkage", "Shrinkage and eigenbasis"),
        page=reported(
            figure_path("shrinkage") + ".html",
            "eigenbasis",
            "Eigenbasis, rank by rank",
        ),
    log:
        "logs/figures/{study}/shrinkage_{dataset}_{network}.log",
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        **plan.figure("shrinkage").params,
    script:
        "../scripts/figure_shrinkage.py"


rule figure_rates:
    input:
        unpack(plan.figure_inputs("rates")),
    output:
        **drawn("rates", "Slopes and regularity"),
    log:
        "logs/figures/{study}/rates_{network}.log",
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        **plan.figure("rates").params,
    script:
        "../scripts/figure_rates.py"


rule figure_disks:
    input:
        unpack(plan.figure_inputs("disks")),
    output:
        **drawn("disks", "Disks"),
    log:
        "logs/figures/{study}/disks_{dataset}_{network}.log",
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        **plan.figure("disks").params,
    script:
        "../scripts/figure_disks.py"


rule figure_shuffled:
    input:
        unpack(plan.figure_inputs("shuffled")),
    output:
        **drawn("shuffled", "Shuffled pixels"),
    log:
        "logs/figures/{study}/shuffled_{network}.log",
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        **plan.figure("shuffled").params,
    script:
        "../scripts/figure_shuffled.py"


rule figure_pairs:
    input:
        unpack(plan.figure_inputs("pairs")),
    output:
        **drawn("pairs", "Closest pairs"),
    log:
        "logs/figures/{study}/pairs_{dataset}_{network}.log",
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        **plan.figure("pairs").params,
    script:
        "../scripts/figure_pairs.py"


rule figure_patches:
    input:
        unpack(plan.figure_inputs("patches")),
    output:
        **drawn("patches", "Closest patches"),
    log:
        "logs/figures/{study}/patches_{dataset}_{network}.log",
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        **plan.figure("patches").params,
    script:
        "../scripts/figure_patches.py"


rule figure_history:
    input:
        unpack(plan.figure_inputs("history")),
    output:
        **drawn("history", "Training history"),
    log:
        "logs/figures/{study}/history_{dataset}_{network}.log",
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        **plan.figure("history").params,
    script:
        "../scripts/figure_history.py"
