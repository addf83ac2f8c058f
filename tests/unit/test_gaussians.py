"""Mixtures with learned means, partial memorizers, and the crossover between them."""

import math

import numpy as np
import pytest
import torch
from gahb import crossover, denoisers
from gahb.denoisers.networks.gaussians import Gaussians
from gahb.denoisers.optima.mixture import Mixture
from gahb.denoisers.references import partial_memorizer
from gahb.denoisers.references.memorizer import Memorizer
from gahb.jacobian import Products, jacobian
from gahb.training.loop import train
from gahb.training.objective import LEVELS
from gahb.training.recipe import Recipe
from gahb.training.state import Training

SIDE, SIGMA = 4, 0.3
OWN = torch.tensor([0.05, 0.3, 1.0], dtype=torch.float64)  # a noise level for each image


def some(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 2, SIDE, SIDE, generator=generator, dtype=torch.float64)


def denoiser(means, variance):
    network = Gaussians(2, side=SIDE, means=len(means)).double().requires_grad_(False)
    network.means.copy_(means)
    network.log_variance.fill_(math.log(variance) if variance else -torch.inf)
    return denoisers.NetworkDenoiser(network)


@pytest.mark.parametrize("sigma", [SIGMA, OWN])
def test_with_a_mean_on_each_image_and_no_variance_it_is_the_memorizer(sigma):
    images, y = some(7), some(3, 1)
    torch.testing.assert_close(denoiser(images, 0)(y, sigma), Memorizer(images)(y, sigma))


@pytest.mark.parametrize("sigma", [SIGMA, OWN])
def test_it_is_the_optimum_of_its_own_mixture(sigma):
    means, y = some(5), some(3, 1)
    optimum = Mixture(means, torch.tensor(0.2, dtype=torch.float64))
    torch.testing.assert_close(denoiser(means, 0.04)(y, sigma), optimum(y, sigma))


def test_one_mean_is_the_shrinkage_of_a_gaussian():
    (mean,), y = some(1), some(3, 1)
    expected = mean + 0.04 / (0.04 + SIGMA**2) * (y - mean)
    torch.testing.assert_close(denoiser(mean[None], 0.04)(y, SIGMA), expected)


def test_the_jacobian_is_the_posterior_covariance():
    """df/dy = Cov[x | y] / sigma^2, by either mode."""
    means, y, v = some(5), some(1, 1)[0], 0.04
    f, variance = denoiser(means, v), v + SIGMA**2
    weights = (-(y - means).flatten(1).square().sum(1) / (2 * variance)).softmax(0)
    centered = (means - torch.einsum("c,cijk->ijk", weights, means)).flatten(1)
    within, gain = v * SIGMA**2 / variance * torch.eye(y.numel()), SIGMA**2 / variance
    covariance = within + gain**2 * torch.einsum("c,ci,cj->ij", weights, centered, centered)
    torch.testing.assert_close(jacobian(f, y, SIGMA), covariance / SIGMA**2)
    pushed = Products(f, y, SIGMA).forward(torch.eye(y.numel(), dtype=torch.float64))
    torch.testing.assert_close(pushed.T, covariance / SIGMA**2)


def test_gradients_of_the_weights_agree_with_finite_differences():
    network, y = Gaussians(2, side=SIDE, means=3).double(), some(3, 1)
    names, start = zip(*network.named_parameters(), strict=True)

    def errors(*weights):
        return torch.func.functional_call(network, dict(zip(names, weights, strict=True)), (y, OWN))

    assert torch.autograd.gradcheck(errors, start)


def test_it_computes_in_its_own_precision_under_autocast():
    network = Gaussians(2, side=SIDE, means=3)
    y = some(3, 1).float()
    with torch.autocast("cpu", torch.bfloat16):
        found = network(y, SIGMA)
    torch.testing.assert_close(found, network(y, SIGMA), rtol=0, atol=0)


def test_means_start_on_images_of_every_template():
    templates = some(4)
    images = (templates.repeat(5, 1, 1, 1) + 0.01 * some(20, 1))[3:]
    network = Gaussians(2, side=SIDE, means=4)
    network.start_at((255 * images).byte())
    nearest = torch.cdist(network.means.detach().flatten(1), templates.float().flatten(1)).argmin(1)
    assert sorted(nearest.tolist()) == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="means: found 4 for N = 3 training images"):
        network.start_at(images[:3])


def test_images_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(1, 4, 4\), but these Gaussians are for \(2, 4, 4\)"):
        Gaussians(2, side=SIDE, means=3)(torch.zeros(1, 1, SIDE, SIDE), SIGMA)


def test_training_tells_it_the_noise_level():
    """One mean learns the mean and variance of Gaussian images, impossible without sigma."""
    generator = torch.Generator().manual_seed(0)
    images = 0.4 + 0.1 * torch.randn(400, 2, SIDE, SIDE, generator=generator)
    network = denoisers.initialized("gaussians", 0, image_channels=2, side=SIDE, means=1)
    recipe = Recipe(steps=1500, batch=64, learning_rate=0.02, noise="mixed", loss="weighted")
    for _ in train(Training(network, images, recipe, seed=0)):
        pass
    torch.testing.assert_close(network.means[0], images.mean(0), rtol=0, atol=0.02)
    assert float(network.log_variance.detach().exp()) == pytest.approx(0.01, rel=0.1)


# The partial memorizer.


def test_the_memorizer_of_all_images_and_of_some():
    images, y = some(7), some(3, 1)
    whole = partial_memorizer.build(partial_memorizer.fit(images, memorized=7), images)
    torch.testing.assert_close(whole(y, SIGMA), Memorizer(images)(y, SIGMA))
    part = partial_memorizer.build(partial_memorizer.fit(images, memorized=3), images)
    torch.testing.assert_close(part(images[:3], 0.01), images[:3])
    nearest = torch.cdist(images[3:].flatten(1), images[:3].flatten(1)).argmin(1)
    torch.testing.assert_close(part(images[3:], 0.01), images[nearest])
    with pytest.raises(ValueError, match="memorized: found 8 of N = 7"):
        partial_memorizer.fit(images, memorized=8)


# The predicted crossover.


def test_predicted_errors_are_equal_at_the_predicted_crossover():
    sigma = np.array([0.02, 0.1, 0.2, 1.0])
    M = crossover.predicted(60, 0.04, sigma)
    partial = crossover.partial_memorizer_loss(256, 0.04, M / 60)
    assert partial == pytest.approx(crossover.generalizer_loss(256, 0.04, sigma).mean())
    assert crossover.predicted(60, 0.04, 0.2) == pytest.approx(30)


def test_the_error_of_the_generalizer_is_the_optimum_for_one_template():
    x, z = torch.randn(2, 4000, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    f = Mixture(torch.zeros(1, 1, SIDE, SIDE), 0.2)
    error = (f(0.2 * x + SIGMA * z, SIGMA) - 0.2 * x).square().flatten(1).sum(1).mean()
    expected = crossover.generalizer_loss(SIDE**2, 0.04, SIGMA)
    assert float(error) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("noise", LEVELS)
def test_levels_agree_with_training(noise):
    drawn = LEVELS[noise](100_000, torch.Generator().manual_seed(0)).flatten().sort().values
    np.testing.assert_allclose(np.sort(crossover.levels(noise, 100_000)), drawn, atol=0.01)


def test_where_errors_cross():
    assert crossover.crossing([10, 20, 30], [5, 3, 1], 2) == pytest.approx(25)
    assert np.isnan(crossover.crossing([10, 20], [5, 3], 2))
    assert np.isnan(crossover.crossing([10, 20], [1, 0], 2))
