"""Fixtures that the workflow tests share: a tiny study, and the snakemake command."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from filelock import FileLock

# Tests run side by side.
torch.set_num_threads(1)

ROOT = Path(__file__).resolve().parent.parent

#: Every kind of data set, denoiser and figure, at the smallest sizes.
TINY = {
    "run": [
        "pair", "photographs", "slopes", "disks", "geometry", "seeds", "closed-forms", "phase",
        "truths",
    ],
    "datasets": {
        "calpha": {"source": "calpha", "alpha": 2, "side": 8, "images": 60, "test": 10},
        "rough": {"source": "calpha", "alpha": 1, "side": 8, "images": 60, "test": 10},
        "disk": {"source": "disks", "side": 8, "images": 60, "test": 10},
        "photo": {"source": "photographs", "side": 8, "stride": 16, "test": 20},
        "photo-shuffled": {"source": "shuffled", "of": "photo"},
        "gauss": {"source": "gaussian", "of": "photo", "images": 40, "test": 10},
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
        "equivariant": {"reference": "equivariant", "most_images": 3, "calibrated": "tiny"},
        "flexible": {"reference": "flexible", "calibrated": "tiny"},
        "threshold": {"reference": "threshold", "basis": "wavelet"},
        "nonlocal": {"reference": "nonlocal"},
        "optimum": {"reference": "optimum", "psnr": {"count": 4, "input_psnr": [10, 15, 20]}},
    },
    "training": {
        "tiny": {"steps": 60, "batch": 8, "learning_rate": 0.01},
        "constant": {
            "steps": 60, "batch": 8, "learning_rate": 0.01, "schedule": "constant",
            "snapshots": True,
        },
    },
    "studies": {
        "pair": {
            "datasets": ["calpha"], "denoisers": ["tiny"], "sizes": [1, 8],
            "figures": [
                "psnr_curves", "samples", "pairs", "patches", "history", "nats", "likelihood",
                "verdict",
            ],
        },
        "photographs": {
            "datasets": ["photo"], "denoisers": ["cnn"], "sizes": [16],
            "figures": ["shrinkage", "properties"],
        },
        "slopes": {
            "datasets": ["rough", "calpha"], "denoisers": ["tiny"], "sizes": [8],
            "figures": ["slopes"],
        },
        "disks": {
            "datasets": ["disk"], "denoisers": ["tiny"], "references": ["wiener"], "sizes": [8],
            "figures": ["disks", "dimension"],
        },
        "geometry": {
            "datasets": ["photo", "photo-shuffled"], "denoisers": ["cnn"], "sizes": [16],
            "figures": ["geometry", "harmonics"],
        },
        "seeds": {
            "datasets": ["rough"], "denoisers": ["tiny"], "sizes": [4], "seeds": 2,
            "ceiling": True, "references": ["wiener", "equivariant", "flexible"],
            "figures": ["psnr_curves", "samples", "history", "agreement", "theories"],
        },
        "closed-forms": {
            "datasets": ["disk"], "denoisers": ["wiener", "memorizer"], "sizes": [8],
            "references": ["threshold", "nonlocal"],
            "figures": ["psnr_curves", "samples", "shrinkage"],
        },
        "phase": {
            "datasets": ["disk"], "denoisers": ["watched"], "references": ["wiener"],
            "sizes": [2, 8], "figures": ["dynamics", "along", "transition", "phase"],
        },
        "truths": {
            "datasets": ["gauss", "mixed"], "denoisers": ["wiener"], "references": ["optimum"],
            "sizes": [8], "figures": ["psnr_curves"],
        },
    },
    "psnr": {"input_psnr": [0, 10, 15, 20, 30], "count": 10},
    "agreement": {"count": 4},
    "calibration": {"count": 2, "windows": [3, 5], "shares": [0.5, 0.9]},
    "samples": {"count": 4, "h0": 0.2, "max_steps": 80},
    "dynamics": {"count": 4, "steps": 3},
    "eigenbasis": {"images": [0]},
    "properties": {"sigma": [0.3, 0.1], "count": 2, "pixels": 4},
    "density": {"input_psnr": [0, 20], "intervals": 8, "count": 4},
}  # fmt: skip


class Stored:
    """Images that are read when indexed, as from a store."""

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, places):
        return self.images.numpy()[places]


class Study:
    """A folder in which snakemake runs a study.

    Args:
        folder: where results and logs go.
        config: laid over config.yaml.
        source: the checkout of the project whose Snakefile is run.
    """

    def __init__(self, folder: Path, config: dict, source: Path = ROOT):
        self.folder, self.config, self.source = folder, config, source

    def command(self, *arguments: str) -> list[str]:
        configfile = self.folder / "study.yaml"
        configfile.write_text(yaml.safe_dump(self.config, sort_keys=False))
        return [
            sys.executable, "-m", "snakemake", "--snakefile", str(self.source / "Snakefile"),
            "--directory", str(self.folder), "--configfile", str(configfile),
            "--profile", str(self.source / "profiles" / "local"), *arguments,
        ]  # fmt: skip

    def run(self, *arguments: str, fails: bool = False) -> str:
        """Run snakemake; its output. Asserts that it succeeds, or with `fails` that it does not."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=1500,
        )
        assert (done.returncode != 0) == fails, done.stdout
        return done.stdout


def checkout(folder: Path) -> Path:
    """A fresh clone of the project, in the folder."""
    for name in ("Snakefile", "config.yaml", "workflow", "profiles", "envs"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    shutil.copy(ROOT / "slurm", folder / "slurm", follow_symlinks=False)
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory, testrun_uid) -> Study:
    """The tiny study, run once for all workers; tests that change it work on a copy."""
    folder = tmp_path_factory.getbasetemp().parent / f"study-{testrun_uid}"
    study, output = Study(folder, TINY), folder / "output.txt"
    with FileLock(f"{folder}.lock"):
        if not output.exists():
            folder.mkdir()
            output.write_text(study.run("all"))
    study.output = output.read_text()
    return study
