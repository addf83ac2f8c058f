"""Speed and memory of the data stage.

    python benchmarks/data.py                    # some thousand images, a minute or two
    python benchmarks/data.py --images 100000    # the paper's size

Two tables. The speed of C^alpha images is a ratio to a plain loop over images in the same run. The
rules are run through snakemake, each in its own process, from files that are made here first; the
time includes snakemake's start, and the memory is that of the largest process.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import scipy.signal
import yaml
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "workflow"))

from gahb.datasets import open_source  # noqa: E402

SIDE = 80
JPEGS = 500


def plain_calpha(generator, alpha: float) -> np.ndarray:
    """One C^alpha image, in a straightforward implementation."""

    def smooth(field):
        k = np.meshgrid(*[np.fft.fftfreq(SIDE, 1 / SIDE)] * field.ndim, indexing="ij")
        k = np.sqrt(sum(a**2 for a in k))
        k[k == 0] = 1
        return np.fft.ifftn(np.fft.fftn(field) * k**-alpha).real

    def scaled(field, low, high):
        return low + (high - low) * (field - field.min()) / (field.max() - field.min())

    contour = np.rint(SIDE * smooth(generator.uniform(-1, 1, SIDE))) + SIDE // 2
    bright = scaled(smooth(generator.uniform(-1, 1, (SIDE, SIDE))), generator.random(), 1)
    dark = scaled(smooth(generator.uniform(-1, 1, (SIDE, SIDE))), 0, generator.random())
    mask = (np.arange(SIDE)[:, None] >= contour).astype(float)
    mask = scipy.signal.convolve2d(mask, np.full((2, 2), 1 / 4), mode="same", boundary="symm")
    if generator.random() < 0.5:
        mask = 1 - mask
    return mask * bright + (1 - mask) * dark


def calpha_speed(images: int, threads: int) -> dict:
    """Images per second of the loop and of the source; the better of three each, in turns."""
    source = open_source("calpha", alpha=2, side=SIDE, images=images, seed=0)
    generator = np.random.default_rng(0)
    best = {"loop": 0.0, "source": 0.0}
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(images // 20):
            plain_calpha(generator, 2)
        best["loop"] = max(best["loop"], images // 20 / (time.perf_counter() - start))
        start = time.perf_counter()
        for _ in source.blocks(128, threads):
            pass
        best["source"] = max(best["source"], images / (time.perf_counter() - start))
    return {**best, "ratio": best["source"] / best["loop"], "threads": threads}


def make_jpegs(folder: Path, images: int) -> None:
    """`images` files of CelebA's size; every 500th is the same."""
    folder.mkdir()
    source = open_source("calpha", alpha=1, side=218, images=3 * JPEGS, seed=0)
    for i in range(JPEGS):
        color = np.rint(255 * source.read(3 * i, 3 * i + 3)[:, 0, :, :178]).astype(np.uint8)
        Image.fromarray(color.transpose(1, 2, 0)).save(folder / f"{i:06}.jpg", quality=90)
    for i in range(JPEGS, images):
        os.link(folder / f"{i % JPEGS:06}.jpg", folder / f"{i:06}.jpg")


def make_array(path: Path, images: int) -> None:
    source = open_source("calpha", alpha=1, side=SIDE, images=images, seed=0)
    array = np.lib.format.open_memmap(path, "w+", np.uint8, (images, SIDE, SIDE))
    for i, block in enumerate(source.blocks(128, 2)):
        array[128 * i : 128 * i + len(block)] = np.rint(255 * block[:, 0])


def measured(target: str, folder: Path, images: int, cores: int) -> dict:
    """Seconds and peak memory for making `target` with snakemake."""
    command = [
        sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--quiet", "progress",
        "--directory", folder, "--configfile", folder / "study.yaml", "--cores", cores, target,
    ]  # fmt: skip
    start = time.perf_counter()
    process = subprocess.Popen([str(c) for c in command], cwd=folder)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        sys.exit(f"{target} was not made")
    return {
        "images": images,
        "seconds": seconds,
        "images_per_second": images / seconds,
        "peak_megabytes": usage.ru_maxrss / 1024,
    }


def rules(images: int, cores: int) -> dict:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_jpegs(folder / "jpegs", max(images, JPEGS))
        make_array(folder / "array.npy", images)
        figures = {"datasets": ["jpegs", "calpha", "array"], "denoisers": ["unet"], "sizes": [10]}
        config = {
            "denoisers": {"unet": {"architecture": "unet", "training": "none"}},
            "training": {"none": {"steps": 1}},
            "datasets": {
                "jpegs": {"source": "celeba", "path": "jpegs", "side": SIDE},
                "calpha": {"source": "calpha", "alpha": 2, "side": SIDE, "images": images},
                "array": {"source": "arrays", "path": "array.npy"},
            },
            "studies": {"benchmark": {**figures, "figures": ["psnr_curves"]}},
        }
        (folder / "study.yaml").write_text(yaml.safe_dump(config))
        return {
            what: measured(f"results/{target}.zarr", folder, images, cores)
            for what, target in {
                "prepare_images, JPEG files": "jpegs/images",
                "prepare_images, C^alpha": "calpha/images",
                "prepare_images, array": "array/images",
                "near_duplicates": "array/duplicates",
                "split": "array/split",
            }.items()
        }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--json", type=Path, help="where the numbers go")
    arguments = parser.parse_args()
    found = {
        "calpha": calpha_speed(min(arguments.images, 4000), arguments.cores),
        "rules": rules(arguments.images, arguments.cores),
    }
    print(f"\nC^alpha images per second at {SIDE} x {SIDE}, {arguments.cores} threads")
    speed = found["calpha"]
    print(f"  plain loop {speed['loop']:8.0f}")
    print(f"  source     {speed['source']:8.0f}   x {speed['ratio']:.1f}")
    print(f"\n{'rule':28}{'images':>10}{'seconds':>10}{'images/s':>10}{'peak MB':>10}")
    for name, row in found["rules"].items():
        print(
            f"{name:28}{row['images']:10}{row['seconds']:10.1f}{row['images_per_second']:10.0f}"
            f"{row['peak_megabytes']:10.0f}"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")
