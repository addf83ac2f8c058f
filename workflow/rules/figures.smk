# Each figure of the paper, drawn from stores only.


rule figure_psnr_curves:
    input:
        unpack(plan.figure_inputs("psnr_curves")),
    output:
        figure_path("psnr_curves") + ".pdf",
        report(
            figure_path("psnr_curves") + ".png",
            caption="../report/psnr_curves.rst",
            category="{study}",
            labels={
                "figure": "PSNR curves",
                "data set": "{dataset}",
                "network": "{network}",
            },
        ),
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
        figure_path("samples") + ".pdf",
        report(
            figure_path("samples") + ".png",
            caption="../report/samples.rst",
            category="{study}",
            labels={
                "figure": "Samples of two networks",
                "data set": "{dataset}",
                "network": "{network}",
            },
        ),
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
        figure_path("shrinkage") + ".pdf",
        report(
            figure_path("shrinkage") + ".png",
            caption="../report/shrinkage.rst",
            category="{study}",
            labels={
                "figure": "Shrinkage and eigenbasis",
                "data set": "{dataset}",
                "network": "{network}",
            },
        ),
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
        figure_path("rates") + ".pdf",
        report(
            figure_path("rates") + ".png",
            caption="../report/rates.rst",
            category="{study}",
            labels={"figure": "Slopes and regularity", "network": "{network}"},
        ),
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
        figure_path("disks") + ".pdf",
        report(
            figure_path("disks") + ".png",
            caption="../report/disks.rst",
            category="{study}",
            labels={
                "figure": "Disks",
                "data set": "{dataset}",
                "network": "{network}",
            },
        ),
    log:
        "logs/figures/{study}/disks_{dataset}_{network}.log",
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
        figure_path("shuffled") + ".pdf",
        report(
            figure_path("shuffled") + ".png",
            caption="../report/shuffled.rst",
            category="{study}",
            labels={"figure": "Shuffled pixels", "network": "{network}"},
        ),
    log:
        "logs/figures/{study}/shuffled_{network}.log",
    conda:
        "../../envs/environment.yml"
    params:
        **plan.figure("shuffled").params,
    script:
        "../scripts/figure_shuffled.py"
