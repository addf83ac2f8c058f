"""Fast computation on a device: bfloat16, a GPU's kernels, compiled networks."""

import os
import shutil

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from gahb.training.recipe import Recipe


def computes_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is the faster precision on the device.

    A CPU needs bfloat16 instructions, AMX or AVX-512, which torch's convolutions use: with AVX-512
    a step takes 0.6 to 0.7 of its time in float32; without any it takes 9 times as long.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capable = torch.cpu.get_capabilities()
    return capable.get("amx_bf16", False) or capable.get("avx512_bf16", False)


def use_gpu_kernels(deterministic: bool) -> None:
    """Choose a GPU's kernels: TF32 for float32, and the fastest found or only reproducible ones.

    Call this before the GPU is used. A CPU's kernels are all reproducible.
    """
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = not deterministic
    if deterministic:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        torch.use_deterministic_algorithms(True)


def training_flop(network: nn.Module, shape: tuple[int, ...]) -> int:
    """Floating-point operations to train on one image of `shape`: three times as for f."""
    parameter, mode = next(network.parameters()), network.training
    network.eval()  # so that running statistics are unchanged
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        y = torch.zeros(1, *shape, device=parameter.device)
        network(y, 1.0) if getattr(network, "needs_sigma", False) else network(y)
    network.train(mode)
    return 3 * counter.get_total_flops()


def compiling_pays(
    network: nn.Module, shape: tuple[int, ...], recipe: Recipe, device: torch.device
) -> bool:
    """Whether a training is long enough to earn back the minute or two of torch.compile.

    Decided from the recipe and the network's size alone, so that a resumed training runs the same
    code. Never on a CPU, where no reliable gain was measured.
    """
    if device.type != "cuda" or not (shutil.which("g++") or shutil.which("clang++")):
        return False
    # A GPU at a fourth of its peak; small steps are limited by launching their kernels.
    step = max(recipe.batch * training_flop(network, shape) / 2e14, 5e-3)
    return recipe.steps * step > 600
