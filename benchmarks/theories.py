"""Speed of each reference, compared with plain torch that computes the same.

    python benchmarks/theories.py                 # 1,000 images of 16 x 16, gray and colour
    python benchmarks/theories.py --check         # fewer; exit status 1 if one is slower than plain
    python benchmarks/theories.py --large         # 10,000 of 80 x 80, window 7, from a part of them
    python benchmarks/theories.py --json theories.json

Plain is a few lines for one noisy image and all training images at once, written directly from the
paper: squared differences, summed by a convolution, a product with the masks or an unfolding, a
softmax over images, a weighted sum; masks are given. Both results are compared first. Times are CPU
seconds of one thread per noisy image, ours in a batch of 64, the minimum of three turns in the same
process, so that ratios hold on a busy machine.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "workflow"))

from gahb import denoisers  # noqa: E402
from gahb.datasets import open_source  # noqa: E402

SIDE, SIGMA, THRESHOLD, SHARE = 16, 0.2, 0.05, 0.8


def weighted(squares: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Means of values (image, ...) under the softmax over images of -squares / 2 sigma^2."""
    return ((-squares / (2 * SIGMA**2)).softmax(0) * values).sum(0)


def memorizer(y, x, given):
    return weighted((y - x).square().sum((1, 2, 3), keepdim=True), x)


def local(y, x, given):
    squares = (y - x).square().sum(1, keepdim=True)
    return weighted(F.conv2d(squares, torch.ones(1, 1, given, given), padding=given // 2), x)


def patches(y, x, given):
    of_y, of_x = F.unfold(y[None], given), F.unfold(x, given)
    means = weighted((of_y - of_x).square().sum(1, keepdim=True), of_x)[None]
    counts = F.fold(torch.ones_like(means), y.shape[1:], given)
    return (F.fold(means, y.shape[1:], given) / counts)[0]


def pca_locality(y, x, given):
    x = x.flatten(1)
    return weighted((y.flatten() - x).square() @ given.T, x).reshape(y.shape)


def flexible(y, x, given):
    squares = (y - x).square().sum(1).flatten(1) @ given.T
    weights = (-squares / (2 * SIGMA**2)).softmax(0)
    means = torch.einsum("ip,icn->cpn", weights, x.flatten(2))
    return ((means * given).sum(1) / given.sum(0)).reshape(y.shape)


def equivariant(y, x, given):
    """One pixel at a time, its distances to the patches of all training images."""
    window, side = given, y.shape[-1]
    half = window // 2
    shape = (-1, y.shape[0] * window**2, side, side)
    patches = F.unfold(x, window, padding=half).reshape(shape).permute(0, 2, 3, 1)
    own, found = F.unfold(y[None], window, padding=half).reshape(shape)[0], torch.zeros_like(y)
    for row in range(side):
        for column in range(side):
            at = tuple(
                slice(half, side - half) if half <= p < side - half else slice(p, p + 1)
                for p in (row, column)
            )
            squares = (patches[:, *at] - own[:, row, column]).square().sum(3).flatten()
            values = x.permute(0, 2, 3, 1)[:, *at].reshape(len(squares), -1)
            found[:, row, column] = weighted(squares[:, None], values)
    return found


def cases(windows) -> list[tuple]:
    """Name, plain function and options of each reference that is timed."""
    found = [
        ("memorizer", memorizer, {}),
        ("pca_locality", pca_locality, {"threshold": THRESHOLD}),
        ("flexible", flexible, {"share": {SIGMA: SHARE}}),
    ]
    for window in windows:
        for name, plain in (("local", local), ("patches", patches), ("equivariant", equivariant)):
            found.append((name, plain, {"window": window}))
    return found


def images_of(channels: int, count: int, side: int) -> torch.Tensor:
    """Images with a C^2 image in each channel."""
    source = open_source("calpha", alpha=2, side=side, images=channels * count, seed=0)
    drawn = torch.from_numpy(source.read(0, channels * count)).float()
    return drawn.reshape(count, channels, side, side)


def near(channels: int, side: int) -> torch.Tensor:
    """Sensitivity of a network that looks at near pixels: (1, d, d)."""
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    y, x = (p.flatten().float() for p in (y, x))
    weights = (-torch.hypot(y[:, None] - y, x[:, None] - x) / 1.5).exp()
    return weights.repeat(channels, channels)[None]


def seconds(function) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def measured(name, plain, options, clean, count: int, noisy: int, turns: int) -> dict:
    """The numbers of one reference, for one noisy image of `noisy`."""
    x = clean[:count]
    if name == "flexible":
        options = options | {"sensitivity": near(x.shape[1], x.shape[2])}
    noise = torch.randn(noisy, *x.shape[1:], generator=torch.Generator().manual_seed(0))
    y = clean[count : count + noisy] + SIGMA * noise
    f = denoisers.built(name, denoisers.fit(name, x, **options), x)
    given = options.get("window")
    if "masks" in dir(f):  # once for all images
        given = f.masks(*{"flexible": (0, SHARE)}.get(name, (SIGMA, THRESHOLD))).float()
    torch.testing.assert_close(f(y[:1], SIGMA)[0], plain(y[0], x, given), atol=2e-3, rtol=0)
    rounds = [
        (seconds(lambda: plain(y[0], x, given)), seconds(lambda: f(y, SIGMA))) for _ in range(turns)
    ]
    of_plain, ours = (min(part) for part in zip(*rounds, strict=True))
    return {
        "reference": name,
        "channels": x.shape[1],
        "window": options.get("window"),
        "plain, CPU ms": 1000 * of_plain,
        "ours, CPU ms": 1000 * ours / noisy,
        "times faster": of_plain * noisy / ours,
    }


def large(images: int = 10_000, part: int = 1000, side: int = 80, noisy: int = 2) -> list[dict]:
    """CPU seconds for one noisy image of 80 x 80, extrapolated from a part of the images."""
    clean = images_of(1, part + noisy, side)
    f = denoisers.built("local", denoisers.fit("local", clean[:part], window=7), clean[:part])
    taken = seconds(lambda: f(clean[part:], SIGMA)) / noisy * images / part
    return [
        {"reference": "local", "window": 7, "images": images, "side": side, "ours, CPU s": taken}
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--windows", type=int, nargs="+", default=[3, 7, 11])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--noisy", type=int, default=64)
    parser.add_argument("--check", action="store_true", help="fail where one is slower than plain")
    parser.add_argument("--large", action="store_true", help="time 10,000 images of 80 x 80")
    parser.add_argument("--json", type=Path, help="where the numbers are written")
    options = parser.parse_args()
    if options.check:
        options.windows, options.images, options.noisy = [3, 7], 300, 32
    torch.set_num_threads(1)
    results = large() if options.large else []
    for channels in () if options.large else (1, 3):
        clean = images_of(channels, options.images + options.noisy, SIDE)
        for case in cases(options.windows):
            results.append(measured(*case, clean, options.images, options.noisy, 3))
            print(results[-1], flush=True)
    if options.large:
        print(*results)
    ratios = [result["times faster"] for result in results if "times faster" in result]
    if ratios:
        print(f"times faster: least {min(ratios):.2g}, median {statistics.median(ratios):.2g}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    if options.check and min(ratios) < 1:
        sys.exit("a reference is slower than plain torch")
