"""Denoisers trained with Hugging Face diffusers, as written by `save_pretrained`.

A folder holds a pipeline (`unet/`, `scheduler/`), or a UNet2DModel with its scheduler next to it.
If a training kept averaged weights (`unet_ema/`), these are read. The network is told the step of a
variance preserving process (`gahb.denoisers.imported.conventions`), and f(y) equals the scheduler's
own `pred_original_sample` without its clipping, whose derivative would be 0.
"""

import json
from pathlib import Path

import torch
from torch import nn

from gahb.denoisers.imported.conventions import Adapted, Convention
from gahb.packages import Needed

diffusers = Needed("diffusers", extra="diffusers")

PREDICTIONS = {"epsilon": "epsilon", "v_prediction": "v", "sample": "denoised"}
#: Parts of a pipeline that make images from the UNet's output.
LATENT = ("vae", "vqvae", "movq", "vqgan", "text_encoder", "prior")


class UnreadableFolder(Exception):
    """A folder that does not hold a denoiser of images; the message says which and why."""


def read(
    folder: str | Path, class_label: int | None = None, repeat_channels: int = 1
) -> tuple[Adapted, dict]:
    """The denoiser in a folder, and its description {"architecture": "diffusers", **options}.

    No code of the folder is run. The description holds config and schedule, so that the folder is
    not needed again.

    Args:
        folder: a folder written by `save_pretrained`.
        class_label: the class whose images it denoises, for a class-conditional network.
        repeat_channels: how many times the channel of gray images is repeated for the network.

    Raises:
        UnreadableFolder: it holds no denoiser of images, or `class_label` does not fit.
        ImportError: diffusers is not installed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UnreadableFolder(f"{folder}: no such folder")
    latent = sorted(set(_json(folder / "model_index.json") or {}) & set(LATENT))
    if latent:
        raise UnreadableFolder(
            f"{folder}: a latent model ({latent[0]}): its network denoises no images. Judge its "
            "samples (`samples:`)"
        )
    places = [folder / "unet_ema", folder / "unet", folder]
    place = next((p for p in places if (p / "config.json").is_file()), None)
    if place is None:
        raise UnreadableFolder(f"{folder}: no unet/config.json, as `save_pretrained` writes it")
    config = _json(place / "config.json")
    if (kind := config.get("_class_name")) != "UNet2DModel":
        raise UnreadableFolder(f"{place}: a {kind}; only UNet2DModel denoises images themselves")
    schedule, predicts = _schedule(folder)
    described = {
        "architecture": "diffusers",
        "config": {k: v for k, v in config.items() if not k.startswith("_")},
        "predicts": predicts,
        "alphas_cumprod": schedule,
        "class_label": _checked(class_label, config, place),
        "repeat_channels": repeat_channels,
    }
    network = build(**{k: v for k, v in described.items() if k != "architecture"})
    loaded = diffusers.UNet2DModel.from_pretrained(place, low_cpu_mem_usage=False)
    network.network.unet.load_state_dict(loaded.float().state_dict())
    return network.eval().requires_grad_(False), described


def build(
    config: dict,
    predicts: str,
    alphas_cumprod: list[float],
    class_label: int | None = None,
    repeat_channels: int = 1,
) -> Adapted:
    """The network described by `read`, with random weights.

    Raises:
        ImportError: diffusers is not installed.
    """
    known, _, _ = diffusers.UNet2DModel.extract_init_dict(config)
    network = _Answer(diffusers.UNet2DModel(**known), class_label)
    convention = Convention("step", predicts, (-1.0, 1.0), tuple(alphas_cumprod), repeat_channels)
    return Adapted(network, convention, "the UNet2DModel")


class _Answer(nn.Module):
    """A UNet2DModel, (image, channel, y, x) and steps (image,) -> what it predicts."""

    def __init__(self, unet: nn.Module, class_label: int | None):
        super().__init__()
        self.unet, self.class_label = unet, class_label

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        label = self.class_label
        labels = None if label is None else torch.full((len(x),), label, device=x.device)
        return self.unet(x, t, class_labels=labels, return_dict=False)[0]


def _schedule(folder: Path) -> tuple[list[float], str]:
    """A_t for each step t, and what the network predicts."""
    places = [folder / "scheduler", folder]
    place = next((p for p in places if (p / "scheduler_config.json").is_file()), None)
    if place is None:
        raise UnreadableFolder(
            f"{folder}: no scheduler/scheduler_config.json, which says how much noise is in a step"
        )
    config = _json(place / "scheduler_config.json")
    kind, predicts = config.get("_class_name"), config.get("prediction_type", "epsilon")
    made = getattr(diffusers, str(kind), None)
    is_scheduler = isinstance(made, type) and issubclass(made, diffusers.SchedulerMixin)
    scheduler = made.from_config(config) if is_scheduler else None
    if not hasattr(scheduler, "alphas_cumprod") or predicts not in PREDICTIONS:
        raise UnreadableFolder(
            f"{place}: a {kind} that predicts {predicts}; those read are variance preserving "
            f"(DDPM, DDIM and their like) and predict {', '.join(PREDICTIONS)}"
        )
    return scheduler.alphas_cumprod.tolist(), PREDICTIONS[predicts]


def _checked(label: int | None, config: dict, place: Path) -> int | None:
    """The class label, checked against the network's classes."""
    classes = config.get("num_class_embeds")
    if classes is None and config.get("class_embed_type") is None:
        if label is not None:
            raise UnreadableFolder(f"{place}: knows no classes, but class_label is {label}")
    elif label is None or not 0 <= label < (classes or torch.inf):
        most = f"0 to {classes - 1}" if classes else "a number"
        raise UnreadableFolder(
            f"{place}: knows classes; class_label, {most}, says whose images it is to denoise, and "
            f"is {label}"
        )
    return label


def _json(path: Path) -> dict | None:
    return json.loads(path.read_text()) if path.is_file() else None
