"""PSNR and the denoisers known in closed form."""

import numpy as np
import pytest
import torch
from gahb.denoising import (
    Denoiser,
    GaussianDenoiser,
    MemorizingDenoiser,
    input_psnr,
    psnr,
    psnr_curve,
    sigma_from_psnr,
    told,
)
from scipy.special import logsumexp

SHAPE = (1, 3, 4)


def some(count, seed=0):
    return torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(seed))


def test_psnr_of_a_known_error():
    clean = some(4)
    torch.testing.assert_close(psnr(clean + 0.1, clean), torch.full((4,), 20.0))
    np.testing.assert_allclose(sigma_from_psnr(input_psnr(np.array([0.01, 0.3]))), [0.01, 0.3])


def test_doing_nothing_has_the_input_psnr():
    images = torch.zeros(50, 1, 32, 32)
    sigmas = [1.0, 0.1, 0.01]
    curve = psnr_curve(lambda y: y, images, sigmas, seed=0)
    np.testing.assert_allclose(curve.mean(1), [0, 20, 40], atol=0.05)
    # The same z at each noise level.
    np.testing.assert_allclose(
        curve - curve[:1], np.full_like(curve, 20) * [[0], [1], [2]], atol=1e-3
    )


def test_curves_are_averages_over_repeats_and_the_same_in_batches():
    images = some(10)
    one = psnr_curve(lambda y: 0.5 * y, images, [0.2], seed=3, batch=10)
    assert not np.array_equal(one, psnr_curve(lambda y: 0.5 * y, images, [0.2], seed=4))
    many = psnr_curve(lambda y: 0.5 * y, images, [0.2], seed=3, repeats=400)
    # PSNRs with a single noise scatter; of those with 400, what is left are the images'.
    again = psnr_curve(lambda y: 0.5 * y, images, [0.2], seed=5, repeats=400)
    assert np.abs(many - again).max() < 0.2 * np.abs(one - many).max()
    bytes_ = psnr_curve(lambda y: y, (images * 255).round().to(torch.uint8), [0.2], seed=3)
    floats = psnr_curve(lambda y: y, images, [0.2], seed=3)
    np.testing.assert_allclose(bytes_, floats, atol=1e-4)


def test_the_denoiser_subtracts_the_noise_that_its_network_predicts():
    network = torch.nn.Conv2d(1, 1, 1, bias=False)
    denoiser = Denoiser(network.train())
    assert not network.training
    torch.testing.assert_close(denoiser(some(2)), some(2) * (1 - network.weight.item()))


def test_a_large_batch_is_denoised_like_its_images_one_at_a_time():
    lengths = []

    class Doubles(torch.nn.Module):
        def forward(self, y):
            lengths.append(len(y))
            return 2 * y

    y = torch.rand(70, 1, 32, 32)
    torch.testing.assert_close(Denoiser(Doubles())(y), -y)
    assert sum(lengths) == 70 and max(lengths) == 32
    assert len(Denoiser(Doubles())(y[:0])) == 0
    assert Denoiser(Doubles())(torch.rand(2, 1, 256, 256)).shape == (2, 1, 256, 256)


def test_a_denoiser_that_needs_sigma_is_told_it():
    seen = []

    class Known(torch.nn.Module):
        needs_sigma = True

        def forward(self, y, sigma):
            seen.append(sigma)
            return y * sigma

    psnr_curve(Denoiser(Known()), some(1), [0.5, 0.25], seed=0)
    assert seen == [0.5, 0.25]
    blind = Denoiser(torch.nn.Identity())
    assert told(blind, 0.1) is blind


def test_wiener_is_the_best_linear_denoiser():
    """Its squared error is sum v sigma^2 / (v + sigma^2) over the variances v."""
    variances, sigma = torch.logspace(0, -2, 12), 0.3
    axes = torch.linalg.qr(torch.randn(12, 12, generator=torch.Generator().manual_seed(0)))[0]
    denoiser = GaussianDenoiser(some(1)[0], axes @ torch.diag(variances) @ axes.T)
    z, noise = torch.randn(2, 40000, 12, generator=torch.Generator().manual_seed(1))
    x = some(1) + (z * variances.sqrt() @ axes.T).reshape(-1, *SHAPE)
    y = x + sigma * noise.reshape(x.shape)
    error = (denoiser(y, sigma) - x).square().flatten(1).sum(1).mean()
    expected = (variances * sigma**2 / (variances + sigma**2)).sum()
    torch.testing.assert_close(error, expected, rtol=0.02, atol=0)


@pytest.mark.parametrize("sigma", [0.05, 0.3, 3.0])
def test_the_memorizing_denoiser_is_miyasawas_formula_of_the_mixture(sigma):
    """f(y) - y = sigma^2 grad log p of the training images blurred by N(0, sigma^2)."""
    images, y = some(7).double(), some(1, 5).double()

    def log_density(y):
        squared = np.square(images.flatten(1).numpy() - y).sum(1)
        return logsumexp(-squared / (2 * sigma**2))

    flat, step = y.flatten().numpy(), 1e-5
    score = [
        (log_density(flat + step * e) - log_density(flat - step * e)) / (2 * step)
        for e in np.eye(12)
    ]
    found = MemorizingDenoiser(images)(y, sigma).flatten().numpy()
    np.testing.assert_allclose(found - flat, sigma**2 * np.array(score), atol=1e-6)


def test_the_memorizing_denoiser_returns_its_images_at_little_noise():
    images = some(7)
    noisy = images + 0.01 * torch.randn(images.shape)
    torch.testing.assert_close(MemorizingDenoiser(images)(noisy, 0.01), images)
    mean = images.mean(0, keepdim=True)
    torch.testing.assert_close(
        MemorizingDenoiser(images)(noisy, 1e4), mean.expand_as(images), atol=1e-5, rtol=0
    )
