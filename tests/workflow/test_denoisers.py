"""Denoisers trained elsewhere go through the whole workflow."""

import json

import diffusers
import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from conftest import TINY, Study
from gahb import denoisers
from gahb.datasets import calpha
from gahb.training.loop import train
from gahb.training.recipe import Recipe
from gahb.training.state import Training
from PIL import Image

USERS_OWN = """
import torch

class Shrink(torch.nn.Module):
    def forward(self, y, sigma):
        return y / (1 + sigma**2)

def make():
    return Shrink()

def eyes():
    return torch.nn.Sequential(torch.nn.AvgPool2d(2), torch.nn.Flatten())
"""


@pytest.fixture(scope="module")
def weights():
    """Weights of two networks that denoise C^alpha images, even at low noise."""
    recipe = Recipe(
        800, 16, 0.02, loss="weighted", noise="mixed", optimizer="muon", precision="fp32"
    )
    trained = {}
    for seed, subset in enumerate(("S1", "S2")):
        network = denoisers.initialized("bfcnn", seed, channels=8, layers=4, gain=0.1)
        images = torch.from_numpy(calpha.draw(seed, np.arange(40), 8, 2.0))
        training = Training(network, images, recipe, seed)
        for _ in train(training):
            pass
        trained[subset] = training.averaged.state_dict()
    return trained


@pytest.fixture
def folder(tmp_path, weights):
    for subset, tensors in weights.items():
        torch.save(tensors, tmp_path / f"net-{subset}.pt")
    (tmp_path / "mine.py").write_text(USERS_OWN)
    return tmp_path


def study(folder, network, *figures) -> Study:
    config = TINY | {"run": ["own"], "eigenbasis": {"images": [0], "keep": 5}}
    config["similarity"] = {"embedding": "mine:eyes"}
    config["denoisers"] = TINY["denoisers"] | {"own": network}
    config["studies"] = {
        "own": {
            "datasets": ["calpha"], "denoisers": ["own"], "sizes": [8], "figures": list(figures)
        }
    }  # fmt: skip
    return Study(folder, config)


def test_a_pair_from_files(folder):
    own = study(folder, {"weights": "net-{subset}.pt"}, "psnr_curves", "samples", "shrinkage")
    own.run("all")
    opened = {
        path.name: xr.open_zarr(path)
        for path in (folder / "results/calpha/own").rglob("*.zarr")
        if "S2" not in str(path)
    }
    assert opened.keys() == {
        "psnr.zarr", "samples.zarr", "similarity.zarr", "beyond.zarr", "eigenbasis.zarr",
        "harmonics.zarr",
    }  # fmt: skip
    assert opened["harmonics.zarr"].sizes["rank"] == 5
    assert opened["eigenbasis.zarr"].sizes["rank"] == 5
    assert opened["eigenbasis.zarr"].attrs["method"] == "matrix-free"
    assert len(list((folder / "results/figures").rglob("*.pdf"))) == 3
    assert "Nothing to be done" in own.run("all")


def test_weights_that_do_not_denoise_are_refused(folder):
    network = denoisers.initialized("bfcnn", 0, channels=4, layers=4, gain=0.3)
    torch.save(network.state_dict(), folder / "net-S1.pt")
    own = study(folder, {"weights": "net-{subset}.pt"}, "psnr_curves")
    target = "results/calpha/own/S1-8-seed0/denoiser.safetensors"
    assert "No convention makes it a denoiser of these images" in own.run(target, fails=True)
    assert not (folder / target).exists()


def test_a_function(folder):
    network = {"function": "mine:make", "predicts": "denoised", "needs_sigma": True}
    own = study(folder, network, "shrinkage", "samples")
    own.run(
        "results/calpha/own/S1-8-seed0/eigenbasis.zarr/zarr.json",
        "results/figures/own/samples_calpha_own.csv",
    )
    basis = xr.open_zarr(folder / "results/calpha/own/S1-8-seed0/eigenbasis.zarr")
    np.testing.assert_allclose(basis.shrinkage, 1 / (1 + 0.15**2), rtol=1e-5)
    alone = xr.open_zarr(folder / "results/calpha/own/single-8-seed0/similarity.zarr")
    assert (alone.closest <= 1).all() and (alone.closest_embedded <= 1 + 1e-6).all()
    assert "between" not in alone
    assert not list(folder.rglob("*/S2-*"))


def test_a_hostile_file_stops_the_job(folder):
    # A pickle that would run os.mkdir("harm").
    (folder / "net-S1.pt").write_bytes(b"cos\nmkdir\n(S'harm'\ntR.")
    own = study(folder, {"weights": "net-S1.pt"}, "psnr_curves")
    output = own.run("all", fails=True)
    assert "net-S1.pt: cannot be read safely" in output
    assert not list(folder.rglob("harm"))


def test_a_model_trained_with_diffusers_that_copies(tmp_path):
    """The config names its training images, as it would for someone else's model."""
    pixels = calpha.draw(0, np.arange(30), 8, 2.0)[:, 0]
    (tmp_path / "photos").mkdir()
    for i, image in enumerate(pixels):
        Image.fromarray((255 * image).astype("uint8")).save(tmp_path / f"photos/{i:02}.png")
    (tmp_path / "train.csv").write_text("name\n21.png\n03.png\n14.png\n")
    scheduler = diffusers.DDPMScheduler(clip_sample=False)
    network = memorizing_unet(2 * torch.from_numpy(pixels[[21, 3, 14], None]) - 1, scheduler)
    diffusers.DDPMPipeline(network, scheduler).save_pretrained(tmp_path / "ddpm")
    own = Study(tmp_path, TINY | {
        "run": ["copied"],
        "datasets": {
            "photos": {"source": "folder", "path": "photos", "train": "train.csv", "test": 10}
        },
        "denoisers": {"ddpm": {"diffusers": "ddpm"}},
        "studies": {"copied": {
            "datasets": ["photos"], "denoisers": ["ddpm"], "sizes": "all", "figures": ["verdict"],
        }},
        "samples": {"count": 16, "h0": 0.1},
    })  # fmt: skip
    own.run("all")
    verdict = pd.read_csv(tmp_path / "results/figures/copied/verdict_photos_ddpm.csv")
    assert list(verdict.N) == [3] and (verdict.memorized > 0.8).all()
    samples = xr.open_zarr(tmp_path / "results/photos/ddpm/S1-3-seed0/samples.zarr")
    # Samples start at the end of the schedule, for images in [0, 1].
    noisiest = float((1 / scheduler.alphas_cumprod[-1] - 1) ** 0.5) / 2
    assert samples.sigma.isel(step=0).max() == pytest.approx(noisiest, rel=0.05)

    # The schedule belongs to the model.
    file = tmp_path / "ddpm/scheduler/scheduler_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"beta_end": 0.021}))
    assert "photos/ddpm/S1-3-seed0/denoiser.safetensors" in own.stale()


def memorizing_unet(images, scheduler):
    """A UNet trained as in diffusers' own examples, until it has memorized the images."""
    torch.manual_seed(0)
    network = diffusers.UNet2DModel(
        sample_size=8, in_channels=1, out_channels=1, block_out_channels=(16, 32),
        layers_per_block=1, norm_num_groups=4, down_block_types=("DownBlock2D",) * 2,
        up_block_types=("UpBlock2D",) * 2,
    )  # fmt: skip
    optimizer, steps = torch.optim.Adam(network.parameters(), 2e-3), 200
    rate = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, steps)
    for _ in range(steps):
        x, t = images[torch.randint(len(images), (32,))], torch.randint(1000, (32,))
        noise = torch.randn_like(x)
        loss = (network(scheduler.add_noise(x, noise, t), t).sample - noise).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
    return network
