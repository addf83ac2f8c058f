# Each figure of the paper, drawn from stores only.


rule figure_psnr_curves:
    input:
        unpack(plan.figure_inputs("psnr_curves")),
    output:
        multiext(figure_path("psnr_curves"), ".pdf", ".png"),
    log:
        "logs/figures/{study}/psnr_curves_{dataset}_{network}.log",
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
        multiext(figure_path("samples"), ".pdf", ".png"),
    log:
        "logs/figures/{study}/samples_{dataset}_{network}.log",
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
        multiext(figure_path("shrinkage"), ".pdf", ".png"),
    log:
        "logs/figures/{study}/shrinkage_{dataset}_{network}.log",
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
        multiext(figure_path("rates"), ".pdf", ".png"),
    log:
        "logs/figures/{study}/rates_{network}.log",
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
        multiext(figure_path("disks"), ".pdf", ".png"),
    log:
        "logs/figures/{study}/disks_{network}.log",
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
        multiext(figure_path("shuffled"), ".pdf", ".png"),
    log:
        "logs/figures/{study}/shuffled_{network}.log",
    conda:
        "../../envs/environment.yml"
    params:
        **plan.figure("shuffled").params,
    script:
        "../scripts/figure_shuffled.py"
