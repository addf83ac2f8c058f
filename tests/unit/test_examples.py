"""The worked examples of docs/denoisers.md run."""

import pickle
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from gahb import denoisers

PAGE = Path(__file__).parents[2] / "docs" / "denoisers.md"


class Unet(torch.nn.Module):
    """Called like lucidrains': images in [-1, 1], steps (image,)."""

    def __init__(self, dim, dim_mults, channels=3):
        super().__init__()
        self.mix, self.dim_mults = (
            torch.nn.Conv2d(channels, channels, dim, padding="same"),
            dim_mults,
        )

    def forward(self, x, time):
        return self.mix(x) * (1 + time[:, None, None, None] / 1000)


def installed(monkeypatch, name, **contents):
    package = types.ModuleType(name)
    vars(package).update(contents)
    monkeypatch.setitem(sys.modules, name, package)


def example(function, folder, monkeypatch):
    """mynets.py from the page, in the working directory."""
    code = re.search(
        rf"```python\n(# mynets\.py[^\n]*\n[^`]*def {function}\(.*?)```", PAGE.read_text(), re.S
    )
    (folder / "mynets.py").write_text(code[1])
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setitem(sys.modules, "mynets", None)  # so that it is removed afterwards
    del sys.modules["mynets"]


def test_a_checkpoint_of_lucidrains_trainer(tmp_path, monkeypatch):
    """Saved as by its Trainer: an EMA of a GaussianDiffusion, whose network is `model`."""
    installed(monkeypatch, "denoising_diffusion_pytorch", Unet=Unet)
    example("lucidrains", tmp_path, monkeypatch)
    network, steps = Unet(3, [1, 2], 1), torch.linspace(0.999, 1e-4, 1000)
    ema = {f"ema_model.model.{k}": v for k, v in network.state_dict().items()}
    ema |= {"initted": torch.tensor(True), "ema_model.alphas_cumprod": steps}
    torch.save({"step": 9, "model": {}, "ema": ema}, tmp_path / "model.pt")
    found = denoisers.build(
        "function", function="mynets:lucidrains", parametrization="vp-v", range=(-1, 1),
        arguments={"path": "model.pt", "dim": 3, "dim_mults": [1, 2], "channels": 1},
    )  # fmt: skip
    # DDPM at step 400: x = sqrt(A) X + sqrt(1 - A) z, and X = sqrt(A) x - sqrt(1 - A) v.
    a, x = steps[400], torch.rand(2, 1, 6, 6)
    clean = a.sqrt() * x - (1 - a).sqrt() * network(x, torch.full((2,), 400.0))
    y, sigma = (x / a.sqrt() + 1) / 2, float((1 / a - 1).sqrt()) / 2
    torch.testing.assert_close(y - found(y, sigma), (clean + 1) / 2, atol=1e-4, rtol=0)


def test_the_users_own_closed_form(tmp_path, monkeypatch):
    """The page's module is the posterior mean of N(mean, v I), also from a file and for bytes."""
    (code,) = re.findall(r"```python\n(# mytheory\.py\n.*?)```", PAGE.read_text(), re.S)
    (tmp_path / "mytheory.py").write_text(code)
    (tmp_path / "notimages.py").write_text(
        "import torch\n"
        "class Flat(torch.nn.Module):\n"
        "    def __init__(self, training):\n        super().__init__()\n"
        "    def forward(self, y, sigma):\n        return y.flatten(1)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    images = (255 * torch.rand(9, 1, 4, 4)).byte()
    x, y = images / 255, torch.rand(3, 1, 4, 4)
    tensors = denoisers.fit("own", images, closed_form="mytheory:Shrinkage")
    denoisers.save_reference(tensors, tmp_path / "a.safetensors", "own", np.arange(9))
    stored = xr.DataArray(images.numpy(), dims=("image", "channel", "y", "x"))
    variance = (x - x.mean(0)).square().mean()
    sigma = torch.tensor([0.1, 0.5, 0.1])
    kept = (variance / (variance + sigma**2))[:, None, None, None]
    expected = x.mean(0) + kept * (y - x.mean(0))
    for f in (denoisers.built("own", tensors, images), denoisers.load("a.safetensors", stored)):
        torch.testing.assert_close(f(y, sigma), expected)
        torch.testing.assert_close(f(y, 0.1)[0], expected[0])
    with pytest.raises(ValueError, match=r"notimages:Flat makes images of shape \(1, 1, 4, 4\)"):
        denoisers.fit("own", images, closed_form="notimages:Flat")


class Diffusion:
    alphas_cumprod = np.linspace(0.999, 1e-4, 1000)


class NoiseAndVariance(Unet):
    def forward(self, x, time):
        return torch.cat([super().forward(x, time)] * 2, 1)


def test_a_checkpoint_of_guided_diffusion(tmp_path, monkeypatch):
    """Its network also predicts a variance, which is ignored."""

    def create(image_size, learn_sigma, channels):
        return NoiseAndVariance(3, [1], channels), Diffusion

    installed(monkeypatch, "guided_diffusion")
    installed(
        monkeypatch, "guided_diffusion.script_util", create_model_and_diffusion=create,
        model_and_diffusion_defaults=lambda: {"image_size": 8, "learn_sigma": False},
    )  # fmt: skip
    example("guided", tmp_path, monkeypatch)
    network = NoiseAndVariance(3, [1], 1)
    torch.save(network.state_dict(), tmp_path / "ema.pt")
    found = denoisers.build(
        "function", function="mynets:guided", parametrization="vp-epsilon", range=(-1, 1),
        arguments={"path": "ema.pt", "learn_sigma": True, "channels": 1},
    )  # fmt: skip
    a, x = Diffusion.alphas_cumprod[400], torch.rand(2, 1, 6, 6)
    noise = network(x, torch.full((2,), 400.0))[:, :1]
    y, sigma = (x / a**0.5 + 1) / 2, (1 / a - 1) ** 0.5 / 2
    torch.testing.assert_close(found(y, sigma), sigma * noise, atol=1e-4, rtol=0)
    largest = (1 / 1e-4 - 1) ** 0.5 / 2  # where its samples start
    assert abs(found.convention.largest - largest) < 1e-6


class Preconditioned(torch.nn.Module):
    """The posterior mean of N(0, 1/4) images in [-1, 1], called like EDM's networks."""

    def forward(self, x, sigma, class_labels=None):
        return x / (1 + 4 * sigma.reshape(-1, 1, 1, 1) ** 2)


def test_a_pickle_of_edm(tmp_path, monkeypatch):
    example("edm", tmp_path, monkeypatch)
    (tmp_path / "net.pkl").write_bytes(pickle.dumps({"ema": Preconditioned()}))
    found = denoisers.build(
        "function", function="mynets:edm", parametrization="sigma", range=(-1, 1),
        arguments={"path": "net.pkl"},
    )  # fmt: skip
    y, sigma = torch.rand(2, 1, 6, 6), 0.3
    # Images of mean 1/2 and variance 1/16, with noise of 0.3.
    shrunk = 0.5 + (y - 0.5) / (1 + 16 * sigma**2)
    torch.testing.assert_close(y - found(y, sigma), shrunk)
