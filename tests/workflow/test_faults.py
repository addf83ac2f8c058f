"""Faults injected on purpose: kills, a full disk, a read-only folder, damaged and old stores."""

import os
import random
import shlex
import shutil
import signal
import subprocess
import time

import psutil
import pytest
import yaml
import zarr
from conftest import TINY, Study
from faults import contents

pytestmark = pytest.mark.slow

#: Every rule once: three networks of a study of pairs, one of them single, two figures.
SMALL = TINY | {
    "run": ["pair"],
    "studies": {
        "pair": TINY["studies"]["pair"]
        | {"sizes": [4], "figures": ["psnr_curves", "samples", "shrinkage"]}
    },
}


#: Options of runs whose output nobody reads.
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Study:
    study = Study(tmp_path_factory.mktemp("small"), SMALL)
    study.run("all")
    return study


def copied(study: Study, folder) -> Study:
    subprocess.run(["cp", "-a", study.folder, folder / "run"], check=True)
    return Study(folder / "run", yaml.safe_load(yaml.safe_dump(study.config)))


def test_killed_at_any_moment_it_resumes_to_the_same_bytes(small, tmp_path):
    study = Study(tmp_path, SMALL)
    moments = random.Random(0)
    kills = 0
    while kills < 20:
        shutil.rmtree(tmp_path / ".snakemake" / "locks", ignore_errors=True)
        process = study.start("all", **QUIET)
        try:
            process.wait(moments.uniform(1, 9))
            # It finished between two kills: compare once more, and start again.
            assert contents(tmp_path / "results") == contents(small.folder / "results")
            shutil.rmtree(tmp_path / "results")
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
    study.run("--unlock")
    study.run("all")
    assert contents(tmp_path / "results") == contents(small.folder / "results")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_trainings_end_with_a_checkpoint_when_snakemake_alone_is_stopped(tmp_path, number):
    long = {"tiny": TINY["training"]["tiny"] | {"steps": 10**6}}
    study = Study(tmp_path, SMALL | {"training": TINY["training"] | long})
    run = psutil.Process(study.start("all", **QUIET).pid)
    try:
        # Only folders of weights: a folder of images is renamed while it is being read.
        while not (saved := list(tmp_path.glob("results/calpha/tiny/*/*.checkpoint"))):
            assert run.is_running() and run.status() != "zombie"
            time.sleep(0.1)
        jobs = run.children(recursive=True)
        os.kill(run.pid, number)
        _, left = psutil.wait_procs(jobs, 120)
        assert left == []
        assert all(path.exists() for path in saved)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        os.waitpid(run.pid, 0)


def test_a_second_run_in_the_same_folder_refuses_at_once(tmp_path):
    study = Study(tmp_path, SMALL)
    first = study.start("all", **QUIET)
    try:
        while not list((tmp_path / ".snakemake" / "locks").glob("*")):
            assert first.poll() is None, "the first run ended before it could be seen"
            time.sleep(0.05)
        assert "cannot be locked" in study.run("all", fails=True)
        assert first.poll() is None
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()


def in_namespace(study: Study, before: str, *arguments: str) -> str:
    """Run snakemake where shell commands `before` have mounted something over results/.

    The mount is visible only to this run; its results/ are copied to kept/.
    """
    namespace = ["unshare", "--map-root-user", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*namespace, "true"]).returncode:
        pytest.skip("this system lets no user mount anything, not even in a namespace of their own")
    script = f"{before}\n{shlex.join(study.command(*arguments))} || echo FAILED\ncp -a results kept"
    done = subprocess.run(
        [*namespace, "sh", "-ec", script],
        cwd=study.folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout
    assert "FAILED" in done.stdout
    return done.stdout


def test_a_full_disk_is_named_and_leaves_what_was_there(small, tmp_path):
    study = copied(small, tmp_path)
    study.config["eigenbasis"]["images"] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    study.config["samples"]["count"] = 3000
    full = """
        cp -a results before
        mount -t tmpfs -o size=$(( $(du -sk results | cut -f1) + 60 ))k tmpfs results
        cp -a before/. results"""
    output = in_namespace(study, full, "all")
    assert "No space left on device" in output
    assert "samples.zarr: cannot be written" in output
    before, kept = contents(tmp_path / "run" / "before"), contents(tmp_path / "run" / "kept")
    # Snakemake deletes an output before remaking it; nothing else may be lost or changed.
    remade = [name for name in before if name not in kept]
    again = ("samples.zarr", "eigenbasis.zarr", "harmonics.zarr")
    assert all(any(name in n for name in again) for n in remade), remade
    assert not [name for name in kept if ".partial" in name]
    # With space again the run continues.
    study.config["samples"]["count"] = 4
    study.run("all")


def test_a_read_only_folder_is_named_and_leaves_what_was_there(small, tmp_path):
    study = copied(small, tmp_path)
    study.config["samples"]["count"] = 5
    read_only = "mount --bind results results; mount -o remount,bind,ro results"
    output = in_namespace(study, read_only, "all")
    assert "Write-protected output files" in output
    assert "results/" in output.split("affected files:")[1]
    assert contents(tmp_path / "run" / "kept") == contents(small.folder / "results")


def _flip_a_bit(path):
    chunk = path / "images" / "c" / "0" / "0" / "0" / "0"
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)


def _age(path):
    zarr.open_group(path, mode="a").attrs["layout"] = 0
    zarr.consolidate_metadata(path)


@pytest.mark.parametrize(
    ("damage", "words"),
    [(_flip_a_bit, "images.zarr: images is damaged"), (_age, "images.zarr: has layout 0")],
)
def test_a_damaged_or_old_store_is_named_and_nothing_else_is_harmed(small, tmp_path, damage, words):
    study = copied(small, tmp_path)
    damage(study.folder / "results/calpha/images.zarr")
    before = contents(study.folder / "results")
    study.config["psnr"]["count"] = 9
    assert words in study.run("all", fails=True)
    after = contents(study.folder / "results")
    # Failed jobs: those that read it, and the split, whose input is another zarr.json.
    counted = ("psnr", "oracles", "shrinkage", "summary", "split")
    gone = [name for name in before.keys() - after.keys() if not any(c in name for c in counted)]
    assert not gone
    assert all(after[name] == before[name] for name in before.keys() & after.keys())
    # As the message says: after the store is deleted it is remade, the same as before.
    subprocess.run(["rm", "-r", study.folder / "results/calpha/images.zarr"], check=True)
    study.run("all")
    made = contents(study.folder / "results/calpha/images.zarr")
    assert made == contents(small.folder / "results/calpha/images.zarr")
