"""Speed and memory of sampling, nearest neighbors, Jacobians and the memorizer.

    python benchmarks/analysis.py                    # all of it
    python benchmarks/analysis.py --only jacobian    # one of them: jacobian, memorizer ...
    python benchmarks/analysis.py --weights results/.../weights.safetensors --json analysis.json

Every time is compared with a plain implementation, or with bare matrix products, alternately in the
same process, so that the ratios hold on a busy machine. Each benchmark has its own process, whose
peak memory is reported. Networks are the paper's UNet, trained for a few steps, unless --weights
names one, in any layout of docs/denoisers.md. The leading eigenpairs (part of jacobian, and large)
are computed only for such a network: the number of products depends on how fast the shrinkage
factors decay, and for a network that is hardly trained they do not. With a GPU everything runs
there.
"""

import argparse
import concurrent.futures
import functools
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from torch.utils.flop_counter import FlopCounterMode

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "workflow"))

from gahb import denoisers, store  # noqa: E402
from gahb.datasets import open_source  # noqa: E402
from gahb.denoisers import NetworkDenoiser  # noqa: E402
from gahb.denoisers.imported import published  # noqa: E402
from gahb.denoisers.references.memorizer import Memorizer  # noqa: E402
from gahb.eigenbasis import eigenbasis  # noqa: E402
from gahb.images import Members, to_float  # noqa: E402
from gahb.jacobian import Products  # noqa: E402
from gahb.samples.sampler import sample  # noqa: E402
from gahb.similarity.pixels import nearest  # noqa: E402
from gahb.training.loop import train  # noqa: E402
from gahb.training.recipe import Recipe  # noqa: E402
from gahb.training.state import Training  # noqa: E402

#: Noise level of images at which Jacobians are computed.
SIGMA = 0.15

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def images(side: int, count: int) -> torch.Tensor:
    source = open_source("calpha", alpha=2, side=side, images=count, seed=0)
    return torch.from_numpy(source.read(0, count)).to(DEVICE)


def denoiser(weights: str | None, **options) -> NetworkDenoiser:
    """The network of a file, or a UNet trained for a moment."""
    if weights:
        network, _ = published.read(weights)
    else:
        network = denoisers.initialized("unet", 0, gain=0.1, **options)
        recipe = Recipe(steps=40, batch=8, learning_rate=1e-3, precision="fp32")
        training = Training(network, images(40, 320), recipe, seed=0)
        for _ in train(training):
            pass
        network = training.network
    # Training enables it; the Jacobian is computed without.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    return NetworkDenoiser(network).to(DEVICE, memory_format=torch.channels_last)


def seconds(function) -> float:
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    function()
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def in_turns(functions: dict, times: int = 3) -> dict[str, float]:
    """The shortest time of each function, in seconds; they are run in turns after a first round."""
    for function in functions.values():
        function()
    rounds = [{k: seconds(f) for k, f in functions.items()} for _ in range(times)]
    return {name: min(r[name] for r in rounds) for name in functions}


def noisy(side: int) -> tuple[torch.Tensor, torch.Tensor]:
    clean = to_float(images(side, 1))[0]
    generator = torch.Generator().manual_seed(0)
    return clean, clean + SIGMA * torch.randn(clean.shape, generator=generator).to(DEVICE)


def jacobian(weights: str | None) -> dict:
    """Rows of the dense Jacobian, and its leading 100 eigenpairs."""
    side = 80 if DEVICE.type == "cuda" else 40
    function, (clean, y) = denoiser(weights), noisy(side)
    d = y.numel()
    leaf = y.clone().requires_grad_()
    pixels = function(leaf[None], SIGMA).flatten()
    products = Products(function, y, SIGMA)
    chunk = products._batch
    rows = chunk * -(-128 // chunk)
    unit = torch.eye(d, device=DEVICE)[:rows]
    a, b = torch.randn(2, 2048, 2048, device=DEVICE)
    with FlopCounterMode(display=False) as counter:
        function(y[None], SIGMA)

    def plain():
        for i in range(rows):
            torch.autograd.grad(pixels[i], leaf, retain_graph=True)

    batched = functools.partial(products.transposed, unit)
    time_of = in_turns({"plain": plain, "batched": batched, "matrix product": lambda: a @ b})
    peak = 2 * 2048**3 / time_of["matrix product"]
    result = {
        "side": side,
        "chunk": chunk,
        "s per 1000 rows, a backward pass each": 1000 * time_of["plain"] / rows,
        "s per 1000 rows, in chunks": 1000 * time_of["batched"] / rows,
        "times faster in chunks": time_of["plain"] / time_of["batched"],
        "share of the matrix product's peak": counter.get_total_flops()
        * rows
        / time_of["batched"]
        / peak,
    }
    if weights:
        bases = {keep: functools.partial(eigenbasis, function, clean, y, SIGMA, keep)
                 for keep in (None, 100)}  # fmt: skip
        dense, free = in_turns(bases, 2).values()
        result["s of the dense eigenbasis"] = dense
        result["s of 100 eigenpairs, matrix-free"] = free
        result["times faster matrix-free"] = dense / free
        plain_dense = dense + (time_of["plain"] - time_of["batched"]) * d / rows
        result["times faster than dense by a backward pass each"] = plain_dense / free
    return result


def large(weights: str | None) -> dict:
    """The leading 100 eigenpairs at 128 x 128, where the dense Jacobian is 1 GB and its
    decomposition several."""
    function, (clean, y) = denoiser(weights), noisy(128)
    found = []
    time_taken = seconds(lambda: found.append(eigenbasis(function, clean, y, SIGMA, keep=100)))
    return {
        "side": 128,
        "s of 100 eigenpairs, matrix-free": time_taken,
        "GB of the dense matrix and its decomposition": (4 + 4 * 8) * 128**4 / 1e9,
        "tr J": found[0].trace,
        "its standard error": found[0].trace_error,
    }


def sampling(weights: str | None) -> dict:
    """64 samples together and one at a time, for 12 steps, with the default study's network and a
    large one."""
    small = {"channels": 24, "blocks": 2}
    runs = {"the default study's UNet at 16 x 16": (16, denoiser(None, **small))}
    large = "the network of --weights" if weights else "the paper's UNet"
    runs[f"{large} at 40 x 40"] = (40, denoiser(weights))
    result = {}
    options = {"h0": 0.05, "max_steps": 12, "sigma_max": 1e9, "device": DEVICE}

    def draw(function, side, count, batch):
        return lambda: sample(function, (1, side, side), count, 0, batch=batch, **options)

    for name, (side, function) in runs.items():
        # One at a time takes long: 8 samples, whose speed is that of 64.
        time_of = in_turns({64: draw(function, side, 64, 64), 1: draw(function, side, 8, 1)})
        result[f"{name}: samples x steps per s, one at a time"] = 8 * 12 / time_of[1]
        result[f"{name}: together"] = 64 * 12 / time_of[64]
        result[f"{name}: times faster"] = 8 * time_of[1] / time_of[64]
    return result


def stored(path: Path, count: int) -> Members:
    """`count` images of 80 x 80 random pixels, in a store."""
    shape, block, rng = (1, 80, 80), 1024, np.random.default_rng(0)
    look = store.placeholder(("image", "channel", "y", "x"), (count, *shape), np.uint8, "images")
    blocks = (
        rng.integers(0, 256, (min(block, count - start), *shape), np.uint8)
        for start in range(0, count, block)
    )
    store.stream(xr.Dataset(attrs=store.provenance("Images", {})), path, "images", look, blocks)
    return Members(store.open_store(path).images, np.arange(count))


def nearest_neighbours(weights: str | None, count: int) -> dict:
    """The nearest of stored images of 80 x 80 to each of 1,000, by cosine and by L2."""
    with tempfile.TemporaryDirectory() as folder:
        among = stored(Path(folder) / "images.zarr", count)
        samples = torch.rand(1000, 1, 80, 80, device=DEVICE)
        flat, others = samples.flatten(1), torch.rand(4096, 6400, device=DEVICE)

        def product():
            for _ in range(8):
                flat @ others.T

        def read():
            for start in range(0, count, 4096):
                among[start : start + 4096]

        search = {"whole": lambda: nearest(samples, among, 4), "read": read, "product": product}
        time_of = in_turns(search)
    bare = time_of["product"] * count / (8 * 4096)
    return {
        "images": count,
        "s of the search": time_of["whole"],
        "s of the bare matrix product": bare,
        "s of reading the store alone": time_of["read"],
        "share of the search that is the product": bare / time_of["whole"],
    }


def memorizer(weights: str | None, count: int) -> dict:
    """The memorizer of stored images of 80 x 80: 64 images, and 64 rows of a Jacobian."""
    with tempfile.TemporaryDirectory() as folder:
        denoiser = Memorizer(stored(Path(folder) / "images.zarr", count)).to(DEVICE)
        y, others = torch.rand(64, 1, 80, 80, device=DEVICE), torch.rand(4096, 6400, device=DEVICE)
        products, unit = Products(denoiser, y[0], SIGMA, 64), torch.eye(6400, device=DEVICE)[:64]

        def product():
            for _ in range(8):
                y.flatten(1) @ others.T

        time_of = in_turns(
            {
                "images": lambda: denoiser(y, SIGMA),
                "rows": lambda: products.transposed(unit),
                "product": product,
            }
        )
    bare = time_of["product"] * count / (8 * 4096)
    return {
        "training images": count,
        "s of 64 denoised images": time_of["images"],
        "s of 64 rows of the Jacobian": time_of["rows"],
        "s of a bare matrix product with the training set": bare,
    }


BENCHMARKS = {
    "jacobian": jacobian,
    "large": large,
    "sampling": sampling,
    "nearest": nearest_neighbours,
    "memorizer": memorizer,
}


def measured(name: str, weights: str | None, threads: int, count: int) -> dict:
    torch.set_num_threads(threads)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    of_stored = {"count": count} if name in ("nearest", "memorizer") else {}
    result = BENCHMARKS[name](weights, **of_stored)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {**result, "GB of memory at most": after, "GB before it began": before}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", choices=BENCHMARKS)
    parser.add_argument("--weights", help="a file of weights of a trained denoiser")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--images", type=int, default=100_000, help="stored ones, where any are")
    parser.add_argument("--json", type=Path, help="where the numbers are written")
    options = parser.parse_args()
    results = {"device": str(DEVICE), "threads": options.threads}
    chosen = [options.only] if options.only else list(BENCHMARKS)
    if options.weights is None and "large" in chosen:
        if options.only:
            parser.error("large needs --weights")
        chosen.remove("large")
    for name in chosen:
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
            arguments = (name, options.weights, options.threads, options.images)
            found = pool.submit(measured, *arguments).result()
        results[name] = found
        print(f"\n{name}")
        for what, value in found.items():
            print(f"  {what:<75} {value:10.4g}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
