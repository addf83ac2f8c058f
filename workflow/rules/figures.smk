# Figures and pages, drawn from stores only, and the numbers of all studies in one table.

#: Where the stores of each kind are that figures and the summary read.
STORES = {
    "images": "results/{dataset}/images.zarr/zarr.json",
    "redundancy": "results/{dataset}/redundancy.zarr/zarr.json",
    "oracles": "results/{dataset}/oracles.zarr/zarr.json",
    "prediction": "results/{dataset}/prediction-{study}.zarr/zarr.json",
    "similarity": "results/{dataset}/{denoiser}/{pair}-{N}-seed{seed}/similarity.zarr/zarr.json",
    "beyond": "results/{dataset}/{denoiser}/{pair}-{N}-seed{seed}/beyond.zarr/zarr.json",
    "matrix": "results/{dataset}/{denoiser}/{pair}-{N}-seed{seed}/matrix-{study}.zarr/zarr.json",
    "history": "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/history.zarr/zarr.json",
    "psnr": "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/psnr.zarr/zarr.json",
    "samples": "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/samples.zarr/zarr.json",
    "eigenbasis": "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/eigenbasis.zarr/zarr.json",
    "harmonics": "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/harmonics.zarr/zarr.json",
    "properties": "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/properties.zarr/zarr.json",
    "density": "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/density.zarr/zarr.json",
    "agreement": "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/agreement-{study}.zarr/zarr.json",
    "dynamics": "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/dynamics-{study}.zarr/zarr.json",
}


for figure, declared in figures.declared().items():

    rule:
        name:
            f"figure_{figure}"
        input:
            unpack(stores(declared)),
            stale=stale(f"figure_{figure}"),
        output:
            pdf=f"results/figures/{{study}}/{figure}_{{of}}.pdf",
            numbers=f"results/figures/{{study}}/{figure}_{{of}}.csv",
            png=reported(
                f"results/figures/{{study}}/{figure}_{{of}}.png",
                declared["title"],
                figure,
            ),
        log:
            f"logs/figure_{figure}/{{study}}/{{of}}.log",
        localrule: True
        conda:
            "../../envs/environment.yml"
        params:
            values=values(f"figure_{figure}"),
            code=code(f"figure_{figure}"),
        script:
            "../scripts/figure.py"


rule page:
    input:
        unpack(stores(PAGE)),
        stale=stale("page"),
    output:
        page=reported(
            "results/figures/{study}/eigenbasis_{of}.html",
            "Eigenbasis, rank by rank",
            "page",
        ),
    log:
        "logs/page/{study}/{of}.log",
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        values=values("page"),
        code=code("page"),
    script:
        "../scripts/page.py"


rule summary:
    input:
        unpack(summarized_stores),
        stale=stale("summary"),
    output:
        summary=reported(
            "results/summary.csv",
            "The numbers of all studies",
            "summary",
            category="Summary",
        ),
        origin="results/summary.json",
    log:
        "logs/summary.log",
    localrule: True
    conda:
        "../../envs/environment.yml"
    params:
        values=values("summary"),
        code=code("summary"),
    script:
        "../scripts/summary.py"
