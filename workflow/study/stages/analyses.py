"""Analyses of denoisers, with a store for each."""

from collections.abc import Mapping

from study import figures
from study.entries import is_drawn, is_optimum, is_single, root, sampling
from study.files import code_file, listing, recorded
from study.fingerprint import GEOMETRIES
from study.stages.denoisers import modules
from study.stages.images import OF_FILES
from study.stages.stage import Stage, derived_seed

#: The two networks of a pair: subset, and offset of the seed. A pair on disjoint subsets starts
#: from the same weights; a pair on the same images shows how much two networks can agree at most. A
#: single network is compared only with its training images.
PAIRS = {
    "disjoint": (("S1", 0), ("S2", 0)),
    "same": (("S1", 0), ("S1", 1)),
    "single": (("S1", 0),),
}
OTHER = {"S1": "S2", "S2": "S1"}


def _psnr(config: dict, job: Mapping) -> dict:
    entry = config["psnr"] | config["denoisers"][job["denoiser"]].get("psnr", {})
    # The optimum knows no training set, and if all images are test images there is none.
    alone = is_optimum(config, job["denoiser"]) or root(config, job["dataset"])[1]["test"] == "all"
    return {
        **{k: entry[k] for k in ("input_psnr", "count")},
        "sets": ["test"] if alone else ["train", "test"],
        "subset": job["subset"],
        "N": int(job["N"]),
        "seed": derived_seed(config, "psnr", job["dataset"]),
    }


def _samples(config: dict, job: Mapping) -> dict:
    # The same noise for every denoiser of a data set, so that their samples can be compared.
    seed = derived_seed(config, "samples", job["dataset"])
    return {**sampling(config, job["denoiser"]), "seed": seed}


def _drawn(config: dict, job: Mapping) -> dict:
    # The content of the files counts, not their location. Results outlive the files.
    made = "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}/samples.zarr".format(**job)
    path = config["denoisers"][job["denoiser"]]["samples"].format(**job)
    return {
        "files": listing(path) or recorded(made),
        "gray": config["datasets"][job["dataset"]].get("gray", "mean"),
    }


def of_pair(config: dict, job: Mapping) -> list[dict]:
    """The networks of a pair.

    Raises:
        ValueError: both would be one network, which agrees with itself.
    """
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
        {**job, "subset": subset, "seed": int(job["seed"]) + further}
        for subset, further in PAIRS[pair]
    ]


def _similarity(config: dict, job: Mapping) -> dict:
    return {
        **config["similarity"],
        "subsets": [subset for subset, _ in PAIRS[job["pair"]]],
        "N": int(job["N"]),
        # Samples drawn elsewhere have no common starts.
        **({"paired": False} if is_drawn(config, job["denoiser"]) else {}),
    }


#: Options on which a flow depends, apart from its starts.
FLOW = ("sampler", "h0", "beta", "sigma_min", "sigma_max", "max_steps")


def _beyond(config: dict, job: Mapping) -> dict:
    return {
        **_starts(config, job),
        **{k: config["samples"][k] for k in FLOW},
        "subsets": [subset for subset, _ in PAIRS[job["pair"]]],
        "N": int(job["N"]),
    }


def of_matrix(config: dict, job: Mapping) -> dict[str, dict]:
    """The denoisers of a matrix by name: a network, its pair, another seed, and the references."""
    own = {k: v for k, v in job.items() if k != "pair"}
    named = {f"{job['denoiser']}, {subset}": {**own, "subset": subset} for subset in ("S1", "S2")}
    study = config["studies"][job["study"]]
    if figures.has_ceiling(config, job["study"], job["denoiser"], int(job["N"])):
        further = (int(job["seed"]) + 1) % max(2, study["seeds"])
        named[f"{job['denoiser']}, S1, another seed"] = {**own, "subset": "S1", "seed": further}
    for name in study["references"]:
        if is_optimum(config, name):
            largest = max(study["sizes"])
            named[name] = {**own, "denoiser": name, "subset": "S1", "N": largest, "seed": 0}
            continue
        for subset in ("S1", "S2"):
            reference = {**own, "denoiser": name, "subset": subset, "seed": 0}
            named[f"{name}, {subset}"] = reference
    return named


def _matrix(config: dict, job: Mapping) -> dict:
    return {
        **_starts(config, job),
        **{k: config["samples"][k] for k in FLOW},
        "names": list(of_matrix(config, job)),
    }


def _embedding(config: dict, job: Mapping) -> list:
    # Its name is checked with the config.
    function = config["similarity"]["embedding"]
    return [] if function is None else [code_file(function)]


def _eigenbasis(config: dict, job: Mapping) -> dict:
    return {
        **{k: v for k, v in config["eigenbasis"].items() if k != "images"},
        "chosen": config["eigenbasis"]["images"],
        "seed": derived_seed(config, "eigenbasis", job["dataset"]),
    }


def _geometry(config: dict, job: Mapping) -> str | None:
    """The source of the images, if their geometry is known."""
    source = config["datasets"][job["dataset"]]["source"]
    return source if (GEOMETRIES / f"{source}.py").is_file() else None


def _geometries(config: dict, job: Mapping) -> list[str]:
    source = _geometry(config, job)
    return [f"gahb.harmonics.geometries.{source}"] if source else []


def _harmonics(config: dict, job: Mapping) -> dict:
    return {
        "source": _geometry(config, job),
        "seed_of_images": derived_seed(config, "images", job["dataset"]),
        "seed": derived_seed(config, "harmonics", job["dataset"]),
    }


def _properties(config: dict, job: Mapping) -> dict:
    # Every denoiser of a data set gets the same noisy images and pixels.
    return {**config["properties"], "seed": derived_seed(config, "properties", job["dataset"])}


def _density(config: dict, job: Mapping) -> dict:
    # Every denoiser of a data set gets the same images and noises, whatever its subset.
    seed = derived_seed(config, "density", job["dataset"])
    return {**config["density"], "N": int(job["N"]), "seed": seed}


def _oracles(config: dict, job: Mapping) -> dict:
    return {
        "input_psnr": config["psnr"]["input_psnr"],
        "sigma": config["eigenbasis"]["sigma"],
        "count": max(config["psnr"]["count"], 1 + max(config["eigenbasis"]["images"])),
    }


def _starts(config: dict, job: Mapping) -> dict:
    """How the samples of the stage `samples` start."""
    keys = ("start", "mean", "sd")
    seed = derived_seed(config, "samples", job["dataset"])
    return {**{k: config["samples"][k] for k in keys}, "seed": seed}


def references(config: dict, job: Mapping) -> list[dict]:
    """The references of the study for the same images; they do not depend on the seed."""
    entry = config["studies"][job["study"]]
    largest = {"N": max(entry["sizes"])}
    return [
        {**job, "denoiser": name, "seed": 0, **(largest if is_optimum(config, name) else {})}
        for name in entry["references"]
    ]


def others(config: dict, job: Mapping) -> dict[str, dict]:
    """Other networks of the same kind, by their difference."""
    seed, entry = int(job["seed"]), config["studies"][job["study"]]
    found = {"other images": {**job, "subset": OTHER[job["subset"]]}}
    if figures.has_ceiling(config, job["study"], job["denoiser"], int(job["N"])):
        found["another seed"] = {**job, "seed": (seed + 1) % max(2, entry["seeds"])}
    return found


def _agreement(config: dict, job: Mapping) -> dict:
    samples, starts = config["samples"], _starts(config, job)
    return {
        "seed_of_starts": starts.pop("seed"),
        **starts,
        "names": [*config["studies"][job["study"]]["references"], *others(config, job)],
        "subset": job["subset"],
        "N": int(job["N"]),
        "count": config["agreement"]["count"],
        **{k: samples[k] for k in ("levels", "steps", "sigma_min")},
        "seed": derived_seed(config, "agreement", job["dataset"]),
    }


def _with_references(config: dict, job: Mapping) -> list[str]:
    return [m for each in (job, *references(config, job)) for m in modules(config, each)]


def _of_agreement(config: dict, job: Mapping) -> list[str]:
    return ["gahb.denoisers.references.wiener", *_with_references(config, job)]


def other_history(config: dict, job: Mapping) -> list[dict]:
    """The network of the other subset, if a figure of the study compares pairs."""
    drawn = [figures.declared()[figure] for figure in config["studies"][job["study"]]["figures"]]
    paired = any("similarity" in d["reads"] or d.get("both") for d in drawn)
    return [{**job, "subset": OTHER[job["subset"]]}] if paired else []


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


def _prediction(config: dict, job: Mapping) -> dict:
    return {
        **_starts(config, job),
        "count": config["samples"]["count"],
        "input_psnr": config["psnr"]["input_psnr"],
        "sizes": sorted(config["studies"][job["study"]]["sizes"]),
    }


STAGES = {
    "psnr": Stage("psnr", _psnr, modules),
    "samples": Stage("samples", _samples, modules),
    "drawn": Stage("drawn", _drawn, lambda *_: [f"gahb.datasets.{name}" for name in OF_FILES]),
    "similarity": Stage("similarity", _similarity, files=_embedding),
    "beyond": Stage("beyond", _beyond),
    "matrix": Stage("matrix", _matrix),
    "eigenbasis": Stage("eigenbasis", _eigenbasis, modules),
    "harmonics": Stage("harmonics", _harmonics, _geometries),
    "properties": Stage("properties", _properties, modules),
    "oracles": Stage("oracles", _oracles),
    "density": Stage("density", _density, modules),
    "agreement": Stage("agreement", _agreement, _of_agreement),
    "dynamics": Stage("dynamics", _dynamics, _with_references),
    "prediction": Stage("prediction", _prediction),
}
