"""Networks, one file each: `architecture.py` holds `build(**sizes) -> nn.Module`.

A new one is one file here and its options in the config's schema. Every network predicts the
noise: (image, channel, y, x) -> same shape; one with `needs_sigma` = True is called (y, sigma).
Weights are kept as safetensors, whose header says which network they are of.
"""

import importlib
import json
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import nn


def build(architecture: str, **sizes) -> nn.Module:
    """The named network with random weights; `sizes` are its own arguments."""
    # Only the module that is asked for is imported: a job depends on no other network's code.
    return importlib.import_module(f"gahb.networks.{architecture}").build(**sizes)


def initialized(architecture: str, seed: int, **sizes) -> nn.Module:
    """The named network with Kaiming-normal weights (fan-in) drawn from `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(architecture, **sizes)
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight)
    return network


def flat(network: nn.Module) -> np.ndarray:
    """All weights and running statistics in one vector, in the order of the state dict."""
    return torch.cat([t.flatten() for t in network.state_dict().values()]).cpu().numpy()


def set_flat(network: nn.Module, vector: np.ndarray) -> None:
    """Give a network the weights that `flat` made of one like it."""
    state = network.state_dict()
    parts = torch.from_numpy(vector).split([t.numel() for t in state.values()])
    network.load_state_dict({k: p.view(state[k].shape) for k, p in zip(state, parts, strict=True)})


def save(network: nn.Module, path: str | Path, architecture: str, **sizes) -> None:
    """Write the weights and, in the header, what network they are of."""
    # Cloned, because safetensors refuses tensors that share memory.
    tensors = {
        name: t.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, t in network.state_dict().items()
    }
    described = json.dumps({"architecture": architecture, **sizes}, sort_keys=True)
    safetensors.torch.save_file(tensors, path, {"network": described})


def load(path: str | Path) -> nn.Module:
    """The network whose weights are in `path`, in evaluation mode, its weights fixed."""
    with safetensors.safe_open(path, "pt") as file:
        network = build(**json.loads(file.metadata()["network"]))
    network.load_state_dict(safetensors.torch.load_file(path))
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
