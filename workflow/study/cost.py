"""What a job costs, in seconds and megabytes, from what it is to do: before it has run.

Seconds are operations and bytes over the speeds below, those of one GPU for the rules that ask for
one. They decide how much time and memory a job asks a cluster for, and make nothing stale.

`python -m study.cost` asks snakemake for a dry run with the arguments given, adds up what its jobs
are expected to cost, and compares it with the benchmark files of those that have run.
"""

import csv
import math
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from study.config import channels, known_side, root
from study.stale import planned

#: Operations per second of a network on one GPU. Assumed: a fifth of an A100's peak in TF32.
FLOPS = 3e13
#: The same for eigenvalues in double precision. Assumed: a twentieth of an A100's peak.
DOUBLE_FLOPS = 5e11
#: Seconds that a step of a small network takes at least: its kernels are launched. Assumed.
STEP = 5e-3
#: Seconds to prepare one image and operations per second among near-duplicates, each on two cores.
#: Measured: 282 s for 100,000 JPEG files, 136 s for their 4e12 operations (docs/data.md).
IMAGE, DUPLICATES_FLOPS = 3e-3, 3e10
#: Bytes per second that a store is read with. Assumed, of a file system that others use as well.
READING = 1e8
#: Seconds until Python, its libraries and the GPU are ready on a busy file system. Assumed.
START = 60
#: Megabytes of a job that holds nothing yet: measured, 700 on a CPU; assumed, on a GPU.
CPU_BASE, GPU_BASE = 1500, 4000
#: Of images whose number or side only the files tell.
IMAGES, SIDE = 200_000, 80
#: Most minutes that a job asks for: many clusters give no more. A training goes on in another job.
MOST_MINUTES = 24 * 60


def forward_flop(network: dict, side: int, image_channels: int = 1) -> float:
    """Operations of a network's convolutions on one image of side x side pixels.

    Args:
        network: entry of the config; one that is not trained here counts as the paper's UNet.
    """
    c = network.get("channels", 64)
    ends = 9 * 2 * image_channels * c
    if network.get("architecture") == "bfcnn":
        inner = 9 * (network.get("layers", 21) - 2) * c * c
    else:
        # Twice the channels on a fourth of the pixels: every scale costs as much, 1/2 + 1 going
        # down and 2 + 1 coming up, and upsampling. The middle makes up for what the first lacks.
        inner = network.get("blocks", 3) * (9 * 4.5 + 2) * c * c
    return 2 * (ends + inner) * side**2


class Cost:
    """Seconds and megabytes (of the host) of each stage's jobs, as functions of their wildcards."""

    def __init__(self, plan):
        self._plan, self._config = plan, plan.config

    def resources(self, stage: str) -> dict[str, Callable]:
        """What a rule asks for: twice the time that is expected; more at each new attempt."""
        estimate = getattr(self, stage)

        def runtime(wildcards, attempt):
            minutes = 2 ** (attempt - 1) * (10 + 2 * estimate(wildcards)[0] / 60)
            return math.ceil(min(minutes, MOST_MINUTES))

        return {
            "expected_seconds": lambda wildcards: math.ceil(estimate(wildcards)[0]),
            "runtime": runtime,
            "mem_mb": lambda wildcards, attempt: math.ceil(attempt * estimate(wildcards)[1]),
        }

    def images(self, wc):
        return START + IMAGE * self._of(wc).count, CPU_BASE

    def duplicates(self, wc):
        count = self._of(wc).count
        # Half of all pairs, each pooled to 20 x 20 pixels.
        return START + 400 * count**2 / DUPLICATES_FLOPS, CPU_BASE

    def train(self, wc):
        recipe = self._plan.train.values(wc)["recipe"]
        step = max(STEP, 3 * recipe["batch"] * self._flop(wc) / FLOPS)
        held = int(wc["N"]) * self._of(wc).bytes
        return START + held / READING + recipe["steps"] * step, GPU_BASE + 2 * held / 1e6

    def psnr(self, wc):
        images, levels = self._config["psnr"]["images"], len(self._config["psnr"]["input_psnr"])
        batches = 2 * levels * math.ceil(images / 256)
        work = 2 * levels * images * self._flop(wc) / FLOPS
        held = 2 * images * self._of(wc).bytes
        return START + max(STEP * batches, work), GPU_BASE + 2 * held / 1e6

    def samples(self, wc):
        entry = self._config["sampling"]
        # The steps of an ideal denoiser; one of few images takes up to ten times as many.
        steps, sigma = 0, entry["sd"]
        while sigma > entry["sigma_min"] and steps < entry["max_steps"]:
            steps += 1
            h = entry["h0"] * steps / (1 + entry["h0"] * (steps - 1))
            sigma *= 1 - entry["beta"] * h
        steps = min(10 * steps, entry["max_steps"])
        return START + steps * max(STEP, entry["samples"] * self._flop(wc) / FLOPS), GPU_BASE

    def similarity(self, wc):
        images, N = self._of(wc), int(wc["N"])
        samples = self._config["sampling"]["samples"]
        # Each sample with each image, whole and patch by patch.
        work = 2 * N * images.pixels * (N + 4 * samples)
        return START + 6 * N * images.bytes / READING + work / FLOPS, 2 * GPU_BASE

    def eigenbasis(self, wc):
        entry, d = self._config["eigenbasis"], self._of(wc).pixels
        product = 2 * self._flop(wc) / (FLOPS if entry["precision"] == "float32" else DOUBLE_FLOPS)
        keep = entry["keep"] or d
        if entry["keep"]:
            each, matrices = 8 * keep * product + 20 * d * keep**2 / FLOPS, 4
        else:
            decompositions = 3 if entry["svd"] else 1
            each, matrices = d * product + 25 * decompositions * d**3 / DOUBLE_FLOPS, 8
        noisy = len(entry["images"]) * len(entry["sigma"])
        return START + noisy * each, GPU_BASE + 8 * d * keep * (matrices + noisy) / 1e6

    def _of(self, wc) -> "Images":
        """The images of the data set, from the config alone."""
        entry = root(self._config, wc["dataset"])[1]
        side = known_side(entry) or SIDE
        pixels = side**2 * channels(entry)
        return Images(entry.get("images") or IMAGES, side, pixels, 4 * pixels)

    def _flop(self, wc) -> float:
        return forward_flop(self._config["networks"][wc["network"]], self._of(wc).side)


class Images(NamedTuple):
    """Number of images, their side in pixels, pixels times channels, and bytes of one."""

    count: int
    side: int
    pixels: int
    bytes: int


def jobs(dry_run: str) -> list[dict]:
    """Rule, GPUs, expected hours and benchmark file of each job of `snakemake --dry-run`.

    Jobs that are not expected to cost anything (figures, for instance) have 0 hours.
    """
    found = []
    for rule, said in planned(dry_run):
        asked = dict(re.findall(r"(\w+)=([^,]+)", said.get("resources", "")))
        found.append(
            {
                "rule": rule,
                "gpus": int(asked.get("gpu", 0)),
                "expected": int(asked.get("expected_seconds", 0)) / 3600,
                "benchmark": Path(said["benchmark"]) if "benchmark" in said else None,
            }
        )
    return found


def measured(job: dict) -> tuple[float, float] | None:
    """Hours and megabytes that the job took, None if it has no benchmark file."""
    if job["benchmark"] is None or not job["benchmark"].is_file():
        return None
    with open(job["benchmark"]) as file:
        row = next(csv.DictReader(file, delimiter="\t"), None)
    if row is None:  # the job was killed while it was written
        return None
    return float(row["s"]) / 3600, float(row["max_rss"]) if row["max_rss"] != "NA" else 0


def table(found: list[dict]) -> str:
    """What the jobs are expected to cost and what those that have run did cost, rule by rule."""
    lines = [
        f"{'rule':18}{'jobs':>6}{'GPUs':>6}{'hours expected':>16}{'longest':>9}"
        f"{'jobs run':>10}{'hours measured':>16}{'most MB':>9}"
    ]
    for rule in dict.fromkeys(job["rule"] for job in found if job["expected"]):
        rows = [job for job in found if job["rule"] == rule]
        ran = [m for m in map(measured, rows) if m]
        lines.append(
            f"{rule:18}{len(rows):6}{rows[0]['gpus']:6}{sum(j['expected'] for j in rows):16.1f}"
            f"{max(j['expected'] for j in rows):9.1f}{len(ran):10}{sum(h for h, _ in ran):16.1f}"
            f"{max((m for _, m in ran), default=0):9.0f}"
        )
    on_gpu = [job for job in found if job["gpus"]]
    ran = [(m[0] * job["gpus"], job) for job in on_gpu if (m := measured(job))]
    lines.append(
        f"\n{len(found)} jobs, {len(on_gpu)} of them with a GPU: "
        f"{sum(j['expected'] * j['gpus'] for j in on_gpu):,.1f} GPU hours expected"
    )
    if ran:
        took, expected = sum(h for h, _ in ran), sum(j["expected"] * j["gpus"] for _, j in ran)
        lines.append(
            f"{len(ran)} of these have run: {took:,.1f} GPU hours, {took / expected:.2f} times what"
            " was expected of them"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--forceall", *sys.argv[1:]]
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(done.stdout)
    print(table(jobs(done.stdout)))
