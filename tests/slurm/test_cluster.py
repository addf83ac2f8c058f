"""The whole study on a real SLURM cluster of one node, and typical faults of clusters.

Every fault ends in a finished study with the same bytes, or in a message that names the job.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import yaml
from conftest import TINY, Study, checkout
from study.verify import broken

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
DIR = Path(os.environ.get("SLURM_TEST_DIR", "/var/tmp/gahb-slurm"))
TRAINED = "results/calpha/tiny/S1-4-seed0/denoiser.safetensors"
FAILS = "results/photo/tiny/S1-9999999-seed0/psnr.zarr/zarr.json"

#: One pair of networks with three figures, and a network with more images than there are.
SMALL = TINY | {
    "run": ["pair"],
    "studies": {
        "pair": TINY["studies"]["pair"]
        | {"sizes": [4], "figures": ["psnr_curves", "samples", "shrinkage"]},
        "fails": TINY["studies"]["photographs"] | {"denoisers": ["tiny"], "sizes": [9999999]},
    },
    "training": TINY["training"] | {"tiny": {"steps": 1000, "batch": 8, "learning_rate": 0.01}},
}
#: Runs started by tests in the background.
STARTED: list[subprocess.Popen] = []


class Clone(Study):
    """A fresh checkout, in which snakemake is run as on a cluster's login node."""

    def command(self, *arguments: str, module: str = "snakemake") -> list[str]:
        # The plugin first polls after this many seconds, then each time ten more.
        soon = ["--slurm-init-seconds-before-status-checks", "1"]
        return [sys.executable, "-m", module, "--profile", "slurm", *soon, *arguments]

    def begin(self, *arguments: str) -> subprocess.Popen:
        """Start snakemake, whose output goes to a file."""
        with open(self.folder / "output.log", "a") as output:
            process = self.start(*arguments, stdout=output, stderr=output)
        STARTED.append(process)
        return process

    def queue(self) -> list[dict]:
        """SLURM's jobs of this folder, including ended ones."""
        fields = ["JobID", "State", "Partition", "tres-per-job", "Comment", "WorkDir"]
        asked = ",".join(f"{field}:200" for field in fields)
        lines = subprocess.check_output(
            ["squeue", "--states=all", "--noheader", f"--Format={asked}"], text=True
        ).splitlines()
        found = [dict(zip(fields, line.split(), strict=True)) for line in lines]
        return [job for job in found if job["WorkDir"] == str(self.folder)]

    def jobs(self, state: str) -> list[str]:
        """Ids of the jobs in a state."""
        return [job["JobID"] for job in self.queue() if job["State"] == state]

    def finishes(self, process: subprocess.Popen) -> str:
        """Wait until the run has succeeded and return its output."""
        try:
            failed = process.wait(300)
        finally:
            process.kill()
            output = (self.folder / "output.log").read_text()
        assert not failed, output
        return output

    def training(self) -> psutil.Process | None:
        """The process that trains, once it has begun."""
        log = self.folder / "logs/training/calpha/tiny/S1-4-seed0.log"
        if log.exists() and "steps of" in log.read_text():
            for process in psutil.process_iter(["name", "cmdline"]):
                command = " ".join(process.info["cmdline"] or ())
                script = (
                    f"{self.folder}/.snakemake/scripts/" in command and "training.py" in command
                )
                if script and process.info["name"].startswith("python"):
                    return process


def wait_for(condition, seconds: float = 120):
    """What `condition` returns, once it is true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "gave up"
        time.sleep(0.1)
    return found


def hold(study: Clone) -> psutil.Process:
    """The training, stopped when it has begun, so that a fault certainly comes before its end."""
    process = wait_for(study.training)
    process.suspend()
    wait_for(lambda: process.status() == psutil.STATUS_STOPPED)
    return process


def let_go_when_told_to_end(process: psutil.Process) -> None:
    def told() -> bool:
        if process.status() != psutil.STATUS_STOPPED:  # scancel resumes it by itself
            return True
        status = Path(f"/proc/{process.pid}/status").read_text()
        pending = next(line for line in status.splitlines() if line.startswith("ShdPnd"))
        return int(pending.split()[1], 16) >> (signal.SIGTERM - 1) & 1

    with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError):
        wait_for(told)
        process.resume()


@pytest.fixture(scope="module")
def cluster():
    if os.geteuid() or not all(map(shutil.which, ("slurmctld", "slurmd", "munged", "sbatch"))):
        pytest.skip("needs root, and Debian's packages munge, slurmctld, slurmd and slurm-client")
    if subprocess.run([HERE / "cluster.sh", "stop"]).returncode:  # leftovers of a killed run
        pytest.skip("/etc/slurm/slurm.conf is not of these tests: this machine is of a cluster")
    try:
        subprocess.run([HERE / "cluster.sh", "start"], check=True)
        yield
    finally:
        for process in STARTED:  # runs of failed tests
            process.kill()
        subprocess.run([HERE / "cluster.sh", "stop"], check=True)


@pytest.fixture(scope="module", autouse=True)
def path(monkeypatch_module):
    # As in an activated environment.
    monkeypatch_module.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch_module.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def cloned(folder: Path) -> Clone:
    checkout(folder)
    (folder / "config.yaml").write_text(yaml.safe_dump(SMALL, sort_keys=False))
    return Clone(folder, SMALL)


@pytest.fixture(scope="module")
def trained(cluster, tmp_path_factory) -> Clone:
    """Images, splits and one network, made on this machine without SLURM."""
    study = cloned(tmp_path_factory.mktemp("trained"))
    subprocess.run(
        ["snakemake", "--profile", "profiles/local", TRAINED, "results/photo/split.zarr/zarr.json"],
        cwd=study.folder,
        check=True,
        capture_output=True,
    )
    return study


def copied(study: Clone, folder: Path) -> Clone:
    subprocess.run(["cp", "-a", f"{study.folder}/.", folder], check=True)
    shutil.rmtree(folder / "logs")
    return Clone(folder, SMALL)


def untrained(trained: Clone, folder: Path) -> Clone:
    study = copied(trained, folder)
    shutil.rmtree((folder / TRAINED).parent)
    return study


def is_the_same(study: Clone, trained: Clone) -> bool:
    assert broken(study.folder / "results") == []
    assert not list((study.folder / "results").rglob("*.partial"))
    weights = [(s.folder / TRAINED).read_bytes() for s in (study, trained)]
    return weights[0] == weights[1]


def test_the_whole_study(cluster, tmp_path):
    study = cloned(tmp_path)
    output = study.run("all")
    assert "pair,calpha,tiny,4" in output
    assert broken(tmp_path / "results") == []
    drawn = {path.name for path in (tmp_path / "results/figures").rglob("*.pdf")}
    assert len(drawn) == 3
    # GPU jobs had a GPU of the GPU partition; figures waited in no queue.
    gpu, cpu = ("gpu", "gres:gpu:1"), ("cpu", "N/A")
    asked = {
        job["Comment"].split("_wildcards")[0]: (job["Partition"], job["tres-per-job"])
        for job in study.queue()
    }
    on_gpu = ("rule_training", "rule_psnr", "rule_samples", "rule_similarity", "rule_eigenbasis")
    on_cpu = ("rule_images", "rule_beyond", "rule_harmonics")
    assert asked == dict.fromkeys(on_cpu, cpu) | dict.fromkeys(on_gpu, gpu)
    # The job's own log names its SLURM job.
    log = (tmp_path / "logs/training/calpha/tiny/S1-4-seed0.log").read_text()
    number = log.split()[2]
    assert log.startswith(f"SLURM job {number} on ")
    assert (tmp_path / f"logs/slurm/rule_training/calpha_tiny_S1_4_0/{number}.log").exists()
    # Nothing is stale, and the cost is known.
    assert "Nothing to be done" in study.run("--dry-run", "all")
    cost = study.run("--", "all", module="study.cost")
    assert "18 jobs, 7 of them with a GPU" in cost
    assert "3 of these have run" in cost


def test_packed_jobs_share_one_job_and_one_gpu(trained, tmp_path):
    study = copied(trained, tmp_path)
    curves = [
        TRAINED.replace("denoiser.safetensors", f"{name}.zarr/zarr.json")
        for name in ("psnr", "samples")
    ]
    groups = ["--groups", "psnr=packed", "samples=packed", "--group-components", "packed=2"]
    output = study.run(*curves, *groups)
    assert output.count("has been submitted with SLURM jobid") == 1
    (job,) = study.queue()
    assert (job["Partition"], job["tres-per-job"]) == ("gpu", "gres:gpu:1")
    assert broken(tmp_path / "results") == []
    assert all((tmp_path / path).exists() for path in curves)


def exit_1_and_too_little_memory(study: Clone) -> None:
    """The first is named, with its rule, wildcards and log; the second is retried with more memory.

    Results that do not depend on the failure are made.
    """
    memory = "--set-resources=training:mem_mb=250 + 2000 * (attempt - 1)"
    curves = TRAINED.replace("denoiser.safetensors", "psnr.zarr/zarr.json")
    output = study.run(curves, FAILS, memory, "--restart-times", "1", fails=True)
    assert (study.folder / curves).exists()
    logs = (study.folder / "logs/slurm/rule_training/calpha_tiny_S1_4_0").iterdir()
    first = min(logs, key=lambda log: int(log.stem))
    assert "exceeded memory limit" in first.read_text()
    assert not (study.folder / FAILS).exists()
    failure = output.rpartition("Error in rule training:")[2]
    assert "log: logs/training/photo/tiny/S1-9999999-seed0.log" in failure
    assert "N = 9999999, but results/photo/split.zarr gives at most" in output
    assert "training (dataset=photo, denoiser=tiny, subset=S1, N=9999999, seed=0)" in output


def cancelled_by_hand(study: Clone) -> None:
    run = study.begin(TRAINED)
    process = hold(study)
    subprocess.run(["scancel", *study.jobs("RUNNING")], check=True)
    let_go_when_told_to_end(process)
    output = study.finishes(run)
    assert "SLURM status is: 'CANCELLED'" in output
    assert "run again to continue" in output


def outlives_its_limit(study: Clone) -> None:
    limit = ["--set-resources", "training:runtime=attempt", "training:slurm_extra=--signal=TERM@40"]
    run = study.begin(TRAINED, *limit)
    let_go_when_told_to_end(hold(study))
    output = study.finishes(run)
    assert "Trying to restart job" in output
    assert "run again to continue" in output


def submitting_process_killed_and_started_again(study: Clone) -> None:
    first = study.begin(TRAINED)
    process = hold(study)
    first.kill()
    first.wait()
    (job,) = study.jobs("RUNNING")
    assert "cannot be locked" in study.run(TRAINED, fails=True)
    study.run("--unlock")
    second = study.begin(TRAINED)
    let_go_when_told_to_end(process)
    output = study.finishes(second)
    assert f"Cancelling SLURM jobs of a run that was killed: {job}" in output


def config_edited_while_the_job_waits(study: Clone) -> None:
    """No attempt uses the new config: each refuses, and says what was planned."""
    config = study.folder / "config.yaml"
    waits = ["--set-resources", "training:slurm_extra=--hold", "--restart-times", "1"]
    run = study.begin(TRAINED, *waits)
    text, log = config.read_text(), study.folder / "logs/training/calpha/tiny/S1-4-seed0.log"
    for _ in range(2):
        (job,) = wait_for(lambda: study.jobs("PENDING"))
        config.write_text(text.replace("steps: 1000", "steps: 7"))
        subprocess.run(["scontrol", "release", job], check=True)
        wait_for(lambda job=job: job not in study.jobs("PENDING") + study.jobs("RUNNING"))
        assert "recipe.steps was 1000, is 7. The run was planned before" in log.read_text()
    assert run.wait(300) and not (study.folder / TRAINED).exists()
    assert "recipe.steps was 1000, is 7" in (study.folder / "output.log").read_text()
    config.write_text(text)
    study.run(TRAINED)


FAULTS = (
    config_edited_while_the_job_waits,
    outlives_its_limit,
    exit_1_and_too_little_memory,
    cancelled_by_hand,
    submitting_process_killed_and_started_again,
)


@pytest.fixture(scope="module")
def runs(trained, tmp_path_factory):
    """A run for each fault, in parallel, since SLURM is slow."""
    with ThreadPoolExecutor() as pool:
        studies = {f: untrained(trained, tmp_path_factory.mktemp("run")) for f in FAULTS}
        yield {f: (study, pool.submit(f, study)) for f, study in studies.items()}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_run_survives(runs, trained, fault):
    study, run = runs[fault]
    run.result()
    assert is_the_same(study, trained)


def test_a_run_survives_a_node_that_vanishes_and_comes_back(trained, tmp_path):
    study = untrained(trained, tmp_path)
    run = study.begin(TRAINED)
    hold(study)
    node = [psutil.Process(int((DIR / "slurmd.pid").read_text()))]
    node += [p for p in psutil.process_iter(["name"]) if p.info["name"] == "slurmstepd"]
    for process in [child for p in node for child in (*p.children(recursive=True), p)]:
        process.kill()
    # SLURM restarts the job by itself.
    wait_for(lambda: study.jobs("PENDING"))
    subprocess.run(["slurmd"], check=True)
    study.finishes(run)
    assert is_the_same(study, trained)
