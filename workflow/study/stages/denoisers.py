"""Denoisers: trained here, trained elsewhere, or closed forms of a training set."""

from collections.abc import Mapping
from pathlib import Path

from study.entries import is_optimum, steps
from study.files import code_file, listing
from study.fingerprint import REFERENCES, constant, keywords
from study.stages.stage import Stage, content, derived_seed


def _entry(config: dict, job: Mapping) -> dict:
    return config["denoisers"][job["denoiser"]]


def modules(config: dict, job: Mapping) -> list[str]:
    """The modules of a denoiser's code: all that its file may require."""
    entry = _entry(config, job)
    for key in ("function", "diffusers"):
        if key in entry:
            return [f"gahb.denoisers.imported.{key}"]
    if "reference" in entry:
        optimum = [f"optima.{config['datasets'][job['dataset']]['source']}"]
        found = [f"references.{entry['reference']}", *optimum * is_optimum(config, job["denoiser"])]
    else:  # the architecture in a file of weights is known only when it is read
        names = [entry["architecture"]] if "architecture" in entry else ["unet", "bfcnn"]
        found = [f"networks.{name}" for name in names]
    return [f"gahb.denoisers.{name}" for name in found]


def _training(config: dict, job: Mapping) -> dict:
    options = dict(_entry(config, job))
    recipe = dict(config["training"][options.pop("training")])
    recipe["steps"] = steps(recipe, int(job["N"]))
    names = (job["dataset"], job["denoiser"], job["N"])
    repeated = [] if int(job["seed"]) == 0 else [job["seed"]]
    return {
        "architecture": options.pop("architecture"),
        "options": options,
        "snapshots": recipe.pop("snapshots"),
        "recipe": recipe,
        "subset": job["subset"],
        "N": int(job["N"]),
        # The two networks of a pair start from the same weights.
        "initialization_seed": derived_seed(config, "initialization", *names, *repeated),
        "seed": derived_seed(config, "training", *names, job["subset"], *repeated),
    }


def weights(config: dict, job: Mapping) -> list[Path]:
    """The user's files from which a denoiser is made."""
    entry = _entry(config, job)
    named = [entry["weights"]] if "weights" in entry else entry.get("files", [])
    return [Path(name.format(**job)) for name in named]


def _imported(config: dict, job: Mapping) -> dict:
    # The content of files counts, not their location.
    entry, files = _entry(config, job), weights(config, job)
    used = {k: v for k, v in entry.items() if k not in ("weights", "files", "diffusers", "samples")}
    if "diffusers" in entry:
        used["weights_content"] = [listing(entry["diffusers"])]
    elif files:
        used["weights_content"] = [content(file) for file in files]
    return {**used, "subset": job["subset"], "N": int(job["N"])}


def _code(config: dict, job: Mapping) -> list[Path]:
    entry = _entry(config, job)
    return [code_file(entry[key]) for key in ("function", "closed_form") if key in entry]


def _options(config: dict, job: Mapping) -> dict:
    """A reference's name and options, without the network that it is calibrated on."""
    return {k: v for k, v in _entry(config, job).items() if k not in ("calibrated", "psnr")}


def _reference(config: dict, job: Mapping) -> dict:
    used = {**_options(config, job), "subset": job["subset"], "N": int(job["N"])}
    if is_optimum(config, job["denoiser"]):
        entry = config["datasets"][job["dataset"]]
        used["distribution"] = {k: v for k, v in entry.items() if k not in ("images", "test")}
    return used


def calibrated_on(config: dict, job: Mapping) -> dict:
    """The network on which a reference is calibrated: trained on the same images, first seed."""
    return {**job, "denoiser": _entry(config, job)["calibrated"], "seed": 0}


def calibration(config: dict, job: Mapping) -> list[dict]:
    """The calibration of a reference, if it is calibrated."""
    return [job] if "calibrated" in _entry(config, job) else []


def _calibration(config: dict, job: Mapping) -> dict:
    module = REFERENCES / f"{_entry(config, job)['reference']}.py"
    option = constant(module, "CALIBRATED")
    return {
        **_options(config, job),
        "option": option,
        "values": config["calibration"][f"{option}s"],
        "sensitive": "sensitivity" in keywords(module, "fit"),
        "sigma": config["samples"]["levels"],
        "count": config["calibration"]["count"],
        "subset": job["subset"],
        "N": int(job["N"]),
        "seed": derived_seed(config, "calibration", job["dataset"]),
    }


def _of_calibration(config: dict, job: Mapping) -> list[str]:
    return [*modules(config, job), *modules(config, calibrated_on(config, job))]


STAGES = {
    "training": Stage("training", _training, modules),
    "imported": Stage("imported", _imported, modules, _code),
    "calibration": Stage("calibration", _calibration, _of_calibration),
    "reference": Stage("reference", _reference, modules, _code),
}
