"""The UNet that is told sigma: EDM's preconditioning, and its properties as a map."""

import pytest
import torch
from gahb import denoisers
from gahb.denoisers.networks.edm import SD
from gahb.images import to_float
from gahb.jacobian import Products, jacobian
from gahb.training.device import training_flop
from gahb.training.loop import train
from gahb.training.recipe import Recipe
from gahb.training.state import Training

SIDE, SIGMA = 8, 0.2
SIGMAS = torch.tensor([0.01, 0.2, 1.0], dtype=torch.float64)


def made(image_channels=1, drawn=True):
    """A network of few channels in double precision, with random weights or as training starts."""
    network = denoisers.initialized("edm", 0, image_channels=image_channels, channels=8, blocks=2)
    network = network.double().requires_grad_(False)
    generator = torch.Generator().manual_seed(1)
    for parameter in network.parameters() if drawn else ():
        if not parameter.any() or parameter.eq(1).all():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return network


def some(count, image_channels=1, seed=2):
    generator = torch.Generator().manual_seed(seed)
    size = count, image_channels, SIDE, SIDE
    return torch.rand(size, generator=generator, dtype=torch.float64)


def test_parameters_are_counted():
    def parameters(**options):
        return sum(p.numel() for p in denoisers.build("edm", **options).parameters())

    assert parameters(channels=20, blocks=2) == 265_440
    # Three channels in place of one, into the first convolution, its constants aside, and out.
    assert parameters(image_channels=3, channels=20, blocks=2) == 265_440 + 2 * 2 * 9 * 20


@pytest.mark.parametrize("sigma", [SIGMA, SIGMAS])
def test_it_starts_as_the_shrinkage_of_white_images(sigma):
    """F = 0 gives the posterior mean of x ~ N(1/2, SD^2), with its mean squared error."""
    f, y = denoisers.NetworkDenoiser(made(drawn=False)), some(3)
    noise = torch.as_tensor(sigma, dtype=torch.float64).reshape(-1, 1, 1, 1)
    expected = 0.5 + SD**2 / (SD**2 + noise**2) * (y - 0.5)
    torch.testing.assert_close(f(y, sigma), expected)


def test_without_noise_it_returns_its_input():
    f, y = denoisers.NetworkDenoiser(made()), some(2)
    torch.testing.assert_close(f(y, 0.0), y)
    assert (f(y, 1e-6) - y).abs().max() < 1e-4


@pytest.mark.parametrize("sigma", [0.01, 0.3, 2.0])
def test_input_and_target_of_the_inner_network_have_unit_variance(sigma, monkeypatch):
    """For white images: the target of F is (x - c_skip u) / c_out."""
    network, given = made(), []
    monkeypatch.setattr(network, "predicted", lambda x, level: given.append(x) or 0 * x)
    generator = torch.Generator().manual_seed(0)
    x, z = torch.randn(2, 400, 1, SIDE, SIDE, generator=generator, dtype=torch.float64)
    x = 0.5 + SD * x
    off = network(x + sigma * z, sigma) - sigma * z  # of the noise, with F = 0
    whole = (sigma**2 + SD**2) ** 0.5
    assert float(given[0].var()) == pytest.approx(1, rel=0.02)
    assert float((off / (sigma * SD / whole)).var()) == pytest.approx(1, rel=0.02)


def test_images_of_a_batch_are_denoised_independently():
    f, y = denoisers.NetworkDenoiser(made(3)), some(3, 3)
    alone = [f(one[None], float(sigma)) for one, sigma in zip(y, SIGMAS, strict=True)]
    torch.testing.assert_close(f(y, SIGMAS), torch.cat(alone))


def test_it_depends_on_sigma_and_is_not_homogeneous():
    f, y = denoisers.NetworkDenoiser(made()), some(2)
    assert not f.blind
    assert (f(y, 0.2) - f(y, 0.3)).norm() > 0.01 * f(y, 0.2).norm()
    assert (f(2 * y, SIGMA) - 2 * f(y, SIGMA)).norm() > 0.1 * f(2 * y, SIGMA).norm()


def test_the_jacobian_by_either_mode_agrees_with_finite_differences():
    f, y = denoisers.NetworkDenoiser(made()), some(1)[0]
    unit, h = torch.eye(y.numel(), dtype=torch.float64), 1e-5
    ahead, behind = (f(y + s * h * unit.reshape(-1, *y.shape), SIGMA) for s in (1, -1))
    expected = ((ahead - behind) / (2 * h)).flatten(1).T
    torch.testing.assert_close(jacobian(f, y, SIGMA), expected, rtol=1e-5, atol=1e-8)
    pushed = Products(f, y, SIGMA).forward(unit)
    torch.testing.assert_close(pushed.T, expected, rtol=1e-5, atol=1e-8)


def test_it_learns_flat_images_and_its_operations_are_counted():
    network = denoisers.initialized("edm", 0, channels=8, blocks=2)
    assert training_flop(network, (1, SIDE, SIDE)) > 0
    images = torch.arange(0, 256, 4, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, SIDE, SIDE)
    recipe = Recipe(80, 32, 0.02, loss="weighted", noise="mixed", optimizer="muon")
    training = Training(network, images.contiguous(), recipe, seed=0)
    for _ in train(training):
        pass
    x = to_float(images)
    y = x + SIGMA * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    f = denoisers.NetworkDenoiser(network)
    with torch.no_grad():
        assert (f(y, SIGMA) - x).square().mean() < SIGMA**2 / 4
