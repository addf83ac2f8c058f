"""Denoisers: trained here, trained elsewhere, or closed forms of a training set."""

from collections.abc import Mapping
from pathlib import Path

from study import expected
from study.entries import is_optimal, steps
from study.files import code_file
from study.fingerprint import REFERENCES, constant, keywords
from study.stage import Artifact, Stage, derived_seed

#: Where everything that is made with one denoiser lies.
RUN = "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}"


def _entry(config: dict, job: Mapping) -> dict:
    return config["denoisers"][job["denoiser"]]


def modules(config: dict, job: Mapping) -> list[str]:
    """The modules of a denoiser's code: those that its file can ask for."""
    entry = _entry(config, job)
    if "function" in entry:
        chosen = ["imported.function"]
    elif "reference" in entry:
        chosen = [f"references.{entry['reference']}"]
    else:  # which architecture a file of weights holds is known when it is read
        found = [entry["architecture"]] if "architecture" in entry else ["unet", "bfcnn"]
        chosen = [f"networks.{name}" for name in found]
    source = config["datasets"][job["dataset"]]["source"]
    optima = [f"gahb.denoisers.optima.{source}"] if is_optimal(config, job["denoiser"]) else []
    return [*(f"gahb.denoisers.{name}" for name in chosen), *optima]


def _training(config: dict, job: Mapping) -> dict:
    options = dict(_entry(config, job))
    recipe = dict(config["training"][options.pop("training")])
    recipe["steps"] = steps(recipe, int(job["N"]))
    if recipe["microbatch"] is None:  # so that networks from before there was one stay valid
        del recipe["microbatch"]
    # Named as ever where there is one seed, so that these networks stay what they were.
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


def _imported(config: dict, job: Mapping) -> dict:
    # Not the path of a file: its content counts, wherever it lies.
    return {k: v for k, v in _entry(config, job).items() if k != "weights"}


def _weights(config: dict, job: Mapping) -> list[Path]:
    entry = _entry(config, job)
    return [Path(entry["weights"].format(**job))] if "weights" in entry else []


def _code(config: dict, job: Mapping) -> list[Path]:
    entry = _entry(config, job)
    return [code_file(entry["function"])] if "function" in entry else []


training = Stage(
    "training",
    makes=("architecture",),
    writes={"denoiser": f"{RUN}/denoiser.safetensors", "history": f"{RUN}/history.zarr"},
    reads={"images": "images", "split": "split"},
    uses=_training,
    imports=modules,
    expected=expected.training,
    gpu=True,
    gpu_mb=expected.gpu_mb,
)
imported = Stage(
    "imported",
    makes=("weights", "function"),
    writes={"denoiser": training.path},
    reads={"images": "images", "weights": _weights},
    uses=_imported,
    imports=modules,
    files=_code,
)


def _options(config: dict, job: Mapping) -> dict:
    """A reference's name and options, without the network that it is calibrated on."""
    return {k: v for k, v in _entry(config, job).items() if k not in ("calibrated", "psnr")}


def _known(config: dict, job: Mapping) -> dict:
    """What the optimum is told of the data set: its source and this one's options."""
    if not is_optimal(config, job["denoiser"]):
        return {}
    entry = config["datasets"][job["dataset"]]
    return {"distribution": {k: v for k, v in entry.items() if k not in ("images", "test")}}


def _network(config: dict, job: Mapping) -> Artifact:
    """The network that a reference is calibrated on: of the same images, and the first seed."""
    return Artifact("denoiser", {**job, "denoiser": _entry(config, job)["calibrated"], "seed": 0})


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


def _calibrated(config: dict, job: Mapping) -> list[Artifact]:
    return [Artifact("calibration", job)] if "calibrated" in _entry(config, job) else []


calibration = Stage(
    "calibration",
    writes={"calibration": f"{RUN}/calibration.zarr"},
    reads={
        "images": "images", "split": "split",
        "network": lambda config, job: [_network(config, job)],
    },
    uses=_calibration,
    imports=lambda config, job: [
        *modules(config, job), *modules(config, _network(config, job).job)
    ],
    expected=expected.calibration,
    gpu=True,
)  # fmt: skip
reference = Stage(
    "reference",
    makes=("reference",),
    writes={"denoiser": training.path},
    reads={
        "images": "images", "split": "split",
        "calibration": _calibrated,
    },
    uses=lambda config, job: {
        **_options(config, job), **_known(config, job), "subset": job["subset"], "N": int(job["N"])
    },
    imports=modules,
    expected=expected.reference,
)  # fmt: skip

STAGES = (training, imported, calibration, reference)
