"""What jobs are expected to cost, and the sums over a study."""

import copy
from pathlib import Path

import pytest
import torch
import yaml
from conftest import ROOT, TINY
from gahb import denoisers
from gahb.training.device import training_flop
from study import cost, expected
from study.config import checked
from study.stages import STAGES

JOB = {"dataset": "calpha", "denoiser": "tiny", "subset": "S1", "N": "8", "seed": "0",
       "study": "pair"}  # fmt: skip
HEAVY = [name for name, stage in STAGES.items() if stage.expected]


def of(stage: str, job=JOB, **changes) -> tuple[float, float]:
    """Seconds and megabytes of a stage's job in the tiny study, with changes of its config."""
    config = copy.deepcopy(TINY)
    for section, entries in changes.items():
        config.setdefault(section, {}).update(entries)
    return STAGES[stage].expected(checked(config), job)


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
def test_operations_are_those_that_torch_counts(entry, side, image_channels):
    network = denoisers.initialized(
        entry["architecture"], 0, image_channels=image_channels,
        **{k: v for k, v in entry.items() if k != "architecture"},
    )  # fmt: skip
    counted = training_flop(network, (image_channels, side, side)) / 3
    assert expected.forward_flop(entry, side, image_channels) == counted


@NETWORKS
def test_the_memory_of_a_backward_pass_is_what_torch_keeps(entry, side):
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

    assert expected.activations(entry, side, 3) == (kept(2) - kept(1)) / 4


def test_a_microbatch_shares_the_memory():
    recipe = {"steps": 10**4, "batch": 512, "learning_rate": 0.01}
    wide = TINY["denoisers"]["tiny"] | {"channels": 512}

    def training(**changes):
        config = copy.deepcopy(TINY)
        config["training"]["tiny"] = recipe | changes
        config["denoisers"]["tiny"] = wide
        return STAGES["training"].gpu_mb(checked(config), JOB)

    base = expected.CUDA_BASE + 8 * 4 * 64 / 1e6
    assert training() - base == pytest.approx(4 * (training(microbatch=128) - base))


def test_a_training_takes_its_operations_over_the_speed():
    """The paper's UNet at 80 x 80: 5e18 operations (studies/paper.yaml)."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    paper = yaml.safe_load((ROOT / "studies/paper.yaml").read_text())
    config = {**config, **{k: {**config[k], **v} for k, v in paper.items() if k in config}}
    job = {"dataset": "disks-80", "denoiser": "unet-80", "subset": "S1", "N": "1"}
    seconds, _ = expected.training(checked(config), job)
    assert seconds * expected.FLOPS == pytest.approx(5e18, rel=0.02)


@pytest.mark.parametrize("stage", HEAVY)
def test_more_is_asked_for_at_each_attempt_and_never_too_much(stage):
    asked = expected.resources(lambda job: of(stage, job))
    minutes = [asked["runtime"](JOB, attempt) for attempt in (1, 2, 3, 20)]
    assert minutes == sorted(set(minutes))
    assert minutes[0] > 2 * asked["expected_seconds"](JOB) / 60
    assert minutes[-1] == expected.MOST_MINUTES
    assert asked["mem_mb"](JOB, 3) == pytest.approx(3 * asked["mem_mb"](JOB, 1), abs=3)


@pytest.mark.parametrize(
    ("stage", "changes"),
    [
        ("images", {"datasets": {"calpha": TINY["datasets"]["calpha"] | {"images": 10**6}}}),
        ("training", {"training": {"tiny": {"steps": 10**6, "batch": 512, "learning_rate": 0.01}}}),
        ("psnr", {"psnr": {"count": 10**5}}),
        ("samples", {"samples": {"h0": 0.001, "max_steps": 10**5}}),
        ("agreement", {"agreement": {"count": 6}}),
        ("calibration", {"calibration": {"windows": [3, 5, 7]}}),
        ("density", {"density": {"count": 10**5}}),
        ("eigenbasis", {"eigenbasis": {"images": list(range(10)), "precision": "float64"}}),
    ],
)
def test_larger_work_takes_longer(stage, changes):
    assert of(stage, **changes)[0] > of(stage)[0]


def test_images_that_only_the_files_know():
    photo = {"source": "folder", "path": "x"}
    seconds, megabytes = of("eigenbasis", JOB | {"dataset": "photo"}, datasets={"photo": photo})
    assert seconds > expected.START + 25 * expected.SIDE**6 / expected.DOUBLE_FLOPS
    assert megabytes > expected.GPU_BASE + 8 * expected.SIDE**4 / 1e6


DRY_RUN = """\
rule training:
    output: a
    benchmark: {folder}/a.tsv
    resources: tmpdir=/tmp, mem_mb=4000, runtime=1440, expected_seconds=7200, gpu=1, gpu_mb=2500

localrule figure_slopes:
    output: b
    resources: tmpdir=/tmp

rule training:
    output: c
    benchmark: {folder}/c.tsv
    resources: tmpdir=/tmp, mem_mb=4000, runtime=1440, expected_seconds=18000, gpu=4, gpu_mb=2000

rule images:
    output: d
    benchmark: {folder}/d.tsv
    resources: tmpdir=/tmp, mem_mb=1500, runtime=13, expected_seconds=3600
"""


def test_the_sum_over_a_study(tmp_path: Path):
    (tmp_path / "a.tsv").write_text("s\th:m:s\tmax_rss\n3600.0\t1:00:00\t512.5\n")
    (tmp_path / "d.tsv").write_text("s\th:m:s\tmax_rss\n1800.0\t0:30:00\tNA\n")
    lines = cost.table(cost.jobs(DRY_RUN.format(folder=tmp_path))).splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines[1:3]}
    # Jobs, most GPUs and MB of each, hours expected, the longest, jobs that have run, hours, MB.
    assert rows["training"] == ["2", "4", "2500", "7.0", "5.0", "1", "1.0", "512"]
    assert rows["images"] == ["1", "0", "1.0", "1.0", "1", "0.5", "0"]
    assert lines[-2:] == [
        "4 jobs, 2 of them with a GPU: 22.0 GPU hours expected",
        "1 of these have run: 1.0 GPU hours, 0.50 times what was expected of them",
    ]
