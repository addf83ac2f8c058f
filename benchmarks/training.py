"""Speed, memory and accuracy of training, against a plain loop in the same run.

    python benchmarks/training.py                       # on the GPU if there is one; minutes
    python benchmarks/training.py --threads 2 --json training.json
    python benchmarks/training.py --compiled            # with torch.compile, too

The plain loop is the usual research script: float32, contiguous tensors, a DataLoader that adds
noise on the host, Adam one tensor at a time, batch normalization by autograd. Steps of both
alternate, and the fastest of each counts, so that a busy machine does not favor one.

The share of the peak is the network's FLOP (torch's own counter) over the FLOP of a bfloat16 matrix
product in the same time.
"""

import argparse
import json
import multiprocessing
import sys
import time
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "workflow"))

from gahb import denoisers  # noqa: E402
from gahb.datasets import open_source  # noqa: E402
from gahb.decibels import sigma_from_psnr  # noqa: E402
from gahb.denoisers import NetworkDenoiser  # noqa: E402
from gahb.denoisers.networks.batchnorm import EPS, BFBatchNorm2d  # noqa: E402
from gahb.psnr import psnr_curve  # noqa: E402
from gahb.training.device import training_flop, use_gpu_kernels  # noqa: E402
from gahb.training.recipe import Recipe  # noqa: E402
from gahb.training.state import Training  # noqa: E402

#: name: (architecture, its options, side, batch on a CPU, batch on a GPU)
CASES = {
    "default 16x16": ("unet", {"channels": 24, "blocks": 2, "gain": 0.1}, 16, 32, 32),
    "default 24x24": ("unet", {"channels": 24, "blocks": 2, "gain": 0.1}, 24, 32, 32),
    "paper's UNet 40x40": ("unet", {}, 40, 32, 512),
    "paper's UNet 80x80": ("unet", {}, 80, 16, 512),
    "paper's BF-CNN 40x40": ("bfcnn", {}, 40, 16, 512),
    "paper's BF-CNN 80x80": ("bfcnn", {}, 80, 8, 512),
}
INPUT_PSNR = [5, 10, 15, 20, 25, 30]


class PlainNorm(BFBatchNorm2d):
    """The same layer, in a straightforward implementation."""

    def forward(self, x):
        if not self.training:
            return x * self.gammas / self.running_sd
        sd = (x.var((0, 2, 3), correction=0, keepdim=True) + EPS).sqrt()
        self.running_sd.copy_(0.9 * self.running_sd + 0.1 * sd.detach())
        return x / sd * self.gammas


class Plain:
    """The plain loop. Each `advance` is one gradient step."""

    def __init__(self, network, images, recipe, device):
        for module in network.modules():
            if isinstance(module, BFBatchNorm2d):
                module.__class__ = PlainNorm
        self.network, self.recipe, self.device = network.to(device), recipe, device
        self.loader = torch.utils.data.DataLoader(
            images.float() / 255, recipe.batch, shuffle=True, drop_last=True
        )
        self.optimizer = torch.optim.Adam(network.parameters(), foreach=False, fused=False)
        self.step, self.batches = 0, iter(())

    def advance(self):
        x = next(self.batches, None)
        if x is None:
            self.batches = iter(self.loader)
            x = next(self.batches)
        noise = torch.rand(len(x), 1, 1, 1).square() * torch.randn_like(x)
        y, noise = (x + noise).to(self.device), noise.to(self.device)
        loss = (self.network(y) - noise).square().sum() / len(x)
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate_at(self.step)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.loss = loss.item()
        self.step += 1


def calpha(count: int, side: int) -> torch.Tensor:
    source = open_source("calpha", alpha=2, side=side, images=count, seed=0)
    return torch.from_numpy(np.rint(255 * source.read(0, count)).astype(np.uint8))


def make(kind: str, case, images, recipe, device):
    """A training of `kind` ("plain", "fast" or "compiled") of a new network."""
    architecture, options, *_ = case
    network = denoisers.initialized(architecture, 0, image_channels=1, **options).train()
    if kind == "plain":
        return Plain(network, images, recipe, device)
    return Training(network, images.to(device), recipe, 0, compiled=kind == "compiled")


def seconds(function, device) -> float:
    start = time.perf_counter()
    function()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def speed(case, kinds, device, rounds: int) -> dict:
    """Images per second of each kind, and the FLOP/s of a matrix product, alternately."""
    *_, side, on_cpu, on_gpu = case
    batch = on_cpu if device.type == "cpu" else on_gpu
    images = calpha(2 * batch, side)
    recipe = Recipe(steps=10**6, batch=batch, learning_rate=1e-3)
    trainings = {kind: make(kind, case, images, recipe, device) for kind in kinds}
    n = 2048 if device.type == "cpu" else 8192
    a = torch.randn(n, n, dtype=torch.bfloat16, device=device)
    best = dict.fromkeys([*kinds, "product"], float("inf"))
    for training in trainings.values():
        for _ in range(3):
            seconds(training.advance, device)
    for _ in range(rounds):
        for kind, training in trainings.items():
            best[kind] = min(best[kind], *(seconds(training.advance, device) for _ in range(3)))
        best["product"] = min(best["product"], *(seconds(lambda: a @ a, device) for _ in range(3)))
    flop = training_flop(trainings["fast"].network, (1, side, side))
    peak = 2 * n**3 / best["product"]
    found = {"batch": batch, "peak_gflops": peak / 1e9, "gflop_per_image": flop / 1e9}
    for kind in kinds:
        rate = batch / best[kind]
        found[kind] = {
            "images_per_second": rate,
            "ratio": best["plain"] / best[kind],
            "share_of_peak": rate * flop / peak,
        }
    return found


def _most_kilobytes() -> int:
    """Peak memory of this process so far (Linux). getrusage includes the parent's memory."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def _memory(case, kind, threads, answer) -> None:
    torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    *_, side, on_cpu, on_gpu = case
    batch = on_cpu if device.type == "cpu" else on_gpu
    images = calpha(2 * batch, side)
    before = _most_kilobytes()
    training = make(kind, case, images, Recipe(steps=10, batch=batch, learning_rate=1e-3), device)
    for _ in range(2):
        training.advance()
    if device.type == "cuda":
        answer.put(torch.cuda.max_memory_allocated() / 2**20)
    else:
        answer.put((_most_kilobytes() - before) / 1024)


def memory(case, kind: str, threads: int) -> float:
    """Peak memory of training in MB: on the GPU, or the growth of a separate process."""
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=_memory, args=(case, kind, threads, answer))
    process.start()
    found = answer.get()
    process.join()
    return found


def quality(kinds, device, steps: int) -> dict:
    """Test PSNR in dB at each noise level, after the same number of images; default 16x16.

    All but the plain loop see the same images and noises. Different ones change the PSNR more than
    the precision does, so compare these with "fp32".
    """
    case = CASES["default 16x16"]
    images = calpha(1200, 16)
    test = images[1000:].to(device)
    sigmas = sigma_from_psnr(INPUT_PSNR)
    found = {}
    for kind in kinds:
        precision = "fp32" if kind in ("plain", "fp32") else "bf16"
        recipe = Recipe(steps=steps, batch=32, learning_rate=2e-3, precision=precision)
        kind_of_loop = kind if kind in ("plain", "compiled") else "fast"
        torch.manual_seed(0)
        training = make(kind_of_loop, case, images[:1000], recipe, device)
        for _ in range(steps):
            training.advance()
        curve = psnr_curve(NetworkDenoiser(training.network), test, sigmas, seed=0).mean(1)
        found[kind] = curve.round(3).tolist()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--cases", nargs="*", choices=CASES, default=list(CASES))
    parser.add_argument("--rounds", type=int, default=4, help="turns of three steps each")
    parser.add_argument("--steps", type=int, default=1500, help="of the comparison of quality")
    parser.add_argument("--compiled", action="store_true", help="measure torch.compile too")
    parser.add_argument("--json", help="file for the results")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cuda":
        use_gpu_kernels(deterministic=False)
    kinds = ["plain", "fast"] + ["compiled"] * options.compiled
    results = {"device": str(device), "threads": options.threads, "speed": {}}
    print(f"{'case':22}{'kind':>10}{'images/s':>10}{'ratio':>7}{'of peak':>9}{'MB':>8}", flush=True)
    for name in options.cases:
        found = speed(CASES[name], kinds, device, options.rounds)
        for kind in kinds:
            row = found[kind]
            row["megabytes"] = memory(CASES[name], kind, options.threads)
            print(
                f"{name:22}{kind:>10}{row['images_per_second']:10.1f}{row['ratio']:7.2f}"
                f"{row['share_of_peak']:9.1%}{row['megabytes']:8.0f}",
                flush=True,
            )
        results["speed"][name] = found
    if options.steps:
        kinds = ["plain", "fp32", "bf16"] + ["compiled"] * options.compiled
        results["quality"] = quality(kinds, device, options.steps)
        print(f"\nTest PSNR in dB after {options.steps} steps, at input PSNRs {INPUT_PSNR}")
        for kind, curve in results["quality"].items():
            print(f"{kind:>10}", *(f"{value:7.2f}" for value in curve))
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
