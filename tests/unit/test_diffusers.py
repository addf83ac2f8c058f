"""Folders written by diffusers, against its own schedulers."""

import json
import shutil

import diffusers
import numpy as np
import pytest
import torch
from gahb import denoisers
from gahb.denoisers import NetworkDenoiser
from gahb.denoisers.imported.diffusers import UnreadableFolder, read

SMALL = {
    "sample_size": 8, "in_channels": 1, "out_channels": 1, "block_out_channels": (8, 8),
    "layers_per_block": 1, "norm_num_groups": 4, "attention_head_dim": 4,
    "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
    "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
}  # fmt: skip


def unet(seed=0, **options):
    torch.manual_seed(seed)
    return diffusers.UNet2DModel(**SMALL | options).eval()


def pipeline(folder, network=None, **schedule):
    """Written as by a training script."""
    scheduler = diffusers.DDPMScheduler(clip_sample=False, **schedule)
    diffusers.DDPMPipeline(network or unet(), scheduler).save_pretrained(folder)
    return scheduler


SCHEDULES = [
    {},
    {"beta_schedule": "squaredcos_cap_v2", "prediction_type": "v_prediction"},
    {"beta_schedule": "scaled_linear", "prediction_type": "sample", "beta_end": 0.012},
    {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction"},
    {"trained_betas": np.linspace(1e-3, 0.1, 50).tolist(), "num_train_timesteps": 50},
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: " ".join(s) or "linear")
def test_the_schedulers_own_estimate_of_the_clean_image(tmp_path, schedule):
    network = unet()
    scheduler = pipeline(tmp_path, network, **schedule)
    found, network = NetworkDenoiser(read(tmp_path)[0]).double(), network.double()
    # In float32 its own estimate has errors of 1e-7 times the noise, which may be 10,000.
    scheduler.alphas_cumprod = scheduler.alphas_cumprod.double()
    steps = scheduler.config.num_train_timesteps
    for t in (0, steps // 3, steps // 2, steps - 2):
        a = float(scheduler.alphas_cumprod[t])
        sigma = (1 / a - 1) ** 0.5 / 2
        y = torch.rand(2, 1, 8, 8).double() + sigma * torch.randn(2, 1, 8, 8).double()
        x = a**0.5 * (2 * y - 1)
        with torch.no_grad():
            own = scheduler.step(network(x, t).sample, t, x).pred_original_sample
            torch.testing.assert_close(2 * found(y, sigma) - 1, own, atol=1e-5, rtol=0)


def test_the_imported_file_does_not_need_the_folder(tmp_path):
    pipeline(tmp_path / "run", prediction_type="v_prediction")
    network, described = read(tmp_path / "run")
    denoisers.save(network, tmp_path / "kept.safetensors", **described)
    y, before = torch.rand(2, 1, 8, 8), NetworkDenoiser(network)
    shutil.rmtree(tmp_path / "run")
    after = denoisers.load(tmp_path / "kept.safetensors")
    assert not after.blind
    for sigma in (0.02, 0.3, 5.0):
        torch.testing.assert_close(after(y, sigma), before(y, sigma), atol=1e-5, rtol=1e-5)


def test_a_network_with_its_scheduler_next_to_it(tmp_path):
    unet(1).save_pretrained(tmp_path)
    diffusers.DDIMScheduler().save_pretrained(tmp_path)
    network, _ = read(tmp_path)
    torch.testing.assert_close(network.network.unet.state_dict(), unet(1).state_dict())


def test_averaged_weights_are_read(tmp_path):
    pipeline(tmp_path, unet(1))
    averaged = diffusers.training_utils.EMAModel(
        unet(2).parameters(), model_cls=diffusers.UNet2DModel, model_config=unet(2).config
    )
    averaged.save_pretrained(tmp_path / "unet_ema")
    network, _ = read(tmp_path)
    torch.testing.assert_close(network.network.unet.state_dict(), unet(2).state_dict())


def test_classes(tmp_path):
    network = unet(num_class_embeds=3)
    pipeline(tmp_path, network)
    for label in (None, 3, -1):
        with pytest.raises(UnreadableFolder, match=f"class_label, 0 to 2, .*is {label}"):
            read(tmp_path, class_label=label)
    found, _ = read(tmp_path, class_label=2)
    x, t = torch.rand(2, 1, 8, 8), torch.tensor([3.0, 3.0])
    expected = network(x, t, class_labels=torch.tensor([2, 2])).sample
    torch.testing.assert_close(found.network(x, t), expected)
    pipeline(tmp_path / "none")
    with pytest.raises(UnreadableFolder, match="knows no classes"):
        read(tmp_path / "none", class_label=1)


def test_gray_images_in_three_channels(tmp_path):
    pipeline(tmp_path, unet(in_channels=3, out_channels=3))
    found = NetworkDenoiser(read(tmp_path, repeat_channels=3)[0])
    assert found(torch.rand(2, 1, 8, 8), 0.1).shape == (2, 1, 8, 8)


def test_folders_that_hold_no_denoiser_of_images(tmp_path):
    with pytest.raises(UnreadableFolder, match="no such folder"):
        read(tmp_path / "none")
    with pytest.raises(UnreadableFolder, match=r"no unet/config\.json"):
        read(tmp_path)
    pipeline(tmp_path)
    index = tmp_path / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"vae": ["diffusers", "VQ"]}))
    with pytest.raises(UnreadableFolder, match=r"latent model \(vae\).*Judge its samples"):
        read(tmp_path)
    index.unlink()
    diffusers.EDMEulerScheduler().save_pretrained(tmp_path / "scheduler")
    with pytest.raises(UnreadableFolder, match="a EDMEulerScheduler that predicts epsilon; those"):
        read(tmp_path)
    config = tmp_path / "scheduler" / "scheduler_config.json"
    config.write_text(json.dumps({"_class_name": "DiffusionPipeline"}))
    with pytest.raises(UnreadableFolder, match="a DiffusionPipeline"):
        read(tmp_path)
    config.unlink()
    with pytest.raises(UnreadableFolder, match=r"no scheduler/scheduler_config\.json"):
        read(tmp_path)
    config = tmp_path / "unet" / "config.json"
    config.write_text(json.dumps({"_class_name": "UNet2DConditionModel"}))
    with pytest.raises(UnreadableFolder, match="a UNet2DConditionModel; only UNet2DModel"):
        read(tmp_path)
