"""Samplers applied to a Gaussian, where the result is known exactly along each axis.

The Wiener filter is linear, hence so is every step of a sampler, and along each eigenvector of the
data's covariance, with variance l, mean and variance of y follow a scalar recursion.
"""

import itertools

import numpy as np
import pytest
import torch
from gahb.denoisers.references.wiener import Wiener
from gahb.samples.flow import noise_levels, probability_flow
from gahb.samples.sampler import sample

SHAPE = (1, 4, 4)
#: From far above to far below the initial noise of samples.
VARIANCES = torch.logspace(1, -5, 16, dtype=torch.float64)
MEAN = torch.linspace(0.1, 0.9, 16, dtype=torch.float64).reshape(SHAPE)


def wiener() -> Wiener:
    """E[x | y] of N(MEAN, C); C has the eigenvalues VARIANCES along random axes."""
    generator = torch.Generator().manual_seed(1)
    axes = torch.linalg.qr(torch.randn(16, 16, generator=generator, dtype=torch.float64))[0]
    return Wiener(MEAN, VARIANCES, axes)


def along(y, axes) -> torch.Tensor:
    """Coefficients of y - MEAN: (image, axis)."""
    return (y - MEAN).flatten(1) @ axes


def gains(steps: int, sigma: float = 1.0, sigma_min: float = 0.01):
    """The gain of the flow along each axis, for y at sigma_min and for the sample."""
    denoiser = wiener()
    y = MEAN + denoiser.axes.T.reshape(16, *SHAPE)
    *_, (last, samples, _) = probability_flow(denoiser, y, noise_levels(sigma, sigma_min, steps))
    return [along(image, denoiser.axes) for image in (last, samples)]


def test_the_flow_of_a_gaussian_is_followed_along_each_axis():
    """y - m is proportional to (l + sigma^2)^1/2, and axes do not mix."""
    last, samples = gains(400)
    expected = ((VARIANCES + 0.01**2) / (VARIANCES + 1)).sqrt()
    torch.testing.assert_close(last, expected.diag(), rtol=1e-3, atol=1e-9)
    kept = VARIANCES / (VARIANCES + 0.01**2)
    torch.testing.assert_close(samples, (expected * kept).diag(), rtol=1e-3, atol=1e-9)


def test_the_error_falls_as_the_square_of_the_steps():
    expected = ((VARIANCES + 0.01**2) / (VARIANCES + 1)).sqrt()
    errors = [(gains(steps)[0].diag() / expected).log().abs() for steps in (40, 80, 160)]
    for coarse, fine in itertools.pairwise(errors):
        assert (coarse / fine).min() > 3
        assert (coarse / fine).median() == pytest.approx(4, rel=0.1)
    # The default's 20 steps lose little contrast along axes that have some.
    variances = (gains(20)[1].diag() ** 2 * (VARIANCES + 1))[VARIANCES > 0.01]
    torch.testing.assert_close(variances, VARIANCES[VARIANCES > 0.01], rtol=0.05, atol=0)


def test_only_starts_with_the_covariance_of_the_data_keep_it():
    """The samples' covariance is A S A^T, with S the covariance of starts and A the flow's map."""
    A = gains(400, sigma_min=0.001)[1]
    data = VARIANCES + 1
    torch.testing.assert_close(A @ data.diag() @ A.T, VARIANCES.diag(), rtol=0.02, atol=1e-5)
    paper = (A @ A.T).diag()
    torch.testing.assert_close(paper, VARIANCES / (VARIANCES + 1), rtol=0.02, atol=1e-5)
    kept = (VARIANCES / (VARIANCES + 1)).sum() / VARIANCES.sum()
    torch.testing.assert_close(paper.sum() / VARIANCES.sum(), kept, rtol=2e-3, atol=0)
    assert kept < 0.3


def test_levels_agree_with_edm():
    levels = noise_levels(80.0, 0.002, 18)
    i = np.arange(18) / 17
    np.testing.assert_allclose(
        levels, (80 ** (1 / 7) + i * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7, rtol=1e-9
    )
    assert (levels[0], levels[-1]) == (80.0, 0.002)
    for wrong in ((1.0, 1.0, 20), (1.0, 0.0, 20), (1.0, 0.1, 1)):
        with pytest.raises(ValueError, match="sigma_min"):
            noise_levels(*wrong)


def test_each_step_yields_its_level_y_and_estimate_and_takes_two_evaluations():
    calls = []

    def denoiser(y, sigma):
        calls.append(sigma)
        return y / (1 + sigma**2)

    levels = noise_levels(1.0, 0.1, 5)
    y = torch.randn(3, *SHAPE, generator=torch.Generator().manual_seed(0))
    steps = list(probability_flow(denoiser, y, levels))
    assert len(calls) == 2 * 4 + 1
    torch.testing.assert_close(steps[0][0], y)
    for level, (at, estimate, sigma) in zip(levels, steps, strict=True):
        torch.testing.assert_close(sigma, torch.full((3,), level))
        torch.testing.assert_close(estimate, at / (1 + level**2))


def test_images_do_not_influence_each_other():
    denoiser, levels = wiener(), noise_levels(1.0, 0.01, 10)
    y = MEAN + torch.randn(5, *SHAPE, generator=torch.Generator().manual_seed(0)).double()
    *_, (_, together, _) = probability_flow(denoiser, y, levels)
    y[2] = torch.nan
    *_, (_, apart, _) = probability_flow(denoiser, y, levels)
    torch.testing.assert_close(apart[[0, 1, 3, 4]], together[[0, 1, 3, 4]])
    assert apart[2].isnan().all()


@pytest.mark.parametrize("beta", [0.2, 1.0])
def test_the_ascent_follows_the_recursion_of_mean_and_variance(beta):
    """Mean and variance of y_t before step t along each axis, from the start 0 + z.

    With a = l / (l + sigma_t^2) the step is y <- y - h_t (1 - a) (y - m) + gamma_t z, and
    sigma_{t+1} = (1 - beta h_t) sigma_t.
    """
    count, h0, levels, moments = 4000, 0.2, [], []
    offset = along(torch.zeros(1, *SHAPE).double(), wiener().axes)[0]
    factor, variance, sigma = torch.ones(16).double(), torch.ones(16).double(), 1.0
    for t in range(1, 13):
        levels.append(sigma)
        moments.append((factor * offset, variance))
        h = h0 * t / (1 + h0 * (t - 1))
        step = 1 - h * sigma**2 / (VARIANCES + sigma**2)
        gamma2 = ((1 - beta * h) ** 2 - (1 - h) ** 2) * sigma**2
        factor, variance = step * factor, step**2 * variance + gamma2
        sigma *= 1 - beta * h
    denoiser = wiener()
    single = wiener().float()
    drawn = sample(
        single, SHAPE, count, seed=0, h0=h0, beta=beta, mean=0.0, batch=count,
        sigma_min=levels[-1] * 0.999, levels=tuple(level * 1.0001 for level in levels),
    )  # fmt: skip
    for i, (mean, variance) in enumerate(moments):
        y = along(torch.from_numpy(drawn.trajectory[:, i]).double(), denoiser.axes)
        error = (variance / count).sqrt() + 1e-6
        assert ((y.mean(0) - mean).abs() < 4.5 * error).all()
        assert ((y.var(0) / variance - 1).abs() < 4.5 * (2 / count) ** 0.5 + 1e-4).all()
