"""Denoisers trained elsewhere, in the config and in the plan."""

import copy
from pathlib import Path

import pytest
from conftest import TINY, Study
from study.config import ConfigError, checked
from study.stages import STAGES, denoisers

JOB = {"dataset": "photo", "denoiser": "own", "subset": "S1", "N": "16", "seed": "0"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with files of weights and a user's module."""
    for name in ("one.pt", "net-S1-8.pt", "net-S2-8.pt", "net-S1-16.pt"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "nets.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def study(denoiser: dict, sizes=(16,), figures=("psnr_curves", "shrinkage")) -> dict:
    config = copy.deepcopy(TINY)
    config["denoisers"]["own"] = denoiser
    config["run"] = ["own"]
    config["studies"]["own"] = {
        "datasets": ["photo"], "denoisers": ["own"], "sizes": list(sizes), "figures": list(figures)
    }  # fmt: skip
    return config


MODULE = {"function": "mine.nets:make", "predicts": "denoised"}


@pytest.mark.parametrize(
    ("denoiser", "sizes", "figures", "words"),
    [
        ({"weights": "none.pt"}, [16], ["shrinkage"], ["none.pt", "no such file"]),
        ({"weights": "one.pt"}, [16], ["pairs"], ["'pairs'", "{subset}"]),
        ({"weights": "one.pt"}, [8, 16], ["psnr_curves"], ["sizes", "{N}"]),
        ({"weights": "net-{subset}-{N}.pt"}, [16], ["samples"], ["net-S2-16.pt", "no such file"]),
        ({"weights": "net-{epoch}.pt"}, [16], ["shrinkage"], ["weights", "{subset} and {N}"]),
        ({"weights": "one.pt", "blocks": 3}, [16], ["shrinkage"], ["denoisers.own", "blocks"]),
        (MODULE | {"function": "nowhere:make"}, [16], ["shrinkage"], ["nowhere", "no such module"]),
        (MODULE | {"function": "mine/nets.py"}, [16], ["shrinkage"], ["denoisers.own.function"]),
        (MODULE | {"predicts": "x"}, [16], ["shrinkage"], ["'x'", "denoised, noise"]),
        ({"function": "mine.nets:make"}, [16], ["shrinkage"], ["denoisers.own", "predicts"]),
        (MODULE, [16], ["pairs"], ["'pairs'", "{subset}"]),
        (MODULE, [8, 16], ["shrinkage"], ["sizes", "{N}"]),
    ],
)  # fmt: skip
def test_mistakes_are_named_before_anything_is_read(folder, denoiser, sizes, figures, words):
    with pytest.raises(ConfigError) as caught:
        checked(study(denoiser, sizes, figures))
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    ("denoiser", "sizes", "figures"),
    [
        ({"weights": "one.pt"}, [16], ["psnr_curves", "shrinkage"]),
        ({"weights": "net-{subset}-{N}.pt"}, [8], ["samples"]),
        ({"weights": "net-{subset}-{N}.pt"}, [8, 16], ["psnr_curves"]),
        (MODULE, [16], ["shrinkage", "samples", "patches"]),
    ],
)
def test_valid_studies_are_planned_without_importing_anything(folder, denoiser, sizes, figures):
    made = Study(folder, study(denoiser, sizes, figures)).stale()
    assert f"photo/own/S1-{sizes[0]}-seed0/denoiser.safetensors" in made
    assert {f"figures/own/{figure}_photo_own.png" for figure in figures} <= made


def test_the_file_of_each_network_of_a_pair(folder):
    config = checked(study({"weights": "net-{subset}-{N}.pt"}, [8], ["samples"]))
    assert denoisers.weights(config, JOB | {"N": "8", "subset": "S2"}) == [Path("net-S2-8.pt")]


def made_with(denoiser) -> list:
    """The values and the code of an imported denoiser and of an eigenbasis of it."""
    config = checked(study(denoiser))
    return [
        (STAGES[name].values(config, JOB), STAGES[name].code(config, JOB))
        for name in ("imported", "eigenbasis")
    ]


def test_only_the_content_of_a_file_counts(folder):
    before = made_with({"weights": "one.pt"})
    (folder / "moved.pt").write_bytes((folder / "one.pt").read_bytes())
    assert made_with({"weights": "moved.pt"}) == before
    (folder / "moved.pt").write_bytes(b"other weights")
    imported, eigenbasis = made_with({"weights": "moved.pt"})
    assert imported != before[0] and eigenbasis == before[1]  # it is stale through its input
