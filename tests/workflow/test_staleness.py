"""Each kind of change makes exactly the dependent results again, in dry and real runs."""

import copy
import fnmatch
import json
import os
import shutil

import pytest
from conftest import ROOT, TINY, Study, checkout, copied, name_of
from study import figures, fingerprint

RESULTS = ("*.zarr/zarr.json", "*.safetensors", "*.png", "*.html", "results/summary.json")


@pytest.fixture(scope="module")
def base(finished, tmp_path_factory) -> Study:
    """A copy without time stamps, in which no result is changed."""
    return copied(finished, tmp_path_factory.mktemp("base"))


@pytest.fixture
def study(finished, tmp_path) -> Study:
    return copied(finished, tmp_path)


def results(study: Study) -> set[str]:
    """The names of all results; for a training, its history."""
    paths = (study.folder / "results").rglob("*")
    names = {str(p.relative_to(study.folder)) for p in paths if "/c/" not in str(p)}
    names = {n for n in names if any(fnmatch.fnmatch(n, pattern) for pattern in RESULTS)}
    names = set(map(name_of, names))
    networks = {
        n.replace("history.zarr", "denoiser.safetensors")
        for n in names
        if n.endswith("history.zarr")
    }
    return names - networks


def like(study: Study, *patterns: str) -> set[str]:
    """The results whose names match a pattern; each pattern matches some."""
    names = results(study)
    found = [set(fnmatch.filter(names, pattern)) for pattern in patterns]
    assert all(found), patterns
    return set().union(*found)


# Changes of the config and of the code.


def test_every_result_has_its_own_identity(base):
    """A run from the start makes all of them."""
    assert Study(base.folder, base.config).stale(options=["--forceall"]) == results(base)


def _reversed(node):
    if isinstance(node, dict):
        return {key: _reversed(value) for key, value in reversed(node.items())}
    return node


UNUSED = {"source": "disks", "side": 8, "images": 9, "test": 2}
LONGER = TINY["training"]["tiny"] | {"steps": 61}
OF_CNN = ("photo*/cnn/*", "figures/photographs/*", "figures/geometry/*", "summary.json")
# The images `mixed` are made from disks.
OF_DISKS = ("disk/*", "mixed/*",
            *(f"figures/{s}/*" for s in ("phase", "closed-forms", "truths", "crossover")),
            "summary.json")  # fmt: skip
OF_SAMPLES = (
    "*/samples.zarr", "*/similarity.zarr", "*/beyond.zarr", "*/matrix-*", "*/prediction-*",
    "*/agreement-*", "figures/*/matrix_*", "figures/*/samples_*",
    "figures/*/pa*_*", "figures/*/verdict_*", "figures/*/transition_*", "figures/*/agreement_*",
    "figures/*/new_images_*", "figures/*/theories_*", "summary.json",
)  # fmt: skip
# The flow of a Gaussian, in closed form, takes no sampler.
OF_SAMPLER = tuple(p for p in OF_SAMPLES if "prediction" not in p)
OF_LEVELS = (
    *(f"*/{name}/*/psnr.zarr" for name in ("tiny", "cnn", "watched", "memorizer", "wiener")),
    "mixed/*/psnr.zarr", "figures/crossover/*",
    "*/oracles.zarr", "*/prediction-*", "figures/*/psnr_curves_*", "figures/*/shrinkage_*",
    "figures/*/slopes_*", "figures/*/disks_*", "figures/*/geometry_*", "figures/*/transition_*",
    "figures/*/optimum_*", "summary.json",
)  # fmt: skip
#: Settings in the config, and the results that they make stale.
SETTINGS = {
    "nothing": ({}, ()),
    "a data set nobody uses": ({"datasets.unused": UNUSED}, ()),
    "a study that is not run": ({"studies.more": TINY["studies"]["pair"] | {"sizes": [2]}}, ()),
    "a study is left out": ({"run": [s for s in TINY["run"] if s != "slopes"]}, ("summary.json",)),
    "the number of samples": ({"samples.count": 5}, OF_SAMPLES),
    "the noise levels": ({"psnr.input_psnr": [0, 10, 15, 20, 40]}, OF_LEVELS),
    "one network's training": (
        {"training.longer": LONGER, "denoisers.cnn.training": "longer"},
        OF_CNN,
    ),
    "what one reference is calibrated on": (
        {"calibration.shares": [0.5, 0.8]},
        ("calpha/flexible/*", "*/agreement-*", "figures/seeds/agreement_*",
         "figures/seeds/theories_*"),
    ),
    "the seed": ({"seed": 1}, ("*",)),
}  # fmt: skip
#: Edits of code, and the results that they make stale.
EDITS = {
    "a comment": (("gahb/training/recipe.py", "import math\n", "import math  # numbers\n"), ()),
    "a docstring": (("gahb/psnr.py", '"""', '"""Now: '), ()),
    "formatting": (("gahb/samples/sampler.py", "@torch.no_grad()", "@torch.no_grad(  )"), ()),
    "a comment in a script": (("scripts/training.py", "SIGMAS =", "# In [0, 1].\nSIGMAS ="), ()),
    "the planning": (("study/costs.py", "FLOPS = 3e13", "FLOPS = 1e13"), ()),
    "what every script runs": (("study/job.py", "import sys\n", "import sys\nADDED = 1\n"), ()),
    "a figure": (("gahb/figures/slopes.py", "\n\n\ndef ", "\n\nADDED = 1\n\n\ndef "),
                 ("figures/slopes/*",)),
    "the style sheet": (("gahb/drawing/paper.mplstyle", "font.size: 8", "font.size: 8.5"),
                        ("figures/*.png",)),
    "the sampler": (("gahb/samples/sampler.py", "\n@torch", "\nADDED = 1\n\n\n@torch"),
                    OF_SAMPLER),
    "a script": (("scripts/psnr.py", "\ndef main", "\nADDED = 1\n\n\ndef main"),
                 (*(p for p in OF_LEVELS if "oracles" not in p and "prediction" not in p
                    and "shrinkage" not in p), "disk/optimum/*/psnr.zarr")),
    "one source": (("gahb/datasets/disks.py", "+ 0.5, 0, 1)", "+ 0.5, 0.0, 1.0)"), OF_DISKS),
    "the style of all pages": (("gahb/drawing/page.py", "\ndef ", "\nADDED = 1\n\n\ndef "),
                               ("*.html",)),
}  # fmt: skip


def changed(config: dict, settings: dict) -> dict:
    config = copy.deepcopy(config)
    for path, value in settings.items():
        *parents, last = path.split(".")
        entry = config
        for parent in parents:
            entry = entry.setdefault(parent, {})
        entry[last] = value
    return config


def edit(project, file: str, old: str, new: str) -> None:
    path = project / "workflow" / file
    text = path.read_text()
    assert old in text, f"{file} has changed: {old!r} is not in it"
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("change", SETTINGS)
def test_results_that_depend_on_a_setting_are_stale(base, change):
    settings, expected = SETTINGS[change]
    found = Study(base.folder, changed(base.config, settings)).stale()
    assert found == like(base, *expected)


def test_the_order_of_keys_does_not_matter(base):
    assert Study(base.folder, _reversed(base.config)).stale() == set()


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the workflow whose code replaces this one's in the planning."""
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow")
    monkeypatch.setattr(fingerprint, "ROOT", tmp_path / "workflow")
    sheet = tmp_path / "workflow" / figures.STYLE_SHEET.relative_to(ROOT / "workflow")
    monkeypatch.setattr(figures, "STYLE_SHEET", sheet)
    fingerprint._reached.cache_clear()
    yield tmp_path
    fingerprint._reached.cache_clear()


@pytest.mark.parametrize("change", EDITS)
def test_results_that_depend_on_code_are_stale(base, project, change):
    place, expected = EDITS[change]
    edit(project, *place)
    assert base.stale() == like(base, *expected)


# Changes of the results and of Snakemake's records.


def _touch(study):
    """Inputs much newer than their results."""
    for path in (study.folder / "results").rglob("*"):
        os.utime(path, (1.7e9, 1.7e9 if "images.zarr" in str(path) else 1.6e9))


def _move(study):
    study.folder = study.folder.rename(study.folder.parent / "elsewhere")


def _forget(study):
    """As `rsync results/` to another machine."""
    shutil.rmtree(study.folder / ".snakemake")


def _delete(*paths):
    def delete(study):
        for path in paths:
            found = study.folder / path
            shutil.rmtree(found) if found.is_dir() else found.unlink()

    return delete


def _older(study):
    """A store with other values, older than all others."""
    path = study.folder / "results/calpha/tiny/S1-8-seed0/psnr.zarr"
    metadata = json.loads((path / "zarr.json").read_text())
    parameters = json.loads(metadata["attributes"]["parameters"])
    parameters["values"]["count"] = 9
    metadata["attributes"] |= {"parameters": json.dumps(parameters), "content": "other"}
    (path / "zarr.json").write_text(json.dumps(metadata))
    for file in (*path.rglob("*"), path):
        os.utime(file, (1.5e9, 1.5e9))


def _swap(study):
    """A store of the other subset in place of a store of the first one."""
    of = study.folder / "results/calpha/tiny"
    shutil.rmtree(of / "S1-8-seed0/samples.zarr")
    shutil.copytree(of / "S2-8-seed0/samples.zarr", of / "S1-8-seed0/samples.zarr")


def _count_back_and_forth(study):
    """The value of a config that was never run."""
    assert Study(study.folder, changed(study.config, {"psnr.count": 9})).stale()


def _forget_and_set(study):
    _forget(study)
    study.config["density"]["count"] = 5


OF_PSNR = ("calpha/tiny/S1-8-seed0/psnr.zarr", "figures/pair/psnr_curves_*",
           "figures/seeds/psnr_curves_*", "figures/slopes/*", "summary.json")  # fmt: skip
OF_SWAPPED = (
    "calpha/tiny/S1-8-seed0/samples.zarr", "calpha/tiny/S1-8-seed0/agreement-*",
    "calpha/tiny/disjoint-8-seed0/*", "calpha/tiny/same-8-seed0/*", "figures/pair/samples_*",
    "figures/pair/pa*_*", "figures/pair/verdict_*", "figures/seeds/samples_*",
    "figures/seeds/agreement_*", "figures/seeds/theories_*", "summary.json",
)  # fmt: skip
OF_DENSITY = ("*/density.zarr", "figures/*/dimension_*", "figures/*/nats_*",
              "figures/*/likelihood_*", "summary.json")  # fmt: skip
STORED = {
    "touched": (_touch, ()),
    "moved": (_move, ()),
    "without .snakemake": (_forget, ()),
    "without .snakemake and a value changed": (_forget_and_set, OF_DENSITY),
    "a value changed and changed back": (_count_back_and_forth, ()),
    "an older store": (_older, OF_PSNR),
    "the store of another subset": (_swap, OF_SWAPPED),
    "a deleted figure": (_delete("results/figures/slopes/slopes_tiny.pdf"), ("figures/slopes/*",)),
    "no logs": (_delete("logs"), ()),
}


@pytest.mark.parametrize("change", STORED)
def test_changes_of_results_are_noticed(study, change):
    make, expected = STORED[change]
    wanted = like(study, *expected)
    make(study)
    assert study.stale() == wanted


NEW_SIZE = {
    *(f"calpha/tiny/S{s}-4-seed0/{k}.zarr" for s in (1, 2) for k in ("history", "samples")),
    "calpha/tiny/S1-4-seed0/psnr.zarr",
    *(f"calpha/tiny/disjoint-4-seed0/{k}.zarr" for k in ("similarity", "beyond")),
    *(f"figures/pair/{figure}_calpha_tiny.png"
      for figure in ("psnr_curves", "samples", "history", "patches", "verdict")),
    "summary.json",
}  # fmt: skip
NEW_DATA = {
    *(f"new/{name}.zarr" for name in ("images", "split", "oracles")),
    *(f"new/tiny/S1-4-seed0/{k}.zarr" for k in ("history", "psnr", "eigenbasis", "harmonics")),
    "figures/new/shrinkage_new_tiny.png", "figures/new/eigenbasis_new_tiny.html", "summary.json",
}  # fmt: skip
STUDY_OF_NEW = {"datasets": ["new"], "denoisers": ["tiny"], "sizes": [4], "figures": ["shrinkage"]}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"studies.pair.sizes": [1, 4, 8]}, NEW_SIZE),
        (
            {"datasets.new": UNUSED | {"images": 30, "test": 5}, "studies.new": STUDY_OF_NEW,
             "run": [*TINY["run"], "new"]},
            NEW_DATA,
        ),
    ],
    ids=["a size", "a data set"],
)  # fmt: skip
def test_new_results_are_made(base, settings, expected):
    assert Study(base.folder, changed(base.config, settings)).stale() == expected


# Real runs.


class Project(Study):
    """A finished study and the project with its code, both of which may be changed."""

    def __init__(self, study: Study, folder):
        super().__init__(study.folder, study.config, checkout(folder / "project"))

    def reruns(self) -> None:
        """A run makes what a dry run announces; then everything is up to date."""
        announced = self.stale()
        before = self._times()
        self.run("all")
        assert {path for path, time in self._times().items() if before.get(path) != time} == (
            announced
        )
        assert self.stale() == set()

    def _times(self) -> dict[str, int]:
        return {
            name: os.stat(self.folder / "results" / name).st_ino * 2**64
            + os.stat(self.folder / "results" / name).st_mtime_ns
            for name in results(self)
        }


@pytest.fixture
def own(study, tmp_path) -> Project:
    return Project(study, tmp_path)


def test_stale_results_are_explained_and_remade(own):
    own.config = changed(own.config, {"calibration.count": 3})
    edit(own.source, *EDITS["a figure"][0])
    said = own.run("--", "all", module="study.stale").splitlines()
    assert "results/calpha/flexible/S1-8-seed0/calibration.zarr: count was 2, is 3" in said
    assert "results/figures/slopes/slopes_tiny.png: the code that it runs has changed" in said
    again = "results/calpha/flexible/S1-8-seed0/denoiser.safetensors: its input is computed again"
    assert again in said
    own.reruns()


@pytest.mark.slow
def test_all_changes_at_once_are_made(own):
    own.config = changed(own.config, {k: v for s, _ in SETTINGS.values() for k, v in s.items()
                                      if k not in ("seed", "run")})  # fmt: skip
    for place, _ in EDITS.values():
        edit(own.source, *place)
    own.reruns()


def test_trained_networks_can_be_kept_after_a_change_of_code(own):
    """The command of docs/staleness.md: trained networks count as made with the present code."""
    edit(own.source, "gahb/training/recipe.py", "import math\n", "import math\n\nCHANGED = 1\n")
    histories = {name for name in own.stale() if name.endswith("history.zarr")}
    trained = [
        own.folder / "results" / n.replace("history.zarr", "denoiser.safetensors")
        for n in histories
    ]
    assert len(trained) == 12
    before = [path.read_bytes() for path in trained]
    own.run("--touch", "--until", "training", "--", "all")
    assert [path.read_bytes() for path in trained] == before
    # The weights are the same; this figure knows the noise levels of recipes.
    assert own.stale() == {"figures/crossover/crossover_mixed.png"}
    target = "results/calpha/tiny/S1-8-seed0/psnr.zarr/zarr.json"
    said = own.run("--force", "--", target)
    assert "Kept by --touch, though made with something else:" in said
    assert "  results/calpha/tiny/S1-8-seed0/history.zarr/zarr.json" in said
    # Results of a further change are stale nonetheless.
    edit(own.source, "gahb/training/recipe.py", "CHANGED = 1\n", "CHANGED = 2\n")
    assert histories <= own.stale()
