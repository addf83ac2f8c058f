"""Many small networks trained together, stacked by torch.func, or one after the other.

    python benchmarks/stacking.py                       # on the GPU if there is one; a minute
    python benchmarks/stacking.py --threads 1 --json stacking.json

A phase diagram trains many similar networks. `torch.func.vmap` turns them into one program, whose
convolutions have a group for each network. Both ways take the same steps, here plain gradient steps
in float32 on the loss of each network, whose norms are PyTorch's own batch statistics without
running ones. They are timed alternately, and the fastest of each counts. The ratio is the
sequential time over the time of all together: above 1, stacking pays. It also prints how much the
weights of both ways differ after the steps.
"""

import argparse
import copy
import json
import sys
import time
from pathlib import Path

import torch
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "workflow"))

from gahb import denoisers  # noqa: E402
from gahb.denoisers.networks.batchnorm import EPS, BFBatchNorm2d  # noqa: E402

#: name: (architecture, its options, side), of studies/phase.yaml and of the default study.
CASES = {
    "phase UNet 8": ("unet", {"channels": 8, "blocks": 2, "gain": 0.1}, 8),
    "phase UNet 32": ("unet", {"channels": 32, "blocks": 2, "gain": 0.1}, 8),
    "phase BF-CNN 16": ("bfcnn", {"channels": 16, "layers": 7, "gain": 0.1}, 8),
    "default UNet": ("unet", {"channels": 24, "blocks": 2, "gain": 0.1}, 16),
}
BATCH, STEPS, RATE = 32, 3, 1e-3


class StatelessNorm(BFBatchNorm2d):
    """The norm of a training without the running statistics, which vmap cannot keep."""

    def forward(self, x):
        sd = (x.var((0, 2, 3), correction=0, keepdim=True) + EPS).sqrt()
        return x / sd * self.gammas


def stateless(architecture: str, seed: int, **options) -> nn.Module:
    network = denoisers.initialized(architecture, seed, image_channels=1, **options)
    for module in network.modules():
        if isinstance(module, BFBatchNorm2d):
            module.__class__ = StatelessNorm
    return network


def loss(weights, fixed, like, y, noise):
    """Mean over images of the squared error, summed over pixels."""
    return (functional_call(like, (weights, fixed), (y,)) - noise).square().sum() / len(y)


def one_after_the_other(networks, y, noise):
    for k, network in enumerate(networks):
        weights = dict(network.named_parameters())
        error = (network(y[k]) - noise[k]).square().sum() / len(y[k])
        slopes = torch.autograd.grad(error, list(weights.values()))
        with torch.no_grad():
            for weight, slope in zip(weights.values(), slopes, strict=True):
                weight -= RATE * slope


def together(weights, fixed, like, y, noise):
    slopes = vmap(grad(loss), (0, 0, None, 0, 0))(weights, fixed, like, y, noise)
    with torch.no_grad():
        for name, slope in slopes.items():
            weights[name] -= RATE * slope


def seconds(step, device) -> float:
    start = time.perf_counter()
    step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def compare(case, count: int, rounds: int, device) -> dict:
    """Seconds per step of `count` networks, both ways, and the distance of their weights."""
    architecture, options, side = case
    networks = [stateless(architecture, k, **options).to(device) for k in range(count)]
    weights, fixed = stack_module_state(networks)
    weights = {name: w.detach().clone() for name, w in weights.items()}
    like = copy.deepcopy(networks[0]).to("meta")
    torch.manual_seed(0)
    noise = torch.randn(count, BATCH, 1, side, side, device=device) / 4
    y = torch.rand_like(noise) + noise

    def apart():
        one_after_the_other(networks, y, noise)

    def stacked():
        together(weights, fixed, like, y, noise)

    best = {"apart": float("inf"), "stacked": float("inf")}
    for i in range(rounds):
        for name, step in (("apart", apart), ("stacked", stacked)):
            took = min(seconds(step, device) for _ in range(STEPS))
            best[name] = min(best[name], took) if i else float("inf")
    own = [torch.cat([p.detach().flatten() for p in n.parameters()]) for n in networks]
    stack = torch.cat([weights[n].flatten(1) for n, _ in networks[0].named_parameters()], 1)
    difference = float((torch.stack(own) - stack).abs().max() / stack.abs().max())
    return best | {"ratio": best["apart"] / best["stacked"], "difference": difference}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--cases", nargs="*", choices=CASES, default=list(CASES))
    parser.add_argument("--counts", nargs="*", type=int, default=[3, 18])
    parser.add_argument("--rounds", type=int, default=4, help="turns of three steps; one warms up")
    parser.add_argument("--json", help="file for the results")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    results = {"device": str(device), "threads": options.threads}
    print(f"{'case':18}{'networks':>9}{'apart ms':>10}{'stacked ms':>11}{'ratio':>7}{'differ':>9}")
    for name in options.cases:
        for count in options.counts:
            found = compare(CASES[name], count, options.rounds, device)
            results[f"{name}, {count}"] = found
            print(
                f"{name:18}{count:9}{1e3 * found['apart']:10.1f}{1e3 * found['stacked']:11.1f}"
                f"{found['ratio']:7.2f}{found['difference']:9.0e}",
                flush=True,
            )
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
