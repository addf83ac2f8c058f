"""Expected costs of jobs, and the sums over a study."""

import copy
import os

import pytest
import torch
import yaml
from conftest import ROOT, TINY
from gahb import denoisers
from gahb.training.device import training_flop
from study import cost, costs
from study.config import checked

JOB = {"dataset": "calpha", "denoiser": "tiny", "subset": "S1", "N": "8", "seed": "0",
       "study": "pair"}  # fmt: skip
HEAVY = ["training", "psnr", "agreement", "calibration"]


def of(stage: str, **changes) -> tuple[float, float]:
    """Seconds and megabytes of a stage's job in the tiny study, with changes of its config."""
    config = copy.deepcopy(TINY)
    for section, entries in changes.items():
        config.setdefault(section, {}).update(entries)
    job = JOB | ({"denoiser": "flexible"} if stage == "calibration" else {})
    return getattr(costs, stage)(checked(config), job)


NETWORKS = pytest.mark.parametrize(
    ("entry", "side"),
    [
        ({"architecture": "unet", "channels": 64, "blocks": 3}, 80),
        ({"architecture": "unet", "channels": 24, "blocks": 2}, 16),
        ({"architecture": "unet", "channels": 4, "blocks": 1}, 8),
        ({"architecture": "bfcnn", "channels": 64, "layers": 21}, 40),
        ({"architecture": "bfcnn", "channels": 4, "layers": 3}, 8),
    ],
)


@NETWORKS
@pytest.mark.parametrize("image_channels", [1, 3])
def test_operations_agree_with_torchs_counter(entry, side, image_channels):
    network = denoisers.initialized(
        entry["architecture"], 0, image_channels=image_channels,
        **{k: v for k, v in entry.items() if k != "architecture"},
    )  # fmt: skip
    counted = training_flop(network, (image_channels, side, side)) / 3
    assert costs.forward_flop(entry, side, image_channels) == counted


@NETWORKS
def test_the_memory_of_a_backward_pass_agrees_with_torch(entry, side):
    network = denoisers.initialized(**entry, seed=0, image_channels=3).train()
    weights = {p.untyped_storage().data_ptr() for p in network.parameters()}

    def kept(images: int) -> int:
        storages = {}

        def keep(tensor):
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            network(torch.zeros(images, 3, side, side).to(memory_format=torch.channels_last))
        return sum(s.nbytes() for at, s in storages.items() if at not in weights)

    assert costs.activations(entry, side, 3) == (kept(2) - kept(1)) / 4


def test_a_microbatch_shares_the_memory():
    recipe = {"steps": 10**4, "batch": 512, "learning_rate": 0.01}
    wide = TINY["denoisers"]["tiny"] | {"channels": 512}

    def training(**changes):
        config = copy.deepcopy(TINY)
        config["training"]["tiny"] = recipe | changes
        config["denoisers"]["tiny"] = wide
        return costs.gpu_mb(checked(config), JOB)

    base = costs.CUDA_BASE + 8 * 4 * 64 / 1e6
    assert training() - base == pytest.approx(4 * (training(microbatch=128) - base))


def test_a_training_takes_its_operations_over_the_speed():
    """The paper's UNet at 80 x 80: 5e18 operations (studies/paper.yaml)."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    paper = yaml.safe_load((ROOT / "studies/paper.yaml").read_text())
    config = {**config, **{k: {**config[k], **v} for k, v in paper.items() if k in config}}
    job = {"dataset": "disks-80", "denoiser": "unet-80", "subset": "S1", "N": "1"}
    seconds, _ = costs.training(checked(config), job)
    assert seconds * costs.FLOPS == pytest.approx(5e18, rel=0.02)


@pytest.mark.parametrize("stage", HEAVY)
def test_each_attempt_requests_more_up_to_the_limit(stage):
    asked = costs.resources(lambda job: of(stage))
    minutes = [asked["runtime"](JOB, attempt) for attempt in (1, 2, 3, 20)]
    assert minutes == sorted(set(minutes))
    assert minutes[0] > 2 * asked["expected_seconds"](JOB) / 60
    assert minutes[-1] == costs.MOST_MINUTES
    assert asked["mem_mb"](JOB, 3) == pytest.approx(3 * asked["mem_mb"](JOB, 1), abs=3)


@pytest.mark.parametrize(
    ("stage", "changes"),
    [
        ("training", {"training": {"tiny": {"steps": 10**6, "batch": 512, "learning_rate": 0.01}}}),
        ("psnr", {"psnr": {"count": 10**5}}),
        ("agreement", {"agreement": {"count": 6}}),
        ("calibration", {"calibration": {"windows": [3, 5, 7]}}),
    ],
)
def test_larger_work_takes_longer(stage, changes):
    assert of(stage, **changes)[0] > of(stage)[0]


def test_images_whose_size_only_the_files_tell():
    config = copy.deepcopy(TINY)
    config["datasets"]["mine"] = {"source": "folder", "path": "nowhere"}
    assert costs._side(checked(config), {"dataset": "mine"}) == costs.SIDE


def test_the_sum_over_a_study(finished, monkeypatch):
    """Expected costs and benchmark files of the tiny study."""
    monkeypatch.chdir(finished.folder)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    jobs = cost.jobs([*finished.command()[3:], "--", "all"])
    jobs = jobs[jobs.rule != "all"]
    training = jobs[jobs.rule == "training"]
    assert len(training) == 12 and (training.GPUs == 1).all()
    assert (training["measured h"] > 0).all() and (training["most MB"] > 0).all()
    lines = cost.table(jobs).splitlines()
    row = next(line.split() for line in lines if line.startswith("training"))
    assert row[1:3] == ["12", "1"] and row[-1] == "12"
    on_gpu = int((jobs.GPUs > 0).sum())
    assert lines[-2].startswith(f"{len(jobs)} jobs, {on_gpu} of them with a GPU: ")
    assert lines[-1].startswith(f"{(jobs['expected h'] > 0).sum()} of these have run, in ")


def test_a_benchmark_file_that_a_kill_cut_off_counts_as_none(tmp_path):
    (tmp_path / "a.tsv").write_text("s\th:m:s\tmax_rss\n1800.0\t0:30:00\tNA\n")
    (tmp_path / "b.tsv").write_text("s\th:m:s\tmax_rss\n")
    assert cost.taken(tmp_path / "a.tsv")["measured h"] == 0.5
    assert cost.taken(tmp_path / "b.tsv") == cost.taken(tmp_path / "c.tsv") == {}
