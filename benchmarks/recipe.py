"""Time until a network is as good as the linear filter of its training images.

    python benchmarks/recipe.py                 # one thread; ten minutes or so
    python benchmarks/recipe.py --most 600      # seconds of each recipe at most

Each recipe trains the default study's UNet on 5,000 C^2 images of 16x16 pixels, in bfloat16 if the
CPU supports it, and is evaluated on the way: the gain is its output PSNR on 200 test images minus
that of the Wiener filter of the same training images, averaged over inputs of 10 to 30 dB. The time
is for training alone, in CPU seconds.
"""

import argparse
import sys
import time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "workflow"))

from gahb import denoisers  # noqa: E402
from gahb.datasets import open_source  # noqa: E402
from gahb.decibels import sigma_from_psnr  # noqa: E402
from gahb.denoisers import NetworkDenoiser  # noqa: E402
from gahb.denoisers.references import wiener  # noqa: E402
from gahb.psnr import psnr_curve  # noqa: E402
from gahb.training.loop import train  # noqa: E402
from gahb.training.recipe import Recipe  # noqa: E402
from gahb.training.state import Training  # noqa: E402

INPUT_PSNR = [10, 15, 20, 25, 30]
#: The cosine schedule of the first ends near the point where it reaches the filter; the others are
#: constant.
RECIPES = {
    "the default study's": {
        "steps": 300, "batch": 32, "learning_rate": 0.05,
        "loss": "weighted", "noise": "mixed", "optimizer": "muon",
    },
    "the paper's loss, Adam, small batches": {
        "steps": 10**6, "batch": 32, "learning_rate": 0.002, "schedule": "halving"
    },
    "the paper's": {
        "steps": 10**6, "batch": 512, "learning_rate": 0.001, "schedule": "halving"
    },
}  # fmt: skip


def gain(denoiser, test, reference) -> float:
    curve = psnr_curve(denoiser, test, sigma_from_psnr(INPUT_PSNR), seed=0).mean(1)
    return float((curve - reference).mean())


def seconds_to_reach(recipe: dict, images, test, reference, most: float) -> tuple[float, float]:
    """Seconds until the gain is 0, interpolated, and the last gain; infinite if it never is."""
    network = denoisers.initialized(
        "unet", 0, image_channels=1, channels=24, blocks=2, gain=0.1
    ).train()
    training = Training(network, images, Recipe(**recipe), seed=0)
    spent, before, look_at = 0.0, (0.0, -20.0), 2.0
    start = time.process_time()
    for step in train(training):
        now = spent + time.process_time() - start
        if now < look_at and step < recipe["steps"]:
            continue
        found = gain(NetworkDenoiser(training.averaged), test, reference)
        print(f"    {now:6.1f} s, {step * recipe['batch']:7} images: {found:+.2f} dB", flush=True)
        if found >= 0:
            return before[0] + (now - before[0]) * -before[1] / (found - before[1]), found
        if now > most:
            break
        before, spent, look_at = (now, found), now, now * 1.15
        start = time.process_time()  # evaluation does not count
    return float("inf"), found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--most", type=float, default=400)
    most = parser.parse_args().most
    torch.set_num_threads(1)
    source = open_source("calpha", alpha=2, side=16, images=5200, seed=0)
    every = torch.from_numpy(source.read(0, 5200))
    images, test = every[:5000], every[5000:]
    fitted = wiener.build(wiener.fit(images), images)
    reference = psnr_curve(fitted, test, sigma_from_psnr(INPUT_PSNR), seed=0).mean(1)
    times = {}
    for name, recipe in RECIPES.items():
        print(f"  {name}")
        times[name], last = seconds_to_reach(recipe, images, test, reference, most)
        if times[name] == float("inf"):
            print(f"    not reached in {most:g} s: {last:+.2f} dB")
    first, *others = times.values()
    for name, seconds in zip(list(times)[1:], others, strict=True):
        ratio = (
            f"{seconds / first:.0f}" if seconds < float("inf") else f"more than {most / first:.0f}"
        )
        print(f"{name}: {ratio} times as long as the default study's {first:.1f} s")


if __name__ == "__main__":
    main()
