"""Denoisers in files: built by name, kept as safetensors whose header says what they are."""

import hashlib
import importlib
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
import xarray as xr
from torch import nn

from gahb.denoisers.network import NetworkDenoiser
from gahb.images import Members
from gahb.packages import Needed

safetensors, safetensors_torch = Needed("safetensors"), Needed("safetensors.torch")

#: Key in the header of a file that describes its content.
KEY = "gahb"
#: Kinds of networks made elsewhere.
IMPORTED = ("function", "diffusers")


def _module(name: str) -> ModuleType:
    # Only the requested module is imported: a job depends on no other denoiser's code.
    return importlib.import_module(f"gahb.denoisers.{name}")


def build(architecture: str, **options) -> nn.Module:
    """The named network with random weights; `options` are its own arguments."""
    room = "imported" if architecture in IMPORTED else "networks"
    return _module(f"{room}.{architecture}").build(**options)


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
    """The tensors that a reference keeps from a training set; `options` are its arguments."""
    return _module(f"references.{reference}").fit(training, **options)


def built(reference: str, tensors: dict[str, torch.Tensor], training: Members) -> nn.Module:
    """The named reference, from the tensors that `fit` kept, which are fixed."""
    denoiser = _module(f"references.{reference}").build(tensors, training)
    return denoiser.eval().requires_grad_(False)


def save(
    network: nn.Module, path: str | Path, architecture: str, parameters=None, **options
) -> None:
    """Write the weights of a network and, in the header, its description.

    Args:
        network: the network.
        path: path of the file.
        architecture, options: as in `build`.
        parameters: parameters with which the network was made, for provenance.
    """
    described = {"network": {"architecture": architecture, **options}, "parameters": parameters}
    _write(network.state_dict(), path, described)


def save_reference(
    tensors: dict[str, torch.Tensor],
    path: str | Path,
    reference: str,
    members: np.ndarray,
    parameters=None,
) -> None:
    """Write the tensors that `fit` kept from a training set, and the indices of its images."""
    described = {"reference": reference, "parameters": parameters}
    _write({**tensors, "members": torch.from_numpy(members)}, path, described)


def _write(tensors: dict[str, torch.Tensor], path: str | Path, described: dict) -> None:
    # Cloned, because safetensors refuses tensors that share memory.
    tensors = {
        name: t.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, t in tensors.items()
    }
    content = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        content.update(name.encode() + tensors[name].numpy().tobytes())
    described = described | {"content": content.hexdigest()}
    # One key: safetensors writes several in an order that differs from run to run.
    safetensors_torch.save_file(tensors, path, {KEY: json.dumps(described, sort_keys=True)})


def described(path: str | Path) -> dict:
    """The description in a file: its `network` or `reference`, `parameters`, and `content`."""
    with safetensors.safe_open(path, "np") as file:
        return json.loads(file.metadata()[KEY])


def load(
    path: str | Path, images: xr.DataArray | None = None, dtype: torch.dtype = torch.float32
) -> nn.Module:
    """The denoiser in a file that `save` or `save_reference` wrote, its weights fixed.

    Args:
        path: of the file.
        images: images of the data set (image, channel, y, x), from which a reference reads its
            training images.
        dtype: precision of its weights, in which norms are folded as well.

    Raises:
        ValueError: it is a reference, and there are no images.
    """
    header = described(path)
    tensors = safetensors_torch.load_file(path)
    if "reference" in header:
        if images is None:
            raise ValueError(f"{path}: is a reference, which needs the images of its data set")
        training = Members(images, tensors.pop("members").numpy())
        denoiser = built(header["reference"], tensors, training)
    else:
        network = build(**header["network"])
        network.load_state_dict(tensors)
        network = network.eval().to(memory_format=torch.channels_last)
        denoiser = NetworkDenoiser(network.to(dtype))
    return denoiser.to(dtype).eval().requires_grad_(False)
