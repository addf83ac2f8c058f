"""Denoisers: everything that maps noisy images y = x + sigma z to estimates f(y) of x.

All are modules with one call, `denoiser(y, sigma)`, y of shape (image, channel, y, x) and sigma a
number; those with `blind` = True ignore sigma. By Miyasawa's formula the score of the density of y
is (f(y) - y) / sigma^2 when f(y) = E[x | y]. One file each:

- a network, `architecture.py`, holds `build(**options) -> nn.Module`, which predicts the noise:
  (image, channel, y, x) -> same shape; one with `needs_sigma` = True is called (y, sigma).
- a reference, the closed form of a training set, `references/reference.py`, holds
  `fit(training) -> dict`, the tensors that are kept of it, and `build(tensors, training) ->
  nn.Module`, the denoiser. Keyword arguments of `fit` are its options in the config.

A new one is one file here and its options in the config's schema. Denoisers are kept as
safetensors, whose header says what they are.
"""

import importlib
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
import xarray as xr
from torch import nn

from gahb.denoisers.network import NetworkDenoiser, flat, set_flat
from gahb.images import Members
from gahb.outside.packages import Needed

__all__ = [
    "NetworkDenoiser", "build", "built", "fit", "flat", "initialized", "load", "save",
    "save_reference", "set_flat",
]  # fmt: skip

safetensors, safetensors_torch = Needed("safetensors"), Needed("safetensors.torch")


def _module(name: str) -> ModuleType:
    # Only the module that is asked for is imported: a job depends on no other denoiser's code.
    return importlib.import_module(f"gahb.denoisers.{name}")


def build(architecture: str, **options) -> nn.Module:
    """The named network with random weights; `options` are its own arguments."""
    return _module(architecture).build(**options)


def initialized(architecture: str, seed: int, **options) -> nn.Module:
    """The named network with Kaiming-normal weights (fan-in) drawn from `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(architecture, **options)
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight)
    return network


def fit(reference: str, training: Members, **options) -> dict[str, torch.Tensor]:
    """What the named reference keeps of a training set; `options` are its own arguments."""
    return _module(f"references.{reference}").fit(training, **options)


def built(reference: str, tensors: dict[str, torch.Tensor], training: Members) -> nn.Module:
    """The named reference, from what `fit` kept of a training set, its tensors fixed."""
    denoiser = _module(f"references.{reference}").build(tensors, training)
    return denoiser.eval().requires_grad_(False)


def save(network: nn.Module, path: str | Path, architecture: str, **options) -> None:
    """Write the weights of a network and, in the header, which network they are of."""
    described = json.dumps({"architecture": architecture, **options}, sort_keys=True)
    _write(network.state_dict(), path, {"network": described})


def save_reference(
    tensors: dict[str, torch.Tensor], path: str | Path, reference: str, members: np.ndarray
) -> None:
    """Write what `fit` kept of a training set, and the indices of its images."""
    _write({**tensors, "members": torch.from_numpy(members)}, path, {"reference": reference})


def _write(tensors: dict[str, torch.Tensor], path: str | Path, header: dict[str, str]) -> None:
    # Cloned, because safetensors refuses tensors that share memory.
    tensors = {
        name: t.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, t in tensors.items()
    }
    safetensors_torch.save_file(tensors, path, header)


def load(
    path: str | Path, images: xr.DataArray | None = None, dtype: torch.dtype = torch.float32
) -> nn.Module:
    """The denoiser in a file that `save` or `save_reference` wrote, its weights fixed.

    Args:
        path: of the file.
        images: those of the data set (image, channel, y, x), from which a reference reads its
            training images.
        dtype: precision of its weights, in which norms are folded, too.

    Raises:
        ValueError: a reference, and no images.
    """
    with safetensors.safe_open(path, "pt") as file:
        header = file.metadata()
    tensors = safetensors_torch.load_file(path)
    if "reference" in header:
        if images is None:
            raise ValueError(f"{path}: is a reference, which needs the images of its data set")
        training = Members(images, tensors.pop("members").numpy())
        denoiser = built(header["reference"], tensors, training)
    else:
        network = build(**json.loads(header["network"]))
        network.load_state_dict(tensors)
        network = network.eval().to(memory_format=torch.channels_last)
        denoiser = NetworkDenoiser(network.to(dtype))
    return denoiser.to(dtype).eval().requires_grad_(False)
