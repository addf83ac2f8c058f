"""Speed of the equivariant local machine, beside plain loops and bare matrix products.

    python benchmarks/theories.py                 # 500 images of 16 x 16, windows 3 to 11
    python benchmarks/theories.py --json theories.json

Plain is one noisy image and one pixel at a time, its distances to the patches of all training
images by torch. Bare products are those of all inner windows with all inner patches, in the same
tiles, and with 4096 patches at a time. Times are CPU seconds of one thread, in turns in the same
process, so that ratios hold on a busy machine.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "workflow"))

from gahb.datasets import open_source  # noqa: E402
from gahb.denoisers.references.equivariant import Equivariant  # noqa: E402
from gahb.denoisers.references.softmax import TILE  # noqa: E402

SIDE, IMAGES, NOISY, SIGMA = 16, 500, 8, 0.2


def plain(y: torch.Tensor, images: torch.Tensor, window: int) -> torch.Tensor:
    """f of each image."""
    half = window // 2
    shape = (-1, window**2, SIDE, SIDE)
    patches = F.unfold(images, window, padding=half).reshape(shape).permute(0, 2, 3, 1)
    found = torch.zeros_like(y)
    for i, one in enumerate(F.unfold(y, window, padding=half).reshape(shape)):
        for row in range(SIDE):
            for column in range(SIDE):
                at = tuple(
                    slice(half, SIDE - half) if half <= p < SIDE - half else slice(p, p + 1)
                    for p in (row, column)
                )
                squared = (patches[:, *at] - one[:, row, column]).square().sum(3)
                weights = (-squared.flatten() / (2 * SIGMA**2)).softmax(0)
                found[i, 0, row, column] = weights @ images[:, 0, *at].flatten()
    return found


def bare(queries: int, keys: int, k: int, rows: int, length: int):
    """A product of (queries, k) with (keys, k), so many at a time."""
    q, x = torch.randn(queries, k), torch.randn(keys, k)
    for a in q.split(rows):
        for b in x.split(length):
            a @ b.T


def seconds(function) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def measured(window: int) -> dict:
    source = open_source("calpha", alpha=2, side=SIDE, images=IMAGES + NOISY, seed=0)
    drawn = torch.from_numpy(source.read(0, IMAGES + NOISY)).float()
    images, clean = drawn[:IMAGES], drawn[IMAGES:]
    y = clean + SIGMA * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    f = Equivariant(images, torch.ones(1), torch.full((1,), window))
    inner = SIDE - window + 1
    torch.testing.assert_close(f(y[:1], SIGMA), plain(y[:1], images, window), atol=1e-4, rtol=0)
    many = y.repeat(4, 1, 1, 1)
    sizes = (len(many) * inner**2, IMAGES * inner**2, window**2)
    functions = {
        "plain": lambda: plain(y[:1], images, window),
        "ours": lambda: f(many, SIGMA),
        "tiles": lambda: bare(*sizes, *TILE["cpu"]),
        "product": lambda: bare(*sizes, sizes[0], 4096),
    }
    rounds = [{name: seconds(run) for name, run in functions.items()} for _ in range(3)]
    least = {name: min(r[name] for r in rounds) for name in functions}
    return {
        "window": window,
        "CPU s per noisy image, plain": least["plain"],
        "CPU s per noisy image, ours": least["ours"] / len(many),
        "times faster": least["plain"] * len(many) / least["ours"],
        "share of the bare product in tiles": least["tiles"] / least["ours"],
        "share of the bare product, 4096 patches at a time": least["product"] / least["ours"],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--windows", type=int, nargs="+", default=[3, 5, 7, 11])
    parser.add_argument("--json", type=Path, help="where the numbers are written")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results = [measured(window) for window in options.windows]
    for result in results:
        print(*(f"{what}: {value:.4g}" for what, value in result.items()), sep="\n", end="\n\n")
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
