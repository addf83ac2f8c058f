"""Shared fixtures of the workflow tests: a tiny study, and the snakemake command."""

import contextlib
import copy
import os
import shutil
import subprocess
import sys
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch
import xarray as xr
import yaml
from filelock import FileLock
from gahb import store
from study.config import checked
from study.dry_run import planned

# Tests run in parallel, on machines that may be busy.
torch.set_num_threads(1)
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parent.parent

#: A study with every rule and every figure in as few jobs as possible. Studies share networks.
TINY = {
    "run": [
        "pair", "seeds", "slopes", "photographs", "geometry", "phase", "closed-forms", "truths",
        "crossover",
    ],
    "datasets": {
        "calpha": {"source": "calpha", "alpha": 2, "side": 8, "images": 60, "test": 10},
        "rough": {"source": "calpha", "alpha": 1, "side": 8, "images": 60, "test": 10},
        "disk": {"source": "disks", "side": 8, "images": 60, "test": 10},
        "photo": {"source": "photographs", "side": 8, "stride": 16, "test": 20},
        "photo-shuffled": {"source": "shuffled", "of": "photo"},
        "mixed": {
            "source": "mixture", "of": "disk", "templates": 3, "sd": 0.1, "images": 40, "test": 10
        },
    },
    "denoisers": {
        "tiny": {
            "architecture": "unet", "channels": 4, "blocks": 1, "gain": 0.1, "training": "tiny"
        },
        "cnn": {"architecture": "bfcnn", "channels": 4, "layers": 4, "training": "tiny"},
        "watched": {
            "architecture": "unet", "channels": 4, "blocks": 1, "gain": 0.1, "training": "constant"
        },
        "wiener": {"reference": "wiener"},
        "memorizer": {"reference": "memorizer"},
        "flexible": {"reference": "flexible", "calibrated": "tiny"},
        "generalizer": {"reference": "optimum"},
        "partial": {"reference": "partial_memorizer", "memorized": 3},
        "means": {"architecture": "gaussians", "side": 8, "means": 4, "training": "constant"},
        "optimum": {"reference": "optimum", "psnr": {"count": 4, "input_psnr": [10, 15, 20]}},
    },
    "training": {
        # Long enough that no sample diverges.
        "tiny": {"steps": 400, "batch": 8, "learning_rate": 0.01},
        "constant": {
            "steps": 60, "batch": 8, "learning_rate": 0.01, "schedule": "constant",
            "snapshots": True,
        },
    },
    "studies": {
        "pair": {
            "datasets": ["calpha"], "denoisers": ["tiny"], "sizes": [1, 8],
            "figures": ["psnr_curves", "samples", "pairs", "patches", "history", "verdict"],
        },
        "seeds": {
            "datasets": ["calpha"], "denoisers": ["tiny"], "sizes": [8], "seeds": 2,
            "ceiling": True, "references": ["wiener", "flexible"],
            "figures": ["psnr_curves", "samples", "agreement", "theories"],
        },
        "slopes": {
            "datasets": ["rough", "calpha"], "denoisers": ["tiny"], "sizes": [8],
            "figures": ["slopes"],
        },
        "photographs": {
            "datasets": ["photo"], "denoisers": ["cnn"], "sizes": [16],
            "figures": ["shrinkage", "properties"],
        },
        "geometry": {
            "datasets": ["photo", "photo-shuffled"], "denoisers": ["cnn"], "sizes": [16],
            "figures": ["geometry", "harmonics"],
        },
        "phase": {
            "datasets": ["disk"], "denoisers": ["watched"], "references": ["wiener"],
            "sizes": [8],
            "figures": [
                "dynamics", "along", "transition", "new_images", "phase", "disks", "dimension",
                "nats", "likelihood",
            ],
        },
        "closed-forms": {
            "datasets": ["disk"], "denoisers": ["memorizer"], "sizes": [8],
            "figures": ["samples", "matrix"],
        },
        "truths": {
            "datasets": ["disk"], "denoisers": ["watched"], "references": ["optimum"],
            "sizes": [8], "figures": ["optimum"],
        },
        "crossover": {
            "datasets": ["mixed"], "denoisers": ["means"],
            "references": ["generalizer", "partial"],
            "sizes": [8], "figures": ["crossover"],
        },
    },
    "psnr": {"input_psnr": [0, 10, 15, 20, 30], "count": 10},
    "agreement": {"count": 4},
    "calibration": {"count": 2, "windows": [3, 5], "shares": [0.5, 0.9]},
    "samples": {"count": 4, "h0": 0.2, "max_steps": 1000},
    "dynamics": {"count": 4, "steps": 3},
    "eigenbasis": {"images": [0]},
    "properties": {"sigma": [0.3, 0.1], "count": 2, "pixels": 4},
    "density": {"input_psnr": [0, 20], "intervals": 8, "count": 4},
}  # fmt: skip


def over_the_default(*names: str) -> dict:
    """Configs of the project on top of config.yaml, as snakemake combines them, and checked."""
    return laid_over(*(yaml.safe_load((ROOT / name).read_text()) for name in names))


def laid_over(*configs: dict) -> dict:
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    for section, value in (item for one in configs for item in one.items()):
        both = isinstance(value, dict) and section in config
        config[section] = config[section] | value if both else value
    return checked(config)


def data_set(folder: Path, pixels, **parts) -> tuple[str, str]:
    """Paths of images.zarr and split.zarr: images (image, channel, y, x), divided into `parts`."""
    of = {"S1": "member_S1", "S2": "member_S2", "test": "test_image"}
    split = {k: store.variable(of[k], np.asarray(v), k) for k, v in parts.items()}
    images = {"images": store.variable(("image", "channel", "y", "x"), pixels, "intensity")}
    for name, variables in (("images", images), ("split", split)):
        dataset = xr.Dataset(variables, attrs=store.provenance(name, {}))
        store.save(dataset, folder / f"{name}.zarr")
    return str(folder / "images.zarr"), str(folder / "split.zarr")


def waves(count: int, most: float, side: int = 8) -> np.ndarray:
    """Smooth images (image, channel, y, x): products of waves with at most `most` radians."""
    k = np.random.default_rng(0).uniform(1, most, (count, 4, 1, 1))
    y, x = np.mgrid[:side, :side] / side
    pixels = 0.5 + 0.4 * np.sin(k[:, 0] * x + k[:, 1] * 2) * np.cos(k[:, 2] * y)
    return pixels[:, None].astype(np.float32)


class Stored:
    """Images that are read when indexed, as from a store; `taken` records how many each time."""

    def __init__(self, images):
        self.images, self.taken = images, []

    def __len__(self):
        return len(self.images)

    def __getitem__(self, places):
        part = self.images.numpy()[places]
        self.taken.append(len(part))
        return part


class Study:
    """A folder in which snakemake runs a study.

    Args:
        folder: where results and logs go.
        config: laid over config.yaml.
        source: the checkout of the project whose Snakefile is run.
    """

    def __init__(self, folder: Path, config: dict, source: Path = ROOT):
        self.folder, self.config, self.source = folder, config, source

    def command(self, *arguments: str, module: str = "snakemake") -> list[str]:
        configfile = self.folder / "study.yaml"
        configfile.write_text(yaml.safe_dump(self.config, sort_keys=False))
        return [
            sys.executable, "-m", module, "--snakefile", str(self.source / "Snakefile"),
            "--directory", str(self.folder), "--configfile", str(configfile),
            "--profile", str(self.source / "profiles" / "local"), *arguments,
        ]  # fmt: skip

    def start(self, *arguments: str, module: str = "snakemake", **options) -> subprocess.Popen:
        """Start snakemake in its own process group, with its output in a pipe."""
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        if module != "snakemake":
            environment["PYTHONPATH"] = str(self.source / "workflow")
        return subprocess.Popen(
            self.command(*arguments, module=module),
            cwd=self.folder,
            env=environment,
            text=True,
            start_new_session=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} | options,
        )

    def run(self, *arguments: str, fails: bool = False, module: str = "snakemake") -> str:
        """Run snakemake and return its output. Asserts that it succeeds or, with `fails`, fails."""
        with self.start(*arguments, module=module) as process:
            output, _ = process.communicate(timeout=1500)
        assert (process.returncode != 0) == fails, output
        return output

    def stale(self, *targets: str, options=()) -> set[str]:
        """Names of the results that a dry run would make: see `name_of`."""
        targets = targets or ("all",)
        if self.source != ROOT:  # its code may differ from the code imported by this process
            lines = self.run("--", *targets, module="study.stale").splitlines()
            return {name_of(line.partition(": ")[0]) for line in lines if "results/" in line}
        with contextlib.chdir(self.folder), pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "environ", os.environ.copy())
            jobs = planned([*self.command(*options)[3:], "--", *targets])
        return {name_of(str(job.output[-1])) for job in jobs if job.rule_name != "all"}


def name_of(path: str) -> str:
    """A result's path below results/; for a store, its folder."""
    return path.removeprefix("results/").removesuffix("/zarr.json")


def copied(study: Study, folder: Path) -> Study:
    """A copy of a study that may be changed. Every file has a new time stamp, as in a clone."""
    shutil.copytree(
        study.folder, folder / "run", copy_function=shutil.copyfile,
        ignore=shutil.ignore_patterns("locks"),  # another test may hold a lock
    )  # fmt: skip
    return Study(folder / "run", copy.deepcopy(study.config), study.source)


def checkout(folder: Path) -> Path:
    """A fresh clone of the project, in the folder."""
    folder.mkdir(exist_ok=True)
    for name in ("Snakefile", "config.yaml", "workflow", "profiles", "envs"):
        made = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        made(ROOT / name, folder / name)
    shutil.copy(ROOT / "slurm", folder / "slurm", follow_symlinks=False)
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory, testrun_uid) -> Study:
    """The tiny study, run once for all workers; tests that change it use a copy."""
    folder = tmp_path_factory.getbasetemp().parent / f"study-{testrun_uid}"
    study, output = Study(folder, TINY), folder / "output.txt"
    with FileLock(f"{folder}.lock"):
        if not output.exists():
            folder.mkdir()
            output.write_text(study.run("all"))
    study.output = output.read_text()
    return study
