"""Which GPUs jobs take, and a training that is several processes, on a machine that has none."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
import xarray as xr
from conftest import ROOT
from gahb import store
from scripts.training import main
from study.job import Job
from study.run import gpus

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """Without SLURM, and with locks of its own."""
    for name in ("SLURM_JOB_ID", "SLURM_JOB_NUM_NODES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(gpus.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(gpus, "_HELD", [])


def test_each_job_takes_a_gpu_that_the_fewest_have():
    assert [gpus.taken(["0", "1"], 1) for _ in range(4)] == [[0], [1], [0], [1]]
    gpus._HELD.pop(1).release()  # one of the jobs on the second ends
    assert gpus.taken(["0", "1"], 1) == [1]


def test_a_job_of_several_takes_different_ones():
    assert gpus.taken(["3", "MIG-a/1", "GPU-b"], 1) == [0]
    assert gpus.taken(["3", "MIG-a/1", "GPU-b"], 2) == [1, 2]
    assert gpus.taken(["3", "MIG-a/1", "GPU-b"], 5) == [0, 1, 2]
    assert gpus.taken([], 1) == []


def test_what_slurm_has_given_is_the_jobs_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert [gpus.taken(["0"], 1) for _ in range(2)] == [[0], [0]]
    assert not list(tmp_path.iterdir())
    assert [gpus.taken(["0", "1"], 1) for _ in range(2)] == [[0], [1]]  # packed into one
    monkeypatch.setenv("SLURM_JOB_ID", "8")
    assert gpus.taken(["0", "1"], 1) == [0]


@pytest.mark.parametrize(
    ("wanted", "visible", "shared"),
    [(4, 8, 4), (4, 4, 4), (4, 3, 2), (6, 5, 3), (4, 1, 1), (2, 0, 0)],
)
def test_fewer_gpus_than_wanted_share_the_same_batches(wanted, visible, shared):
    assert gpus.shared_by(wanted, visible) == shared


def test_on_several_nodes_srun_starts_a_torchrun_on_each(monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "30007")
    monkeypatch.setenv("SLURM_JOB_NUM_NODES", "2")
    command = " ".join(gpus.command(4))
    assert command.startswith("srun --overlap --nodes=2 --ntasks=2 --ntasks-per-node=1 ")
    assert "torch.distributed.run --nproc-per-node=4" in command and "--nnodes=2" in command
    assert f"--rdzv-endpoint={gpus.socket.gethostname()}:20007" in command


VALUES = {
    "architecture": "unet", "options": {"channels": 4, "blocks": 1, "gain": 0.1}, "subset": "S1",
    "snapshots": False, "N": 10, "initialization_seed": 2, "seed": 1,
    "recipe": {"steps": 300, "batch": 8, "learning_rate": 0.003, "precision": "fp32"},
}  # fmt: skip
INPUT, OUTPUT = ("images.zarr", "split.zarr"), ("denoiser.safetensors", "history.zarr")
#: As Snakemake runs it, on a machine whose two GPUs are not there.
PROGRAM = f"""\
from types import SimpleNamespace
from scripts.training import main
from study import job

def named(names, files):
    class Files(list):
        items = lambda self: zip(names, files)
    return Files(files)

class Params(SimpleNamespace):
    def items(self):
        return self.__dict__.items()

job._visible = lambda: ["none", "nowhere"]
job.run(main, SimpleNamespace(
    rule="training", wildcards={{}}, threads=1, log=["log"], resources={{"gpu": 2}},
    params=Params(values={VALUES}), input=named(["images", "split"], {INPUT}),
    output=named(["denoiser", "history"], {OUTPUT})))
"""


def test_a_training_on_two_gpus_is_stopped_and_goes_on_with_one(tmp_path):
    pixels, numbers = (
        np.random.default_rng(0).integers(0, 256, (30, 1, 8, 8), np.uint8),
        np.arange(30),
    )
    parts = {"S1": numbers[:10], "S2": numbers[10:20], "test": numbers[20:]}
    for name, variables in (
        ("images", {"images": store.variable(("image", "channel", "y", "x"), pixels, "i")}),
        ("split", {k: store.variable(f"{k}_image", v, "index") for k, v in parts.items()}),
    ):
        dataset = xr.Dataset(variables, attrs=store.provenance(name, {}))
        store.save(dataset, tmp_path / f"{name}.zarr")
    (tmp_path / "program.py").write_text(PROGRAM)
    environment = {"PYTHONPATH": str(ROOT / "workflow"), "TMPDIR": str(tmp_path)}
    run = subprocess.Popen(
        [sys.executable, "program.py"], cwd=tmp_path, env=os.environ | environment
    )
    until = time.monotonic() + 300
    while not list(tmp_path.glob("*.checkpoint")) and time.monotonic() < until:
        time.sleep(0.005)
    run.send_signal(signal.SIGTERM)
    assert run.wait(300) == os.EX_TEMPFAIL
    said = (tmp_path / "log").read_text()
    assert "2 processes" in said and "run again to go on" in said
    read, written = ([str(tmp_path / name) for name in names] for names in (INPUT, OUTPUT))
    # The same settings find its checkpoint; others do not.
    resumed, alone = Job(parameters={"values": VALUES}), Job(parameters={"values": {}})
    main(*read, *written, **VALUES, job=resumed)
    other = [str(tmp_path / f"alone-{name}") for name in OUTPUT]
    main(*read, *other, **VALUES, job=alone)
    one, two = (store.open_store(path) for path in (written[1], other[1]))
    np.testing.assert_allclose(one.psnr, two.psnr, atol=0.5)
    assert not list(tmp_path.glob("*.checkpoint*"))
