"""Read denoisers trained elsewhere, without running any code in their files.

A file is this project's own (safetensors) or a torch file in one of three published layouts, each a
network of `gahb.denoisers` under other names:

- universal_inverse_problem (Kadkhodaie & Simoncelli, 2021): BF-CNN; `conv_layers.{i}.weight`,
  `running_sd.{i}`, `gammas.{i}`.
- bias_free_denoising (Mohan, Kadkhodaie, Simoncelli & Fernandez-Granda, 2020): DnCNN, the same
  network; an entry `model` holds `first_layer.weight`, `hidden_layer_list.{i}.weight`,
  `bn_layer_list.{i}.{weight, running_var}`, `last_layer.weight`.
- this study's authors (Kadkhodaie, Guth, Simoncelli & Mallat, 2024): UNet and BF-CNN, whose names
  are ours.

The weights may be in entries of a checkpoint (`model`, `state_dict`, `ema` and the like), and their
names may have the prefix of a wrapper (`module.`, `_orig_mod.`, Lightning's `model.`). Averaged
weights, whose entry or wrapper says `ema`, are preferred.

Bias-free networks need no rescaling: even if trained on intensities 0 to 255, they take images in
[0, 1].
"""

import argparse
import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import torch

from gahb import denoisers
from gahb.packages import Needed

safetensors = Needed("safetensors")

#: Networks that a file may hold; any other requires code, which only the config may name.
ARCHITECTURES = ("unet", "bfcnn")
#: A name that identifies a network in each known layout, and the names of modules that wrap it.
FIRST = re.compile(
    r"(?P<wrapper>(?:.+\.)?)"
    r"(?:first_layer\.weight|running_sd\.0|conv_layers\.0\.weight|encoder\.0\.0\.weight)"
)


class UnreadableWeights(Exception):
    """A file of weights that cannot be used; the message says which and why."""


def read(path: str | Path) -> tuple[torch.nn.Module, dict, str]:
    """The network in a file, its description {"architecture": name, **options}, and its layout.

    Only tensors and plain containers are read: a file that requires anything else is refused.

    Raises:
        UnreadableWeights: the file is missing, damaged, of no known layout, or would run code.
    """
    path = Path(path)
    if not path.is_file():
        raise UnreadableWeights(f"{path}: no such file")
    content = _safetensors(path) if path.suffix == ".safetensors" else _torch_file(path)
    try:
        tensors, layout = _weights(content)
        tensors, described = _recognized(tensors)
        with torch.device("meta"):
            network = denoisers.build(**described)
        network.load_state_dict(tensors, assign=True)
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        why = f"there is no tensor {error}" if isinstance(error, KeyError) else error
        raise UnreadableWeights(
            f"{path}: does not fit a UNet or BF-CNN of this project, nor a layout of "
            f"universal_inverse_problem, bias_free_denoising or the paper's authors ({why}); any "
            "other network can be given as a `function` in the config"
        ) from error
    layout = f"{described['architecture']}, {layout}"
    return network.eval().requires_grad_(False), described, layout


def _safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        with safetensors.safe_open(path, "pt") as file:
            described = dict(json.loads((file.metadata() or {}).get("network", "{}")))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except Exception as error:
        raise UnreadableWeights(f"{path}: not a safetensors file, or damaged ({error})") from error
    kind = described.get("architecture", ARCHITECTURES[0])
    if kind not in ARCHITECTURES:
        raise UnreadableWeights(
            f"{path}: holds a network of kind {kind!r}; only {' and '.join(ARCHITECTURES)} are "
            "read from files, others are named by `function` in the config"
        )
    return tensors


def _torch_file(path: Path) -> dict[str, torch.Tensor]:
    try:
        # The published DnCNN stores its command line with the weights.
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # Not torch's own message, which advises to load the file unsafely.
        if isinstance(error, pickle.UnpicklingError):
            asked = re.search(r"(?:GLOBAL|global|class) `?([\w.]+\.[\w.]+)", str(error))
            reason = "it is not of torch.save, or holds more than tensors and plain containers"
            reason += f" ({asked[1]})" if asked else ""
        else:
            reason = f"it is damaged ({str(error).partition(chr(10))[0]})"
        raise UnreadableWeights(
            f"{path}: cannot be read safely; nothing of it was run: {reason}"
        ) from error
    if not isinstance(content, dict):
        raise UnreadableWeights(f"{path}: holds a {type(content).__name__}, expected a state dict")
    return content


def _weights(content: dict) -> tuple[dict, str]:
    """The state dict of a network in a checkpoint, without wrappers' prefixes, and its location."""
    found = {}
    for entry, tensors in _dictionaries(content):
        for name in tensors:
            if known := FIRST.fullmatch(str(name)):
                found[(*entry, known["wrapper"])] = tensors
    if not found:
        return content, "as it is"
    # Averaged weights first, then the entry nearest to the top.
    place = min(found, key=lambda place: ("ema" not in "/".join(place).lower(), len(place)))
    *entry, wrapper = place
    within = {str(k): v for k, v in found[place].items() if str(k).startswith(wrapper)}
    said = [f"entry {'/'.join(entry)!r}"] if entry else []
    said += [f"names below {wrapper!r}"] if wrapper else []
    if "ema" in "/".join(place).lower():
        said.append("averaged weights (EMA)")
    elif any("ema" in "/".join(map(str, e)).lower() for e, _ in _dictionaries(content)):
        said.append("not its averaged weights, whose layout is unknown")
    tensors = {name.removeprefix(wrapper): tensor for name, tensor in within.items()}
    return tensors, ", ".join(said) or "as it is"


def _dictionaries(content, entry: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict]]:
    """All dictionaries in a checkpoint, to a depth of three, with the entries that lead to them."""
    if isinstance(content, list | tuple) and len(content) == 1:
        content = content[0]
    if isinstance(content, dict):
        yield entry, content
        for name, value in content.items() if len(entry) < 3 else ():
            yield from _dictionaries(value, (*entry, str(name)))


def _recognized(tensors: dict) -> tuple[dict[str, torch.Tensor], dict]:
    """The same weights under our names, and the network's description."""
    for name, tensor in tensors.items():
        if not (isinstance(tensor, torch.Tensor) and tensor.layout == torch.strided):
            raise ValueError(f"{name} is not a dense tensor")
    if "first_layer.weight" in tensors:
        tensors = _from_dncnn(tensors)
    elif "running_sd.0" in tensors:
        tensors = {
            re.sub(r"^(running_sd|gammas)\.(\d+)$", r"BN_layers.\2.\1", k): v
            for k, v in tensors.items()
        }
    for name, tensor in tensors.items():
        if not (tensor.is_floating_point() and tensor.isfinite().all()):
            raise ValueError(f"{name} is not a tensor of finite numbers")
    tensors = {name: tensor.float().contiguous() for name, tensor in tensors.items()}
    if "conv_layers.0.weight" in tensors:
        first = tensors["conv_layers.0.weight"]
        layers = sum(name.startswith("conv_layers.") for name in tensors)
        described = {"architecture": "bfcnn", "layers": layers}
    else:
        first = tensors["encoder.0.0.weight"]
        blocks = sum(name.startswith("upsample.") for name in tensors)
        described = {"architecture": "unet", "blocks": blocks}
    return tensors, {**described, "image_channels": first.shape[1], "channels": first.shape[0]}


def _from_dncnn(tensors: dict) -> dict[str, torch.Tensor]:
    """Weights of a DnCNN: its norms divide by (variance^1/2 + 1e-5) and ignore their offset."""
    biases = [name for name in tensors if re.search(r"^(first|hidden|last)_layer.*bias$", name)]
    if biases:
        raise ValueError(f"{biases[0]}: a DnCNN with biases is not bias-free")
    hidden = sum(name.startswith("hidden_layer_list.") for name in tensors)
    ours = {
        "conv_layers.0.weight": tensors["first_layer.weight"],
        f"conv_layers.{hidden + 1}.weight": tensors["last_layer.weight"],
    }
    for i in range(hidden):
        norm = f"bn_layer_list.{i}"
        ours[f"conv_layers.{i + 1}.weight"] = tensors[f"hidden_layer_list.{i}.weight"]
        ours[f"BN_layers.{i}.gammas"] = tensors[f"{norm}.weight"].reshape(1, -1, 1, 1)
        sd = tensors[f"{norm}.running_var"].sqrt() + 1e-5
        ours[f"BN_layers.{i}.running_sd"] = sd.reshape(1, -1, 1, 1)
    return ours
