"""Networks of other architectures: their properties and limits, and that each of them learns."""

import numpy as np
import pytest
import torch
from conftest import TINY
from gahb import denoisers
from gahb.denoisers import NetworkDenoiser
from gahb.denoisers.networks.batchnorm import BFBatchNorm2d
from gahb.properties import properties
from gahb.training.device import training_flop
from gahb.training.loop import train
from gahb.training.recipe import Recipe
from gahb.training.state import Training
from study import costs
from study.config import ConfigError, checked

SIDE = 8
NETWORKS = {
    "mlp": {"architecture": "mlp", "side": SIDE, "channels": 80, "layers": 2},
    "global": {"architecture": "transformer", "side": SIDE, "channels": 16, "layers": 2,
               "patch": 2},
    "local": {"architecture": "transformer", "side": SIDE, "channels": 16, "layers": 1, "window": 3,
              "patch": 1},
    "biased": {"architecture": "biased_unet", "channels": 8, "blocks": 2},
}  # fmt: skip


def made(name, image_channels=1):
    return denoisers.initialized(seed=0, gain=0.1, image_channels=image_channels, **NETWORKS[name])


def trained_like(name, image_channels=1):
    """A network with random parameters and statistics, in double precision."""
    network = made(name, image_channels).double().eval()
    generator = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        if parameter.shape[0] == 1 or not parameter.any():
            parameter.data.normal_(generator=generator)
    for module in network.modules():
        if isinstance(module, BFBatchNorm2d):
            module.running_sd.uniform_(0.5, 1.5, generator=generator)
    return network


def some(count, image_channels=1):
    generator = torch.Generator().manual_seed(2)
    size = count, image_channels, SIDE, SIDE
    return torch.randn(size, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("image_channels", [1, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_all_networks_without_biases_are_homogeneous_and_equal_their_tangent(name, image_channels):
    network, y = trained_like(name, image_channels), some(2, image_channels)
    found, along_y = torch.func.jvp(network, (y,), (y,))
    assert found.shape == y.shape and found.abs().min() > 0
    for a in (1e-3, 1e3):
        off = (network(a * y) - a * found).norm() / (a * found).norm()
        assert off > 0.1 if name == "biased" else off < 1e-10
    off = (along_y - found).norm() / found.norm()
    assert off > 0.1 if name == "biased" else off < 1e-10


@pytest.mark.parametrize("name", NETWORKS)
def test_norms_fold_and_weights_come_back_from_a_file(name, tmp_path):
    network, y = trained_like(name).float(), some(2).float()
    torch.testing.assert_close(
        NetworkDenoiser(network)(y, 0.1), y - network(y), rtol=1e-4, atol=1e-4
    )
    denoisers.save(network, tmp_path / "it.safetensors", image_channels=1, **NETWORKS[name])
    torch.testing.assert_close(
        denoisers.load(tmp_path / "it.safetensors")(y, 0.1), NetworkDenoiser(network)(y, 0.1)
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_it_learns_flat_images_and_its_operations_are_counted(name):
    """Flat images: less noise is left, much less for all but the perceptron."""
    gray = torch.rand(64, 1, 1, 1, generator=torch.Generator().manual_seed(0))
    images = gray.expand(-1, 1, SIDE, SIDE).contiguous()
    recipe = {"batch": 32, "learning_rate": 0.05, "optimizer": "muon"}
    if name == "mlp":
        recipe = {"batch": 128, "learning_rate": 0.003}
    recipe = Recipe(200, noise="mixed", loss="weighted", **recipe)
    network = made(name)
    training = Training(network, images, recipe, 0)
    for _ in train(training):
        pass
    z = torch.randn(images.shape, generator=torch.Generator().manual_seed(3))
    left = NetworkDenoiser(network)(images + 0.3 * z, 0.3) - images
    assert left.square().mean() < (0.85 if name == "mlp" else 0.6) * 0.3**2
    counted = training_flop(network, (1, SIDE, SIDE)) / 3
    assert costs.forward_flop(NETWORKS[name], SIDE) == counted


def test_a_token_sees_only_its_window():
    """One layer with windows of 3 patches of one pixel: an estimate depends on 3 x 3 pixels."""
    network = trained_like("local")
    y = some(1).requires_grad_()
    network(y)[0, 0, 4, 3].backward()
    seen = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    seen[3:6, 2:5] = True
    assert torch.equal(y.grad[0, 0] != 0, seen)
    far = trained_like("global")
    y = some(1).requires_grad_()
    far(y)[0, 0, 4, 3].backward()
    assert y.grad.all()


def test_attention_by_position_alone_is_equivariant_to_shifts_by_patches():
    """Away from borders, beyond the reach of a window of 3 patches in one layer."""
    network, y = trained_like("local"), some(1)
    moved = network(y.roll((1, 2), (2, 3)))
    torch.testing.assert_close(
        moved[..., 3:-2, 4:-2], network(y).roll((1, 2), (2, 3))[..., 3:-2, 4:-2]
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_have_the_properties_of_their_architecture(name):
    found = properties(NetworkDenoiser(trained_like(name)), some(1)[0], 0.3, torch.arange(SIDE**2))
    biased = name == "biased"
    assert (found.homogeneity > 1e-3) == (found.linearity > 1e-3) == biased
    assert biased or max(found.homogeneity, found.linearity) < 1e-9
    if name == "local":  # one layer with windows of 3 pixels, which do not reach the border
        assert found.equivariance < 1e-9 and found.radius <= np.sqrt(2)
        assert not found.field[: SIDE - 2].any()
    if name == "mlp":
        assert found.equivariance > 0.1 and found.radius > 3


def test_the_biased_unet_starts_as_the_one_without_biases():
    options = {"channels": 8, "blocks": 2, "gain": 0.5}
    y = some(2).float()
    torch.testing.assert_close(
        denoisers.initialized("biased_unet", 0, **options)(y),
        denoisers.initialized("unet", 0, **options)(y),
    )


@pytest.mark.parametrize("name", ["mlp", "global"])
def test_images_with_another_side_are_refused(name):
    with pytest.raises(ValueError, match=r"12 x 12 pixels.*8 x 8"):
        made(name)(torch.zeros(1, 1, 12, 12))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"side": 12}, r"calpha has a side of 8 pixels, not the 12 of denoisers\.tiny\.side"),
        ({"heads": 3}, r"denoisers\.tiny\.channels: found 16, no multiple of heads, 3"),
        ({"patch": 3}, r"denoisers\.tiny\.side: found 8, no multiple of patch, 3"),
    ],
)
def test_invalid_options_are_named(changed, message):
    entry = NETWORKS["global"] | {"training": TINY["denoisers"]["tiny"]["training"]} | changed
    with pytest.raises(ConfigError, match=message):
        checked(TINY | {"denoisers": TINY["denoisers"] | {"tiny": entry}})
