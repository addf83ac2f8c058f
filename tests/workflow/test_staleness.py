"""What is rerun after each kind of change: exactly what depends on it, by dry run and for real."""

import os
import re
import shutil
import subprocess

import pytest
import yaml
from conftest import TINY, Study, checkout

ALL_PSNR = {
    "calpha/tiny/S1-1/psnr.zarr",
    "calpha/tiny/S1-8/psnr.zarr",
    "photo/cnn/S1-16/psnr.zarr",
    "photo-shuffled/cnn/S1-16/psnr.zarr",
    "rough/tiny/S1-8/psnr.zarr",
    "disk/tiny/S1-8/psnr.zarr",
}
ALL_SAMPLES = {f"calpha/tiny/S{side}-{N}/samples.zarr" for side in (1, 2) for N in (1, 8)}
ALL_SIMILARITIES = {f"calpha/tiny/pair-{N}/similarity.zarr" for N in (1, 8)}
OF_CNN = {
    f"{dataset}/cnn/S1-16/{file}"
    for dataset in ("photo", "photo-shuffled")
    for file in ("weights.safetensors", "psnr.zarr", "eigenbasis.zarr")
}
EIGENBASES = {path for path in ALL_PSNR if "-1/" not in path}
SUMMARY = {"summary.csv"}
CURVES = {"figures/pair/psnr_curves_calpha_tiny.pdf"}
SAMPLES = {"figures/pair/samples_calpha_tiny.pdf", "figures/pair/patches_calpha_tiny.pdf"}
PAIRS = {"figures/pair/pairs_calpha_tiny.pdf"}  # of the largest N alone
HISTORY = {"figures/pair/history_calpha_tiny.pdf"}
SHRINKAGE = {"figures/photographs/shrinkage_photo_cnn.pdf"}
RATES = {"figures/rates/rates_tiny.pdf"}
DISKS = {"figures/disks/disks_disk_tiny.pdf"}
SHUFFLED = {"figures/shuffled/shuffled_cnn.pdf"}


class Copy(Study):
    """A finished study and the project beside it, both free to be changed."""

    def __init__(self, finished, folder):
        source = folder / "project"
        source.mkdir()
        checkout(source)
        # copytree without copy2: every file has another time stamp, as after a fresh clone.
        shutil.copytree(
            finished.folder, folder / "run", copy_function=shutil.copyfile,
            ignore=shutil.ignore_patterns("locks"),  # another test may hold one
        )  # fmt: skip
        super().__init__(folder / "run", yaml.safe_load(yaml.safe_dump(TINY)), source)

    def stale(self) -> set[str]:
        """The first output of each job that a dry run would run, below results/."""
        return self._outputs(self.run("all", "--dry-run"))

    def rerun(self) -> set[str]:
        """The first output of each job that a real run runs, below results/."""
        return self._outputs(self.run("all"))

    @staticmethod
    def _outputs(text: str) -> set[str]:
        return set(re.findall(r"^    output: results/([^,\s]+)", text, re.MULTILINE))

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.source / "workflow" / file
        text = path.read_text()
        assert old in text, f"{file} has changed: {old!r} is not in it"
        path.write_text(text.replace(old, new, 1))


def _set(path, value):
    """A change of the config."""

    def change(copy):
        *parents, last = path.split(".")
        entry = copy.config
        for name in parents:
            entry = entry[name]
        entry[last] = value

    return change


def _edit(file, old, new):
    """A change of the code."""
    return lambda copy: copy.edit(file, old, new)


def _reverse_keys(copy):
    def reverse(node):
        if isinstance(node, dict):
            return {k: reverse(v) for k, v in reversed(node.items())}
        return node

    copy.config = reverse(copy.config)


def _new_data_set(copy):
    copy.config["datasets"]["new"] = {"source": "disks", "side": 8, "images": 30, "test": 5}
    copy.config["studies"]["new"] = {
        "datasets": ["new"], "networks": ["tiny"], "sizes": [4], "figures": ["shrinkage"]
    }  # fmt: skip
    copy.config["run"].append("new")


def _delete_figure(copy):
    (copy.folder / "results" / "figures/rates/rates_tiny.pdf").unlink()


def _delete_logs(copy):
    shutil.rmtree(copy.folder / "logs")


def _touch_everything(copy):
    """Inputs much newer than what was made from them."""
    for folder in (copy.folder / "results", copy.source):
        for path in folder.rglob("*"):
            os.utime(path, (1.7e9, 1.7e9 if "images.zarr" in str(path) else 1.6e9))


def _move(copy):
    moved = copy.folder.parent / "elsewhere" / "run"
    moved.parent.mkdir()
    copy.folder.rename(moved)
    copy.folder = moved


def _forget_snakemake(copy):
    """Results that were copied over without .snakemake, as by `rsync results/`."""
    shutil.rmtree(copy.folder / ".snakemake")


CHANGES = {
    "nothing": (lambda copy: None, set()),
    "a deleted figure": (_delete_figure, RATES),
    "touched files": (_touch_everything, set()),
    "the folder moved": (_move, set()),
    "results copied without .snakemake": (_forget_snakemake, set()),
    "the order of keys": (_reverse_keys, set()),
    "a data set nobody uses": (
        _set("datasets.unused", {"source": "disks", "side": 8, "images": 9, "test": 1}),
        set(),
    ),
    "a comment": (
        _edit("gahb/training.py", "import math\n", "import math  # trigonometry\n"),
        set(),
    ),
    "a docstring": (_edit("gahb/denoising.py", '"""Denoisers and', '"""All denoisers and'), set()),
    "formatting": (
        _edit("gahb/training.py", "class Diverged(Exception):", "class Diverged(  Exception  ):"),
        set(),
    ),
    "a comment in a script": (
        _edit("scripts/train.py", "SIGMAS =", "# In [0, 1].\nSIGMAS ="),
        set(),
    ),
    "the speed that is expected": (_edit("study/cost.py", "FLOPS = 3e13", "FLOPS = 1e13"), set()),
    "no logs and no benchmark files": (_delete_logs, set()),
    "a new data set": (
        _new_data_set,
        {
            "new/images.zarr",
            "new/split.zarr",
            "new/tiny/S1-4/weights.safetensors",
            "new/tiny/S1-4/psnr.zarr",
            "new/tiny/S1-4/eigenbasis.zarr",
            "figures/new/shrinkage_new_tiny.pdf",
        }
        | SUMMARY,
    ),
    "a figure's style": (
        _edit("gahb/figures/rates.py", "\n\n\ndef ", "\n\nADDED = 1\n\n\ndef "),
        RATES,
    ),
    "the style sheet": (
        _edit("gahb/figures/paper.mplstyle", "font.size: 8", "font.size: 8.5"),
        CURVES | SAMPLES | PAIRS | HISTORY | SHRINKAGE | RATES | DISKS | SHUFFLED,
    ),
    "the number of samples": (
        _set("sampling.samples", 5),
        ALL_SAMPLES | ALL_SIMILARITIES | SAMPLES | PAIRS | SUMMARY,
    ),
    "the code of the sampler": (
        _edit("gahb/sampling.py", "max_steps + 1):", "1 + max_steps):"),
        ALL_SAMPLES | ALL_SIMILARITIES | SAMPLES | PAIRS | SUMMARY,
    ),
    "the noise levels": (
        _set("psnr.input_psnr", [0, 10, 15, 20, 40]),
        ALL_PSNR | CURVES | RATES | DISKS | SHUFFLED | SUMMARY,
    ),
    "a new size": (
        _set("studies.pair.sizes", [1, 4, 8]),
        {
            f"calpha/tiny/{path}"
            for path in (
                "S1-4/weights.safetensors",
                "S2-4/weights.safetensors",
                "S1-4/psnr.zarr",
                "S1-4/samples.zarr",
                "S2-4/samples.zarr",
                "pair-4/similarity.zarr",
            )
        }
        | CURVES
        | SAMPLES
        | HISTORY
        | SUMMARY,
    ),
    "one network's training steps": (
        lambda copy: (
            _set("trainings.longer", TINY["trainings"]["tiny"] | {"steps": 61})(copy),
            _set("networks.cnn.training", "longer")(copy),
        ),
        OF_CNN | SHRINKAGE | SHUFFLED | SUMMARY,
    ),
    "the code of one source": (
        _edit("gahb/datasets/disks.py", "+ 0.5, 0, 1)", "+ 0.5, 0.0, 1.0)"),
        {
            "disk/images.zarr",
            "disk/split.zarr",
            "disk/tiny/S1-8/weights.safetensors",
            "disk/tiny/S1-8/psnr.zarr",
            "disk/tiny/S1-8/eigenbasis.zarr",
        }
        | DISKS
        | SUMMARY,
    ),
}


@pytest.fixture
def copy(finished, tmp_path):
    return Copy(finished, tmp_path)


@pytest.mark.parametrize("change", CHANGES)
def test_dry_run(copy, change):
    make, expected = CHANGES[change]
    make(copy)
    assert copy.stale() == expected


def test_trained_networks_are_kept_on_purpose_after_a_change_of_code(copy):
    """The command of docs/staleness.md: what was trained counts as made with the code of now."""
    copy.edit("gahb/training.py", "import math\n", "import math\n\nCHANGED = 1\n")
    trained = {output for output in copy.stale() if output.endswith("weights.safetensors")}
    assert len(trained) == 8
    before = {path: (copy.folder / "results" / path).read_bytes() for path in trained}
    copy.run("--touch", "--until", "train", "--", "all")
    assert {path: (copy.folder / "results" / path).read_bytes() for path in trained} == before
    assert copy.stale() == (
        ALL_PSNR | ALL_SAMPLES | ALL_SIMILARITIES | SUMMARY | CURVES | SAMPLES | PAIRS | HISTORY
        | SHRINKAGE | RATES | DISKS | SHUFFLED
        | {f"{p.rpartition('/')[0]}/eigenbasis.zarr" for p in EIGENBASES}
    )  # fmt: skip


def test_what_is_stale_is_said_in_words(copy):
    copy.config["sampling"]["samples"] = 5
    copy.edit("gahb/figures/rates.py", "\n\n\ndef ", "\n\nADDED = 1\n\n\ndef ")
    command = copy.command("all")
    command[command.index("snakemake")] = "study.stale"
    done = subprocess.run(
        command,
        cwd=copy.folder,
        text=True,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(copy.source / "workflow")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.splitlines()
    assert "results/calpha/tiny/S1-8/samples.zarr: samples was 4, is 5" in said
    assert "results/figures/rates/rates_tiny.pdf: the code that it runs has changed" in said
    assert "results/calpha/tiny/pair-8/similarity.zarr: what it is made from is made again" in said
    assert len(said) == len(copy.stale())


def test_real_run(copy):
    """The same changes, four at a time, run for real: what was announced is what is run."""
    changes = [(make, expected) for make, expected in CHANGES.values() if expected]
    for start in range(0, len(changes), 4):
        expected = set()
        for make, of_change in changes[start : start + 4]:
            make(copy)
            expected |= of_change
        # Sizes and samples are of the changed config, so that a later change can reach more.
        announced = copy.stale()
        assert expected <= announced
        assert copy.rerun() == announced
    assert copy.stale() == set()
