"""Expected cost of trainings, optima and theories, in seconds and megabytes.

Seconds are operations and bytes over the speeds below, for one GPU in stages that use one. They
determine how much time and memory a job requests from a cluster; no result depends on them.
"""

import math
from collections.abc import Callable, Mapping

from study.entries import channels, is_optimum, known_side, steps

#: Operations per second of a network on one GPU. Assumed: a fifth of an A100's peak in TF32.
FLOPS = 3e13
#: Minimum seconds for a step of a small network, to launch its kernels. Assumed.
STEP = 5e-3
#: Seconds on one core for the optimum of a noisy image of 24 x 24 pixels. Measured: disks 0.06;
#: C^alpha 0.6, 116 s for 192 noisy images.
OPTIMUM = 0.7
#: Bytes per second at which a store is read. Assumed, for a shared file system.
READING = 1e8
#: Seconds until Python, its libraries and the GPU are ready on a busy file system. Assumed.
START = 60
#: Megabytes of a job before it holds data: measured, 700 on a CPU; assumed on a GPU.
CPU_BASE, GPU_BASE = 1500, 4000
#: GPU megabytes taken by CUDA and its libraries. Assumed.
CUDA_BASE = 1500
#: Side of images for which only the files tell.
SIDE = 80
#: Maximum minutes that a job requests, a common limit of clusters. Trainings continue in another
#: job.
MOST_MINUTES = 24 * 60


def forward_flop(network: dict, side: int, image_channels: int = 1) -> float:
    """Operations of a network's convolutions and matrices on one image of side x side pixels.

    Args:
        network: entry of the config; networks not trained here count as the paper's UNet.
        side, image_channels: of an image.
    """
    kind = network.get("architecture")
    if kind == "mlp":
        c = network["channels"]
        return 4 * c * (image_channels * side**2 + network["layers"] * c)
    if kind == "transformer":
        c, layers, patch = (network[key] for key in ("channels", "layers", "patch"))
        tokens = (side // patch) ** 2
        each = layers * (12 * c * c + 2 * tokens * c)
        return 2 * tokens * (each + 2 * image_channels * patch**2 * c)
    if kind == "gaussians":
        return 4 * network["means"] * image_channels * side**2
    c = network.get("channels", 64)
    ends = 9 * 2 * image_channels * c
    if kind == "bfcnn":
        inner = 9 * (network["layers"] - 2) * c * c
    else:
        # Twice the channels on a fourth of the pixels: every scale costs the same, 1/2 + 1 going
        # down and 2 + 1 coming up, plus upsampling. The middle makes up for the smaller first
        # scale.
        inner = network.get("blocks", 3) * (9 * 4.5 + 2) * c * c
    return 2 * (ends + inner) * side**2


def activations(network: dict, side: int, image_channels: int = 1) -> float:
    """Numbers that the backward pass for one image needs; arguments as in `forward_flop`."""
    c = network.get("channels", 64)
    if network.get("architecture") == "bfcnn":
        inner = 2 * network["layers"] - 3
    else:
        # Each scale has twice the channels on a fourth of the pixels: half of the scale above.
        inner = 17.5 - 16.5 / 2 ** network.get("blocks", 3)
    return (c * inner + image_channels) * side**2


def _side(config: dict, job: Mapping) -> int:
    """Side of the images in pixels, from the config alone."""
    return known_side(config, job["dataset"]) or SIDE


def _pixels(config: dict, job: Mapping) -> int:
    """Pixels of an image times its channels, 4 bytes each."""
    return _side(config, job) ** 2 * channels(config, job["dataset"])


def _flop(config: dict, job: Mapping) -> float:
    return forward_flop(config["denoisers"][job["denoiser"]], _side(config, job))


def _recipe(config: dict, job: Mapping) -> dict:
    return dict(config["training"][config["denoisers"][job["denoiser"]]["training"]])


def training(config: dict, job: Mapping) -> tuple[float, float]:
    recipe = _recipe(config, job)
    work = 3 * recipe["batch"] * _flop(config, job) / FLOPS
    step = max(STEP * recipe["batch"] / (recipe["microbatch"] or recipe["batch"]), work)
    held = 4 * int(job["N"]) * _pixels(config, job)
    return START + held / READING + steps(recipe, int(job["N"])) * step, GPU_BASE + 2 * held / 1e6


def gpu_mb(config: dict, job: Mapping) -> float:
    """Megabytes on each GPU of a training: the training set, and the stored activations."""
    recipe, network = _recipe(config, job), config["denoisers"][job["denoiser"]]
    each = activations(network, _side(config, job), channels(config, job["dataset"]))
    at_a_time = recipe["microbatch"] or recipe["batch"]
    number = 4 if recipe["precision"] == "fp32" else 2
    return CUDA_BASE + (4 * int(job["N"]) * _pixels(config, job) + at_a_time * number * each) / 1e6


def psnr(config: dict, job: Mapping) -> tuple[float, float]:
    entry = config["psnr"] | config["denoisers"][job["denoiser"]].get("psnr", {})
    count, levels = entry["count"], len(entry["input_psnr"])
    if is_optimum(config, job["denoiser"]):
        each = OPTIMUM * _pixels(config, job) / 576
        return START + each * count * levels, CPU_BASE
    batches = 2 * levels * math.ceil(count / 256)
    work = 2 * levels * count * _flop(config, job) / FLOPS
    held = 2 * count * 4 * _pixels(config, job)
    return START + max(STEP * batches, work), GPU_BASE + 2 * held / 1e6


def _weighing(config: dict, job: Mapping, denoiser: str) -> float:
    """Operations of a reference on one image: every pixel's window is compared with all images'."""
    entry, pixels = config["denoisers"][denoiser], _pixels(config, job)
    taken = min(int(job["N"]), entry.get("most_images", int(job["N"])))
    window = entry.get("window", _side(config, job) / 2) ** 2
    elsewhere = pixels if entry.get("reference") == "equivariant" else 1
    # Each weight takes about as long as twenty operations for its distance.
    return 2 * taken * pixels * elsewhere * (window + 20)


def calibration(config: dict, job: Mapping) -> tuple[float, float]:
    side, levels = _side(config, job), len(config["samples"]["levels"])
    windows = len(config["calibration"]["windows"] or range(1, side, 2))
    noisy = config["calibration"]["count"] * levels * windows
    return START + noisy * _weighing(config, job, job["denoiser"]) / FLOPS, GPU_BASE


def agreement(config: dict, job: Mapping) -> tuple[float, float]:
    names, entry = config["studies"][job["study"]]["references"], config["samples"]
    denoised = 2 * len(entry["levels"]) * config["agreement"]["count"] + 4 * entry["steps"]
    each = _flop(config, job) + sum(_weighing(config, job, name) for name in names)
    return START + denoised * each / FLOPS, GPU_BASE


def resources(expected: Callable) -> dict[str, Callable]:
    """Time that a rule requests: twice the expected time, more at each new attempt.

    Args:
        expected: wildcards -> seconds and megabytes of the host.
    """

    def runtime(wildcards, attempt):
        minutes = 2 ** (attempt - 1) * (10 + 2 * expected(wildcards)[0] / 60)
        return math.ceil(min(minutes, MOST_MINUTES))

    return {
        "expected_seconds": lambda wildcards: math.ceil(expected(wildcards)[0]),
        "runtime": runtime,
        "mem_mb": lambda wildcards, attempt: math.ceil(attempt * expected(wildcards)[1]),
    }
