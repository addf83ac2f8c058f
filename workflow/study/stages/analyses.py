"""What is computed with denoisers, and a store for each. A new analysis is declared here."""

from study import expected
from study.stage import Artifact, Stage, derived_seed
from study.stages.denoisers import RUN, modules

#: The two networks of a pair: subset, and how many seeds further. A pair on disjoint subsets starts
#: from the same weights; a pair on the same images shows the most that two networks can agree.
PAIRS = {"disjoint": (("S1", 0), ("S2", 0)), "same": (("S1", 0), ("S1", 1))}

psnr = Stage(
    "psnr",
    writes={"psnr": f"{RUN}/psnr.zarr"},
    reads={"images": "images", "split": "split", "denoiser": "denoiser"},
    uses=lambda config, job: {
        **{k: config["psnr"][k] for k in ("input_psnr", "count")},
        "subset": job["subset"],
        "N": int(job["N"]),
        "seed": derived_seed(config, "psnr", job["dataset"]),
    },
    imports=modules,
    expected=expected.psnr,
    gpu=True,
)
samples = Stage(
    "samples",
    writes={"samples": f"{RUN}/samples.zarr"},
    reads={"images": "images", "split": "split", "denoiser": "denoiser"},
    # The same noise for every denoiser of a data set, so that their samples can be compared.
    uses=lambda config, job: {
        **config["samples"], "seed": derived_seed(config, "samples", job["dataset"])
    },
    imports=modules,
    expected=expected.samples,
    gpu=True,
)  # fmt: skip
similarity = Stage(
    "similarity",
    writes={"similarity": "results/{dataset}/{denoiser}/{pair}-{N}-seed{seed}/similarity.zarr"},
    reads={
        "images": "images",
        "split": "split",
        "samples": lambda config, job: [
            Artifact("samples", {**job, "subset": subset, "seed": int(job["seed"]) + further})
            for subset, further in PAIRS[job["pair"]]
        ],
    },
    uses=lambda config, job: {
        **config["similarity"],
        "subsets": [subset for subset, _ in PAIRS[job["pair"]]],
        "N": int(job["N"]),
    },
    expected=expected.similarity,
    gpu=True,
)
eigenbasis = Stage(
    "eigenbasis",
    writes={"eigenbasis": f"{RUN}/eigenbasis.zarr"},
    reads={"images": "images", "split": "split", "denoiser": "denoiser"},
    uses=lambda config, job: {
        **{k: v for k, v in config["eigenbasis"].items() if k != "images"},
        "chosen": config["eigenbasis"]["images"],
        "seed": derived_seed(config, "eigenbasis", job["dataset"]),
    },
    imports=modules,
    expected=expected.eigenbasis,
    gpu=True,
)

STAGES = (psnr, samples, similarity, eigenbasis)
