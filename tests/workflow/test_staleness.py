"""What is rerun after each kind of change: exactly what depends on it, by dry run and for real."""

import os
import re
import shutil
import subprocess

import pytest
import yaml
from conftest import TINY, Study, checkout

OF_TINY = {
    "calpha/tiny/S1-1-seed0", "calpha/tiny/S1-8-seed0", "rough/tiny/S1-8-seed0",
    "disk/tiny/S1-8-seed0", "rough/tiny/S1-4-seed0", "rough/tiny/S1-4-seed1",
}  # fmt: skip
OF_CNN = {"photo/cnn/S1-16-seed0", "photo-shuffled/cnn/S1-16-seed0"}
CLOSED_FORMS = {f"disk/{name}/S1-8-seed0" for name in ("wiener", "memorizer")}
WATCHED = {f"disk/watched/S1-{N}-seed0" for N in (2, 8)}
#: References that PSNR curves show beside the networks.
BESIDE = {"disk/threshold/S1-8-seed0", "disk/nonlocal/S1-8-seed0", "rough/wiener/S1-4-seed0"}
#: Of images whose optimum is known.
KNOWN = {"gauss/wiener/S1-8-seed0", "mixed/wiener/S1-8-seed0"}
PAIRED = {
    *(f"calpha/tiny/S{subset}-{N}-seed0" for subset in (1, 2) for N in (1, 8)),
    *(f"rough/tiny/S{subset}-4-seed{seed}" for subset in (1, 2) for seed in (0, 1)),
    *(f"disk/{name}/S{subset}-8-seed0" for name in ("wiener", "memorizer") for subset in (1, 2)),
    *(f"disk/watched/S{subset}-{N}-seed0" for subset in (1, 2) for N in (2, 8)),
}


def stores(kind, *folders):
    return {f"{folder}/{kind}" for each in folders for folder in each}


ALL_PSNR = stores("psnr.zarr", OF_TINY, OF_CNN, CLOSED_FORMS, WATCHED, BESIDE, KNOWN)
ALL_SAMPLES = stores("samples.zarr", PAIRED)
ALL_SIMILARITIES = {
    *(f"calpha/tiny/disjoint-{N}-seed0/similarity.zarr" for N in (1, 8)),
    *(f"rough/tiny/disjoint-4-seed{seed}/similarity.zarr" for seed in (0, 1)),
    "rough/tiny/same-4-seed0/similarity.zarr",
    *(f"disk/{name}/disjoint-8-seed0/similarity.zarr" for name in ("wiener", "memorizer")),
    *(f"disk/watched/disjoint-{N}-seed0/similarity.zarr" for N in (2, 8)),
}
DYNAMICS = stores("dynamics-phase.zarr", WATCHED)
PREDICTION = {"disk/prediction-phase.zarr"}
EIGENBASES = stores(
    "eigenbasis.zarr", OF_CNN, CLOSED_FORMS,
    {f"{dataset}/tiny/S1-8-seed0" for dataset in ("calpha", "rough", "disk")},
)  # fmt: skip
HARMONICS = {path.replace("eigenbasis", "harmonics") for path in EIGENBASES}
DENSITIES = stores(
    "density.zarr", {"disk/wiener/S1-8-seed0", "disk/tiny/S1-8-seed0"},
    {f"calpha/tiny/S{subset}-{N}-seed0" for subset in (1, 2) for N in (1, 8)},
)  # fmt: skip
AGREEMENTS = {f"rough/tiny/S1-4-seed{seed}/agreement-seeds.zarr" for seed in (0, 1)}
CALIBRATED = stores(
    "calibration.zarr", {f"rough/{n}/S1-4-seed0" for n in ("equivariant", "flexible")}
)
CALIBRATED |= {path.replace("calibration.zarr", "denoiser.safetensors") for path in CALIBRATED}
PROPERTIES = {"photo/cnn/S1-16-seed0/properties.zarr"}
ORACLES = {"photo/oracles.zarr", "disk/oracles.zarr"}
SUMMARY = {"summary.csv"}


def drawn(study, figure, *of):
    return {f"figures/{study}/{figure}_{name}.pdf" for name in of}


CURVES = drawn("pair", "psnr_curves", "calpha_tiny") | drawn("seeds", "psnr_curves", "rough_tiny")
CURVES |= drawn("closed-forms", "psnr_curves", "disk_wiener", "disk_memorizer")
CURVES |= drawn("truths", "psnr_curves", "gauss_wiener", "mixed_wiener")
OF_SAMPLES = drawn("pair", "samples", "calpha_tiny") | drawn("seeds", "samples", "rough_tiny")
OF_SAMPLES |= drawn("closed-forms", "samples", "disk_wiener", "disk_memorizer")
PATCHES = drawn("pair", "patches", "calpha_tiny")
PAIRS = drawn("pair", "pairs", "calpha_tiny")  # of the largest N alone
VERDICT = drawn("pair", "verdict", "calpha_tiny")
SAMPLES = OF_SAMPLES | PATCHES | PAIRS | VERDICT
HISTORY = drawn("pair", "history", "calpha_tiny") | drawn("seeds", "history", "rough_tiny")
SHRINKAGE = drawn("photographs", "shrinkage", "photo_cnn")
CLOSED_SHRINKAGE = drawn("closed-forms", "shrinkage", "disk_wiener", "disk_memorizer")
SLOPES = drawn("slopes", "slopes", "tiny")
KINDS = drawn("photographs", "properties", "photo")
DISKS = drawn("disks", "disks", "disk_tiny")
GEOMETRY = drawn("geometry", "geometry", "cnn")
HARMONIC = drawn("geometry", "harmonics", "all")
IN_TIME = drawn("phase", "dynamics", "disk_watched") | drawn("phase", "along", "disk_watched")
IN_TIME |= drawn("phase", "phase", "disk")
TRANSITION = drawn("phase", "transition", "disk_watched")
NATS = drawn("pair", "nats", "calpha_tiny") | drawn("pair", "likelihood", "calpha_tiny")
DIMENSION = drawn("disks", "dimension", "disk_tiny")
THEORIES = drawn("seeds", "agreement", "rough_tiny") | drawn("seeds", "theories", "rough_tiny")
EVERY_FIGURE = CURVES | SAMPLES | HISTORY | SHRINKAGE | CLOSED_SHRINKAGE | SLOPES | DISKS | GEOMETRY
EVERY_FIGURE |= THEORIES | KINDS
EVERY_FIGURE |= NATS | DIMENSION | IN_TIME | TRANSITION | HARMONIC
PAGES = {"figures/photographs/eigenbasis_photo_cnn.html"}
CLOSED_PAGES = {
    f"figures/closed-forms/eigenbasis_disk_{name}.html" for name in ("wiener", "memorizer")
}


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
        "datasets": ["new"], "denoisers": ["tiny"], "sizes": [4], "figures": ["shrinkage"]
    }  # fmt: skip
    copy.config["run"].append("new")


def _delete_figure(copy):
    (copy.folder / "results" / "figures/slopes/slopes_tiny.pdf").unlink()


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
    "a deleted figure": (_delete_figure, SLOPES),
    "touched files": (_touch_everything, set()),
    "the folder moved": (_move, set()),
    "results copied without .snakemake": (_forget_snakemake, set()),
    "the order of keys": (_reverse_keys, set()),
    "a data set nobody uses": (
        _set("datasets.unused", {"source": "disks", "side": 8, "images": 9, "test": 1}),
        set(),
    ),
    "a comment": (
        _edit("gahb/training/recipe.py", "import math\n", "import math  # trigonometry\n"),
        set(),
    ),
    "a docstring": (_edit("gahb/psnr.py", '"""', '"""Now: '), set()),
    "formatting": (
        _edit("gahb/samples/__init__.py", "@torch.no_grad()", "@torch.no_grad(  )"),
        set(),
    ),
    "a comment in a script": (
        _edit("scripts/training.py", "SIGMAS =", "# In [0, 1].\nSIGMAS ="),
        set(),
    ),
    "the speed that is expected": (
        _edit("study/expected.py", "FLOPS = 3e13", "FLOPS = 1e13"),
        set(),
    ),
    "no logs and no benchmark files": (_delete_logs, set()),
    "a new data set": (
        _new_data_set,
        {
            "new/images.zarr",
            "new/split.zarr",
            "new/tiny/S1-4-seed0/denoiser.safetensors",
            "new/tiny/S1-4-seed0/psnr.zarr",
            "new/tiny/S1-4-seed0/eigenbasis.zarr",
            "new/tiny/S1-4-seed0/harmonics.zarr",
            "new/oracles.zarr",
            "figures/new/shrinkage_new_tiny.pdf",
            "figures/new/eigenbasis_new_tiny.html",
        }
        | SUMMARY,
    ),
    "a figure's style": (
        _edit("gahb/figures/slopes.py", "\n\n\ndef ", "\n\nADDED = 1\n\n\ndef "),
        SLOPES,
    ),
    "the style sheet": (
        _edit("gahb/drawing/paper.mplstyle", "font.size: 8", "font.size: 8.5"),
        EVERY_FIGURE,
    ),
    "the number of samples": (
        _set("samples.count", 5),
        ALL_SAMPLES
        | ALL_SIMILARITIES
        | PREDICTION
        | SAMPLES
        | TRANSITION
        | AGREEMENTS
        | THEORIES
        | SUMMARY,
    ),
    "the code of the sampler": (
        _edit("gahb/samples/__init__.py", "max_steps + 1):", "1 + max_steps):"),
        ALL_SAMPLES
        | ALL_SIMILARITIES
        | DYNAMICS
        | PREDICTION
        | SAMPLES
        | IN_TIME
        | TRANSITION
        | AGREEMENTS
        | THEORIES
        | SUMMARY,
    ),
    "the noise levels": (
        _set("psnr.input_psnr", [0, 10, 15, 20, 40]),
        ALL_PSNR
        | PREDICTION
        | ORACLES
        | CURVES
        | SHRINKAGE
        | CLOSED_SHRINKAGE
        | SLOPES
        | DISKS
        | GEOMETRY
        | TRANSITION
        | SUMMARY,
    ),
    "a new size": (
        _set("studies.pair.sizes", [1, 4, 8]),
        {
            f"calpha/tiny/{path}"
            for path in (
                "S1-4-seed0/denoiser.safetensors",
                "S2-4-seed0/denoiser.safetensors",
                "S1-4-seed0/psnr.zarr",
                "S1-4-seed0/samples.zarr",
                "S2-4-seed0/samples.zarr",
                "disjoint-4-seed0/similarity.zarr",
                "S1-4-seed0/density.zarr",
                "S2-4-seed0/density.zarr",
            )
        }
        | NATS
        | drawn("pair", "psnr_curves", "calpha_tiny")
        | drawn("pair", "samples", "calpha_tiny")
        | drawn("pair", "history", "calpha_tiny")
        | PATCHES
        | VERDICT
        | SUMMARY,
    ),
    "one network's training steps": (
        lambda copy: (
            _set("training.longer", TINY["training"]["tiny"] | {"steps": 61})(copy),
            _set("denoisers.cnn.training", "longer")(copy),
        ),
        stores("denoiser.safetensors", OF_CNN)
        | stores("psnr.zarr", OF_CNN)
        | stores("eigenbasis.zarr", OF_CNN)
        | stores("harmonics.zarr", OF_CNN)
        | PROPERTIES
        | KINDS
        | SHRINKAGE
        | PAGES
        | GEOMETRY
        | HARMONIC
        | SUMMARY,
    ),
    "the code of one source": (
        _edit("gahb/datasets/disks.py", "+ 0.5, 0, 1)", "+ 0.5, 0.0, 1.0)"),
        {
            "disk/images.zarr",
            "disk/split.zarr",
            "disk/tiny/S1-8-seed0/denoiser.safetensors",
            "disk/tiny/S1-8-seed0/psnr.zarr",
            "disk/tiny/S1-8-seed0/eigenbasis.zarr",
            "disk/tiny/S1-8-seed0/harmonics.zarr",
            "disk/tiny/S1-8-seed0/density.zarr",
            "disk/wiener/S1-8-seed0/density.zarr",
            "disk/oracles.zarr",
            # Templates of a mixture.
            "mixed/images.zarr",
            "mixed/split.zarr",
        }
        | {
            f"{run}-8-seed0/{kind}"
            for run in (
                "disk/nonlocal/S1",
                "disk/threshold/S1",
                "mixed/wiener/S1",
                "mixed/optimum/S1",
            )
            for kind in ("denoiser.safetensors", "psnr.zarr")
        }
        | drawn("truths", "psnr_curves", "mixed_wiener")
        | {path for path in EVERY_FIGURE | ALL_SAMPLES | ALL_SIMILARITIES if "disk_" in path}
        | {path for path in ALL_SAMPLES | ALL_SIMILARITIES if path.startswith("disk/")}
        | stores("denoiser.safetensors", {p for p in PAIRED if p.startswith("disk/")})
        | {"disk/wiener/S1-2-seed0/denoiser.safetensors"}
        | stores("psnr.zarr", CLOSED_FORMS, WATCHED)
        | DYNAMICS
        | PREDICTION
        | IN_TIME
        | stores("eigenbasis.zarr", CLOSED_FORMS)
        | stores("harmonics.zarr", CLOSED_FORMS)
        | CLOSED_PAGES
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
    copy.edit("gahb/training/recipe.py", "import math\n", "import math\n\nCHANGED = 1\n")
    stale = {output for output in copy.stale() if output.endswith("denoiser.safetensors")}
    trained = stale - CALIBRATED
    assert len(trained) == 16
    before = {path: (copy.folder / "results" / path).read_bytes() for path in trained}
    copy.run("--touch", "--until", "training", "--", "all")
    assert {path: (copy.folder / "results" / path).read_bytes() for path in trained} == before
    made = ALL_PSNR | EIGENBASES | HARMONICS | ALL_SAMPLES | ALL_SIMILARITIES | DYNAMICS | DENSITIES
    made |= PROPERTIES
    closed = ("/wiener/", "/memorizer/", "/threshold/", "/nonlocal/")
    of_networks = {path for path in made if not any(name in path for name in closed)}
    figures = {p for p in EVERY_FIGURE | PAGES if "wiener" not in p and "memorizer" not in p}
    assert copy.stale() == of_networks | AGREEMENTS | CALIBRATED | figures | SUMMARY


def test_weights_of_another_recipe_are_refused_once_the_record_is_lost(copy):
    """And the command that the message ends with keeps them."""
    _forget_snakemake(copy)
    copy.config["training"]["tiny"]["steps"] = 61
    run = "results/calpha/tiny/S1-8-seed0"
    weights, basis = f"{run}/denoiser.safetensors", f"{run}/eigenbasis.zarr"
    shutil.rmtree(copy.folder / basis)
    said = copy.run(basis, fails=True)
    assert f"{weights}: recipe.steps was 60, is 61" in said
    assert not (copy.folder / basis).exists()
    keep = re.search(r"snakemake (--touch --force) --configfile study.yaml -- (.*)", said)
    assert keep[2] == weights
    copy.run(*keep[1].split(), weights)
    said = copy.run(basis)
    assert f"Kept by --touch: {weights} (recipe.steps was 60, is 61)" in said
    assert (copy.folder / basis).exists()


def test_what_is_stale_is_said_in_words(copy):
    copy.config["samples"]["count"] = 5
    copy.edit("gahb/figures/slopes.py", "\n\n\ndef ", "\n\nADDED = 1\n\n\ndef ")
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
    assert "results/calpha/tiny/S1-8-seed0/samples.zarr: count was 4, is 5" in said
    assert "results/figures/slopes/slopes_tiny.pdf: the code that it runs has changed" in said
    assert (
        "results/calpha/tiny/disjoint-8-seed0/similarity.zarr: what it is made from is made again"
        in said
    )
    assert len(said) == len(copy.stale())


def test_real_run(copy):
    """The same changes, all at once, run for real: what was announced is what is run."""
    changes = [(make, expected) for make, expected in CHANGES.values() if expected]
    for make, _ in changes:
        make(copy)
    announced = copy.stale()
    assert set().union(*(expected for _, expected in changes)) <= announced
    assert copy.rerun() == announced
    assert copy.stale() == set()
