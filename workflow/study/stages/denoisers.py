"""Denoisers: trained here, trained elsewhere, or closed forms of a training set."""

from collections.abc import Mapping
from pathlib import Path

from study import expected
from study.entries import steps
from study.files import code_file
from study.stage import Stage, derived_seed

#: Where everything that is made with one denoiser lies.
RUN = "results/{dataset}/{denoiser}/{subset}-{N}-seed{seed}"


def _entry(config: dict, job: Mapping) -> dict:
    return config["denoisers"][job["denoiser"]]


def modules(config: dict, job: Mapping) -> list[str]:
    """The modules of a denoiser's code: those that its file can ask for."""
    entry = _entry(config, job)
    names = {"architecture": entry.get("architecture"), "reference": entry.get("reference"),
             "function": "function"}  # fmt: skip
    # Which architecture a file of weights holds is known when it is read.
    chosen = next(([n] for key, n in names.items() if key in entry), ["unet", "bfcnn"])
    return [f"gahb.denoisers.{name}" for name in chosen]


def _training(config: dict, job: Mapping) -> dict:
    options = dict(_entry(config, job))
    recipe = dict(config["training"][options.pop("training")])
    recipe["steps"] = steps(recipe)
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
reference = Stage(
    "reference",
    makes=("reference",),
    writes={"denoiser": training.path},
    reads={"images": "images", "split": "split"},
    uses=lambda config, job: {
        **_entry(config, job), "subset": job["subset"], "N": int(job["N"])
    },
    imports=modules,
    expected=expected.reference,
)  # fmt: skip

STAGES = (training, imported, reference)
