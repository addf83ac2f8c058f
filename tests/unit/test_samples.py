"""Sampling against densities and flows known in closed form."""

import numpy as np
import pytest
import torch
from gahb.denoisers.references.memorizer import Memorizer
from gahb.denoisers.references.wiener import Wiener
from gahb.samples.inverse import inpainting, super_resolution
from gahb.samples.noise import noise
from gahb.samples.sampler import coarse_to_fine, sample
from gahb.samples.start import paper
from gahb.similarity.memorized import memorized_by_distance
from gahb.similarity.pixels import nearest

SHAPE = (1, 4, 4)


def gaussian(spread=0.5) -> tuple[Wiener, torch.Tensor, torch.Tensor]:
    """A denoiser of N(mean, C), with variances from spread^2 / 16 to spread^2; mean and C."""
    generator = torch.Generator().manual_seed(1)
    axes = torch.linalg.qr(torch.randn(16, 16, generator=generator))[0]
    covariance = axes @ torch.diag(spread**2 * torch.linspace(1 / 16, 1, 16)) @ axes.T
    mean = torch.rand(SHAPE, generator=generator)
    return Wiener(mean, *torch.linalg.eigh(covariance)), mean, covariance


class Blind(torch.nn.Module):
    """A function of y alone as a denoiser."""

    blind = True

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, y, sigma):
        return self.function(y)


def shrunk(y):
    """Shrink towards 1/2 at any noise: f is no posterior mean, but contracts."""
    return 0.5 + 0.2 * (y - 0.5)


def test_samples_of_a_gaussian_have_its_mean_and_covariance():
    denoiser, mean, covariance = gaussian()
    drawn = sample(
        denoiser, SHAPE, 8000, seed=0, h0=5e-4, mean=0.5, sd=5.0, sigma_max=20, batch=8000
    )
    assert not drawn.diverged.any()
    flat = torch.from_numpy(drawn.images).flatten(1)
    # Standard errors of 8,000 samples are 0.6 % of the sd and 1.6 % of the variance.
    torch.testing.assert_close(flat.mean(0), mean.flatten(), atol=0.03, rtol=0)
    along = denoiser.axes.T @ torch.cov(flat.T) @ denoiser.axes
    torch.testing.assert_close(along.diag(), denoiser.variances, rtol=0.08, atol=0)
    correlation = torch.corrcoef((flat @ denoiser.axes).T) - torch.eye(16)
    assert correlation.abs().max() < 5 / 8000**0.5
    assert (covariance - torch.cov(flat.T)).norm() < 0.1 * covariance.norm()


def test_the_denoiser_of_a_finite_set_samples_that_set():
    images = torch.rand(6, *SHAPE, generator=torch.Generator().manual_seed(0))
    drawn = sample(Memorizer(images), SHAPE, 64, seed=0, h0=0.05)
    samples = torch.from_numpy(drawn.images)
    found = nearest(samples, images, 2)
    assert memorized_by_distance(samples, found).all()
    assert found.distance[:, 0].max() < 1e-3
    assert len(found.by_distance[:, 0].unique()) > 3  # rather than a single image


def test_noise_is_standard_normal_and_independent():
    drawn = torch.stack([noise(7, torch.arange(100), t, (1, 15, 15)) for t in range(20)]).double()
    count = drawn.numel()
    assert abs(drawn.mean()) < 4 / count**0.5
    assert abs(drawn.var() - 1) < 4 * (2 / count) ** 0.5
    assert abs(drawn.pow(4).mean() - 3) < 4 * (96 / count) ** 0.5
    assert drawn.abs().max() < 7
    other = noise(8, torch.arange(100), 0, (1, 15, 15)).double().expand_as(drawn)
    pixels = drawn.flatten(2)
    for a, b in (
        (drawn[1:], drawn[:-1]),
        (drawn[:, 1:], drawn[:, :-1]),
        (pixels[..., 1:], pixels[..., :-1]),
        (pixels[..., :112], pixels[..., 113:]),  # the two halves of a pair
        (drawn[:1], other[:1]),
    ):
        assert abs((a * b).mean()) < 4 / a.numel() ** 0.5


@pytest.mark.parametrize("order", [[5, 2, 9], [9], [0, 1, 2, 5]])
def test_noise_depends_only_on_seed_sample_and_step(order):
    every = noise(1, torch.arange(10), 4, SHAPE)
    torch.testing.assert_close(
        noise(1, torch.tensor(order), 4, SHAPE), every[order], atol=0, rtol=0
    )
    assert not torch.equal(noise(1, torch.arange(10), 5, SHAPE), every)


def test_the_same_samples_whatever_the_batch_and_the_count():
    denoiser, *_ = gaussian()
    options = {"seed": 0, "h0": 0.1, "beta": 0.3, "levels": (0.3,)}
    together = sample(denoiser, SHAPE, 7, **options)
    for count, batch in ((7, 1), (7, 3), (4, 256)):
        apart = sample(denoiser, SHAPE, count, batch=batch, **options)
        np.testing.assert_allclose(apart.images, together.images[:count], atol=1e-5)
        np.testing.assert_array_equal(apart.steps, together.steps[:count])
        np.testing.assert_allclose(apart.trajectory, together.trajectory[:count], atol=1e-5)


def test_the_steps_follow_the_algorithm():
    """Algorithm 1 in plain loops, one image at a time."""
    h0, beta, sigma_min = 0.1, 0.4, 0.02
    drawn = sample(Blind(shrunk), SHAPE, 3, seed=5, h0=h0, beta=beta, sigma_min=sigma_min)
    for i in range(3):
        y = 0.5 + noise(5, torch.tensor([i]), 0, SHAPE)
        t = 1
        while (sigma := float((shrunk(y) - y).square().mean().sqrt())) >= sigma_min:
            np.testing.assert_allclose(drawn.sigma[i, t - 1], sigma, rtol=1e-4)
            h = h0 * t / (1 + h0 * (t - 1))
            gamma = (((1 - beta * h) ** 2 - (1 - h) ** 2) * sigma**2) ** 0.5
            y = y + h * (shrunk(y) - y) + gamma * noise(5, torch.tensor([i]), t, SHAPE)
            t += 1
        assert drawn.steps[i] == t
        np.testing.assert_allclose(drawn.images[i], shrunk(y)[0], atol=1e-5)
        assert np.isnan(drawn.sigma[i, t:]).all()


def test_a_sampler_continues_with_the_samples_it_is_sent():
    denoiser, *_ = gaussian()
    numbers = torch.arange(6)
    y = paper(2, numbers, SHAPE, mean=0.5, sd=1.0)
    every, some = (coarse_to_fine(denoiser, y, numbers, seed=2, h0=0.1) for _ in range(2))
    going = torch.tensor([True, False, True, True, False, True])
    torch.testing.assert_close(next(every)[0], next(some)[0])
    for keep in (going, slice(None), slice(None)):
        full, part = every.send(slice(None)), some.send(keep)
        for a, b in zip(full, part, strict=True):
            torch.testing.assert_close(a[going], b)


def test_samples_that_diverge_are_marked_and_the_others_continue():
    def explodes(y):
        """Images that start bright explode, and very dark ones become NaN."""
        mean = y.mean((1, 2, 3), keepdim=True)
        good = shrunk(y)
        return torch.where(mean > 0.6, 10 * y, torch.where(mean < 0.3, torch.nan, good))

    drawn = sample(Blind(explodes), SHAPE, 40, seed=0, h0=0.1)
    start = 0.5 + noise(0, torch.arange(40), 0, SHAPE).mean((1, 2, 3)).numpy()
    lost = drawn.diverged
    assert lost[(start > 0.6) | (start < 0.3)].all()
    assert (drawn.steps[(start > 0.6) | (start < 0.3)] == 1).all()
    assert 5 < lost.sum() < 35
    assert np.isfinite(drawn.images).all()
    assert (drawn.sigma[~lost, drawn.steps[~lost] - 1] < 0.01).all()
    alone = sample(Blind(shrunk), SHAPE, 40, seed=0, h0=0.1)
    np.testing.assert_allclose(drawn.images[~lost], alone.images[~lost], atol=1e-5)


def test_a_sample_that_never_ends_is_marked():
    drawn = sample(Blind(lambda y: y + 0.1), SHAPE, 2, seed=0, max_steps=5)
    assert drawn.diverged.all()
    assert (drawn.steps == 5).all()


@pytest.mark.parametrize("kind", ["inpainting", "super-resolution"])
def test_samples_agree_with_measurements_and_are_right_on_average(kind):
    denoiser, mean, covariance = gaussian()
    image = torch.rand(SHAPE, generator=torch.Generator().manual_seed(2)) * 2 - 0.5
    known = torch.zeros(SHAPE, dtype=torch.bool)
    known[..., :2, :] = True
    measurement = (
        inpainting(image, known) if kind == "inpainting" else super_resolution(image, factor=2)
    )
    drawn = sample(
        denoiser, SHAPE, 4000, seed=0, h0=0.002, beta=0.1, measurement=measurement, batch=4000
    )
    samples = torch.from_numpy(drawn.images)
    torch.testing.assert_close(
        measurement.project(samples), measurement.measured.expand_as(samples), atol=1e-4, rtol=0
    )
    # The conditional mean of a Gaussian: mean + C P (P C P)^+ (measured - P mean).
    P = measurement.project(torch.eye(16).reshape(16, *SHAPE)).flatten(1).double()
    C = covariance.double()
    gain = C @ P @ torch.linalg.pinv(P @ C @ P, rtol=1e-4)
    innovation = (measurement.measured - measurement.project(mean[None])[0]).flatten().double()
    expected = mean.flatten() + gain @ innovation
    error = (samples.double().mean(0).flatten() - expected).norm()
    # A fifth of the inferred part of unmeasured pixels may be wrong.
    assert error < 0.2 * (mean.flatten() + innovation - expected).norm()


@pytest.mark.parametrize("wrong", [{"h0": 0}, {"beta": 1.5}, {"sigma_min": 4.0}, {"sd": 3.0}])
def test_options_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="must be in"):
        sample(Blind(shrunk), SHAPE, 1, seed=0, **wrong)


def test_blocks_that_do_not_fill_an_image_are_refused():
    with pytest.raises(ValueError, match="multiples of factor = 3"):
        super_resolution(torch.zeros(1, 8, 9), 3)


def test_a_single_step_to_the_denoised_image():
    training = torch.rand(3, *SHAPE, generator=torch.Generator().manual_seed(0))
    drawn = sample(Memorizer(training), SHAPE, 4, seed=0, h0=1.0, beta=1.0)
    assert not drawn.diverged.any()
    assert (drawn.steps == 2).all()
    nearest = np.abs(drawn.images[:, None] - training.numpy()).max((2, 3, 4)).min(1)
    np.testing.assert_allclose(nearest, 0, atol=1e-6)
