"""The search of an audit against others: every sample against every training image.

    python benchmarks/audit.py                     # 10,000 samples, 50,000 training images; minutes
    python benchmarks/audit.py --samples 1000 --train 5000 --json audit.json

Random images of 32 x 32 x 3 bytes, in one run, with as many threads as there are cores:
`audit`: all computations of an audit once images are read (mirror images, the 1/3 rule, patches,
and 1,000 training images that stand in for held-out ones); `nearest`: its search alone, by cosine,
mirrored, and by distance, exact; `cdist`: torch.cdist by blocks, the two smallest distances;
`scikit-learn`: NearestNeighbors by brute force, if it is installed. The latter two ignore mirror
images. It prints seconds, CPU seconds, the fraction of the peak that one product of all samples and
all training images takes of this CPU time, and the peak memory of the process so far. The peak is
measured before and after, also per CPU second: on a shared machine only these are meaningful.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "workflow"))

from gahb.copies import audit  # noqa: E402
from gahb.similarity.pixels import closest_pairs  # noqa: E402

SIDE, CHANNELS, BLOCK = 32, 3, 2048


def images(count: int, seed: int) -> np.ndarray:
    """Smooth random images: noise at a quarter of the side, enlarged, and a little noise on it."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 200, (count, CHANNELS, SIDE // 4, SIDE // 4), np.uint8)
    fine = coarse.repeat(4, 2).repeat(4, 3)
    return fine + rng.integers(0, 50, fine.shape, np.uint8)


def timed(function) -> tuple[float, float]:
    """Seconds, and CPU seconds of all threads."""
    start, cpu = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - start, time.process_time() - cpu


def peak(side: int = 4096) -> float:
    """Operations per CPU second of a matrix product in float32; the best of three."""
    a = torch.rand(side, side)
    return 2 * side**3 / min(timed(lambda: a @ a)[1] for _ in range(3))


def by_cdist(samples: np.ndarray, train: np.ndarray) -> torch.Tensor:
    """The two smallest distances: (sample, 2)."""
    x = torch.as_tensor(samples).flatten(1).float() / 255
    found = torch.full((len(x), 2), torch.inf)
    for start in range(0, len(train), BLOCK):
        y = torch.as_tensor(train[start : start + BLOCK]).flatten(1).float() / 255
        found = torch.cat([found, torch.cdist(x, y)], 1).topk(2, 1, largest=False).values
    return found


def by_scikit_learn(samples: np.ndarray, train: np.ndarray):
    """The same."""
    from sklearn.neighbors import NearestNeighbors

    x, y = (a.reshape(len(a), -1).astype(np.float32) / 255 for a in (samples, train))
    return NearestNeighbors(n_neighbors=2, algorithm="brute").fit(y).kneighbors(x)[0]


def main(samples: int, train: int, path: str | None) -> None:
    x, y = images(samples, 0), images(train, 1)
    rates, times, held = [peak()], {}, {}
    ways = {
        "nearest": lambda: closest_pairs(x, y, 3, mirrored=True),
        "audit": lambda: audit(y, x),
        "cdist": lambda: by_cdist(x, y),
        "scikit-learn": lambda: by_scikit_learn(x, y),
    }
    for name, way in ways.items():
        try:
            times[name] = timed(way)
        except ImportError:
            continue
        held[name] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    rates.append(peak())
    product = 2 * x[0].size * samples * train
    found = {
        name: {
            "seconds": seconds, "of CPU": cpu, "part of the peak": product / cpu / max(rates),
            "most GiB so far": held[name],
        }
        for name, (seconds, cpu) in times.items()
    }  # fmt: skip
    print(
        f"{torch.get_num_threads()} threads, {max(rates) / 1e9:.0f} GFLOP/s each; {samples:,} "
        f"samples against {train:,} training images of {SIDE} x {SIDE} x {CHANNELS}"
    )
    for name, row in found.items():
        print(f"{name:13}", ", ".join(f"{key} {value:.2f}" for key, value in row.items()))
    if path:
        Path(path).write_text(json.dumps({"peak": rates, **found}, indent=1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--train", type=int, default=50_000)
    parser.add_argument("--json")
    given = parser.parse_args()
    main(given.samples, given.train, given.json)
