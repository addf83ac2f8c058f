"""What is computed with denoisers, and a store for each. A new analysis is declared here."""

from collections.abc import Mapping

from study import expected, figures
from study.entries import is_optimal, is_single, root
from study.files import code_file
from study.fingerprint import GEOMETRIES
from study.stage import Artifact, Stage, derived_seed
from study.stages.denoisers import RUN, modules

#: The two networks of a pair: subset, and how many seeds further. A pair on disjoint subsets starts
#: from the same weights; a pair on the same images shows the most that two networks can agree. One
#: network alone, which has no other, is compared with its training images only.
PAIRS = {
    "disjoint": (("S1", 0), ("S2", 0)), "same": (("S1", 0), ("S1", 1)), "single": (("S1", 0),)
}  # fmt: skip
OTHER = {"S1": "S2", "S2": "S1"}


def _psnr(config: dict, job: Mapping) -> dict:
    entry = config["psnr"] | config["denoisers"][job["denoiser"]].get("psnr", {})
    # The optimum knows no training set, and where all images are test images there is none.
    alone = is_optimal(config, job["denoiser"]) or root(config, job["dataset"])[1]["test"] == "all"
    sets = ["test"] if alone else ["train", "test"]
    return {
        **{k: entry[k] for k in ("input_psnr", "count")},
        "sets": sets,
        "subset": job["subset"],
        "N": int(job["N"]),
        "seed": derived_seed(config, "psnr", job["dataset"]),
    }


def _samples_of_pair(config: dict, job: Mapping) -> list[Artifact]:
    """Raises ValueError where both networks of the pair are one, which agrees with itself."""
    denoiser, pair = job["denoiser"], job["pair"]
    other = figures.is_trained(config, denoiser) or (
        pair == "disjoint" and not is_single(config, denoiser)
    )
    if pair != "single" and not other:
        raise ValueError(
            f"denoisers.{denoiser} is one denoiser, so a pair ({pair}) would be it and itself; ask "
            f"for single-{job['N']}-seed{job['seed']}, or let its `weights` hold {{subset}} "
            "(S1 or S2)"
        )
    return [
        Artifact("samples", {**job, "subset": subset, "seed": int(job["seed"]) + further})
        for subset, further in PAIRS[pair]
    ]


psnr = Stage(
    "psnr",
    writes={"psnr": f"{RUN}/psnr.zarr"},
    reads={"images": "images", "split": "split", "denoiser": "denoiser"},
    uses=_psnr,
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
        "samples": _samples_of_pair,
    },
    uses=lambda config, job: {
        # Without an embedding as if there were no such key, so that stores stay what they were.
        **{k: v for k, v in config["similarity"].items() if v is not None},
        "subsets": [subset for subset, _ in PAIRS[job["pair"]]],
        "N": int(job["N"]),
    },
    expected=expected.similarity,
    # Its name is checked when the config is.
    files=lambda config, job: [
        code_file(f) for f in [config["similarity"]["embedding"]] if f is not None
    ],
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


def _geometry(config: dict, job: Mapping) -> str | None:
    """The source of the images, if their geometry is known."""
    source = config["datasets"][job["dataset"]]["source"]
    return source if (GEOMETRIES / f"{source}.py").is_file() else None


def _geometries(config: dict, job: Mapping) -> list[str]:
    source = _geometry(config, job)
    return [f"gahb.harmonics.geometries.{source}"] if source else []


harmonics = Stage(
    "harmonics",
    writes={"harmonics": f"{RUN}/harmonics.zarr"},
    reads={"images": "images", "eigenbasis": "eigenbasis"},
    uses=lambda config, job: {
        "source": _geometry(config, job),
        "seed_of_images": derived_seed(config, "images", job["dataset"]),
        "seed": derived_seed(config, "harmonics", job["dataset"]),
    },
    imports=_geometries,
    expected=expected.harmonics,
    script="harmonics.py",
)
properties = Stage(
    "properties",
    writes={"properties": f"{RUN}/properties.zarr"},
    reads={"images": "images", "split": "split", "denoiser": "denoiser"},
    # The same noisy images and pixels for every denoiser of a data set.
    uses=lambda config, job: {
        **config["properties"], "seed": derived_seed(config, "properties", job["dataset"])
    },
    imports=modules,
    expected=expected.properties,
    gpu=True,
    script="properties.py",
)  # fmt: skip
density = Stage(
    "density",
    writes={"density": f"{RUN}/density.zarr"},
    reads={"images": "images", "split": "split", "denoiser": "denoiser"},
    # The same images and noises for every denoiser of a data set, whatever its subset.
    uses=lambda config, job: {
        **config["density"],
        "N": int(job["N"]),
        "seed": derived_seed(config, "density", job["dataset"]),
    },
    imports=modules,
    expected=expected.density,
    gpu=True,
)

oracles = Stage(
    "oracles",
    writes={"oracles": "results/{dataset}/oracles.zarr"},
    reads={"images": "images", "split": "split"},
    uses=lambda config, job: {
        "input_psnr": config["psnr"]["input_psnr"],
        "sigma": config["eigenbasis"]["sigma"],
        "count": max(config["psnr"]["count"], 1 + max(config["eigenbasis"]["images"])),
    },
    script="oracles.py",
)


def _starts(config: dict, job: Mapping) -> dict:
    """Where the samples of the stage `samples` start."""
    keys = ("start", "mean", "sd")
    seed = derived_seed(config, "samples", job["dataset"])
    return {**{k: config["samples"][k] for k in keys}, "seed": seed}


def _references(config: dict, job: Mapping) -> list[Artifact]:
    """The references of the study, of the same images; no seed changes them."""
    entry = config["studies"][job["study"]]
    return [
        Artifact("denoiser", {**job, "denoiser": name, "seed": 0}
                 | ({"N": max(entry["sizes"])} if is_optimal(config, name) else {}))
        for name in entry["references"]
    ]  # fmt: skip


def _others(config: dict, job: Mapping) -> dict[str, Artifact]:
    """Other networks of the same kind, by what is other about them."""
    seed, entry = int(job["seed"]), config["studies"][job["study"]]
    found = {"other images": {**job, "subset": OTHER[job["subset"]]}}
    if entry["ceiling"] and figures.is_trained(config, job["denoiser"]):
        found["another seed"] = {**job, "seed": (seed + 1) % max(2, entry["seeds"])}
    return {name: Artifact("denoiser", other) for name, other in found.items()}


def _agreement(config: dict, job: Mapping) -> dict:
    samples, starts = config["samples"], _starts(config, job)
    return {
        "seed_of_starts": starts.pop("seed"),
        **starts,
        "names": [*config["studies"][job["study"]]["references"], *_others(config, job)],
        "subset": job["subset"],
        "N": int(job["N"]),
        "count": config["agreement"]["count"],
        **{k: samples[k] for k in ("levels", "steps", "sigma_min")},
        "seed": derived_seed(config, "agreement", job["dataset"]),
    }


agreement = Stage(
    "agreement",
    # Of the references of one study.
    writes={"agreement": f"{RUN}/agreement-{{study}}.zarr"},
    reads={
        "images": "images", "split": "split", "denoiser": "denoiser", "samples": "samples",
        "references": _references,
        "others": lambda config, job: list(_others(config, job).values()),
    },
    uses=_agreement,
    imports=lambda config, job: [
        "gahb.denoisers.references.wiener", *modules(config, job),
        *(m for read in _references(config, job) for m in modules(config, read.job)),
    ],
    expected=expected.agreement,
    gpu=True,
)  # fmt: skip


def _other(config: dict, job: Mapping) -> list[Artifact]:
    """The history of the other subset, where a figure of the study compares pairs."""
    drawn = [figures.declared()[figure] for figure in config["studies"][job["study"]]["figures"]]
    paired = any("similarity" in declared["reads"] for declared in drawn)
    return [Artifact("history", {**job, "subset": OTHER[job["subset"]]})] if paired else []


def _dynamics(config: dict, job: Mapping) -> dict:
    options = dict(config["denoisers"][job["denoiser"]])
    options.pop("training")
    return {
        **config["dynamics"],
        **_starts(config, job),
        "sigma_min": config["samples"]["sigma_min"],
        "names": config["studies"][job["study"]]["references"],
        "architecture": options.pop("architecture"),
        "options": options,
        "subset": job["subset"],
        "N": int(job["N"]),
    }


dynamics = Stage(
    "dynamics",
    writes={"dynamics": f"{RUN}/dynamics-{{study}}.zarr"},
    reads={
        "images": "images",
        "split": "split",
        "history": "history",
        "other": _other,
        "references": _references,
    },
    uses=_dynamics,
    imports=lambda config, job: [
        m for a in [Artifact("", job), *_references(config, job)] for m in modules(config, a.job)
    ],
    expected=expected.dynamics,
    gpu=True,
    script="dynamics.py",
)
prediction = Stage(
    "prediction",
    writes={"prediction": "results/{dataset}/prediction-{study}.zarr"},
    reads={"images": "images", "split": "split"},
    uses=lambda config, job: {
        **_starts(config, job),
        "count": config["samples"]["count"],
        "input_psnr": config["psnr"]["input_psnr"],
        "sizes": sorted(config["studies"][job["study"]]["sizes"]),
    },
    expected=expected.prediction,
    script="prediction.py",
)

STAGES = (
    psnr, samples, similarity, eigenbasis, harmonics, oracles, density, agreement, dynamics,
    prediction, properties,
)  # fmt: skip
