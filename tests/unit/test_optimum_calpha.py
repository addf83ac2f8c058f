"""The optimum of C^alpha images against dense algebra, importance sampling and identities."""

import math

import numpy as np
import pytest
import torch
from gahb.datasets import calpha as source
from gahb.denoisers.optima import fields
from gahb.denoisers.optima.calpha import Calpha
from gahb.denoisers.optima.chain import Chain
from gahb.denoisers.optima.contours import Contours, masks
from gahb.denoisers.optima.fields import OFFSET, Likelihood
from gahb.denoisers.references import optimum
from gahb.denoisers.references.wiener import Wiener, fit
from gahb.psnr import psnr

SIDE, ALPHA = 8, 2.0


def generator(seed):
    return torch.Generator().manual_seed(seed)


def images(count, side, alpha, seed=3):
    """C^alpha images, and the masks of their contours."""
    index = np.arange(count)
    x = torch.from_numpy(source.draw(seed, index, side, alpha))
    noise = [
        np.random.Generator(np.random.SFC64([seed, i])).random(3 + side, np.float32)[3:]
        for i in index
    ]
    contour = Contours(side, alpha)(torch.from_numpy(2 * np.array(noise) - 1)).round()
    return x, masks(contour, side)


def noisy(x, sigma, seed=1):
    return x + sigma * torch.randn(x.shape, generator=generator(seed))


def dense(mask, gains, sigma, alpha=ALPHA):
    """Covariance of y given the contour and the gains, in double precision, from cosines."""
    side = mask.shape[-1]
    k = np.fft.fftfreq(side, 1 / side)
    k2 = (k[:, None] ** 2 + k**2).ravel()
    s = np.arange(side)
    place = np.stack(np.meshgrid(s, s, indexing="ij"), -1).reshape(-1, 2)
    frequency = np.stack(np.meshgrid(k, k, indexing="ij"), -1).reshape(-1, 2)[1:]
    waves = np.exp(2j * np.pi / side * place @ frequency.T) / side
    K = (waves * (k2[1:] ** -alpha / 3) @ waves.conj().T).real
    m = mask.double().numpy().ravel()
    n, (b, c) = 1 - m, gains.double().numpy()
    C = (b**2 * K + OFFSET**2) * np.outer(m, m) + (c**2 * K + OFFSET**2) * np.outer(n, n)
    return C + sigma**2 * np.eye(side**2)


@pytest.mark.parametrize("alpha", [1.0, 2.0, 4.0])
def test_masks_agree_with_the_images(alpha):
    """x is one background where the mask is 1 and the other where it is 0, as in the generator."""
    noise = np.random.default_rng(0).uniform(-1, 1, (20, SIDE)).astype(np.float32)
    rows = Contours(SIDE, alpha)(torch.from_numpy(noise)).round().numpy()
    np.testing.assert_array_equal(rows, source.contours(noise, alpha))
    padded = np.pad(np.arange(SIDE)[:, None] >= rows[:, None], ((0, 0), (1, 0), (1, 0)), "edge")
    box = sum(padded[:, i : i + SIDE, j : j + SIDE].astype(float) for i in (0, 1) for j in (0, 1))
    np.testing.assert_array_equal(masks(torch.from_numpy(rows), SIDE), box / 4)


@pytest.mark.parametrize("sigma", [0.3, 0.05])
def test_the_likelihood_with_all_harmonics_agrees_with_dense_algebra(sigma, monkeypatch):
    monkeypatch.setattr(fields, "LEAST", SIDE**2 - 1)
    monkeypatch.setattr(fields, "MOST", SIDE**2 - 1)
    x, mask = images(5, SIDE, ALPHA)
    y, gains = noisy(x, sigma)[:, 0] - 0.5, torch.tensor([[2.0, 0.7]]).expand(5, 2)
    likelihood = Likelihood(y, sigma, ALPHA, math.log(0.26))
    found, mean, _ = likelihood(mask, gains)
    expected, means = [], []
    for one, m, g in zip(y.double().numpy(), mask, gains, strict=True):
        C, v = dense(m, g, sigma), one.ravel()
        solved = np.linalg.solve(C, v)
        expected.append(-0.5 * (v @ solved + np.linalg.slogdet(C)[1]))
        means.append(v - sigma**2 * solved)
    np.testing.assert_allclose(found - found[0], np.array(expected) - expected[0], atol=0.02)
    np.testing.assert_allclose(mean.flatten(1), means, atol=1e-3)
    every = likelihood.of_all(mask, gains)
    torch.testing.assert_close(every.diagonal(), found, atol=0.02, rtol=0)


def test_the_exact_solve_is_miyasawas_formula():
    """E[x | y, mask, gains] = y + sigma^2 grad log p(y | mask, gains), in double precision."""
    x, mask = images(1, SIDE, ALPHA)
    sigma, gains = 0.2, torch.tensor([[1.5, 0.5]])
    y, truth = noisy(x, sigma)[:, 0] - 0.5, Calpha(ALPHA, SIDE)
    mean, variance = truth.solve(y, sigma, mask, gains, truth.covariance())
    C, v, step = dense(mask[0], gains[0], sigma), y[0].double().numpy().ravel(), 1e-4
    inverse = np.linalg.inv(C)

    def log_p(v):
        return -0.5 * v @ inverse @ v

    score = [(log_p(v + step * e) - log_p(v - step * e)) / (2 * step) for e in np.eye(SIDE**2)]
    np.testing.assert_allclose(mean[0].flatten(), v + sigma**2 * np.array(score), atol=1e-4)
    left = sigma**2 * (1 - sigma**2 * np.trace(inverse) / SIDE**2)
    np.testing.assert_allclose(variance[0], left, rtol=1e-3)


def test_the_oracle_is_the_dense_solve_at_its_gains():
    x, mask = images(4, SIDE, ALPHA)
    truth, sigma = Calpha(ALPHA, SIDE), 0.1
    y = noisy(x, sigma)
    found = truth.given(mask, y, sigma)[:, 0] - 0.5
    data, K = y[:, 0] - 0.5, truth.covariance()
    scale = float(truth.log_range.mean().exp())
    searched = [0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 1.0]
    solved = torch.stack(
        [
            truth.solve(data, sigma, mask, torch.tensor([[b, c]]).expand(4, 2) / scale, K)[0]
            for b in searched
            for c in searched
        ]
    )
    nearest = (solved - found).abs().amax((2, 3)).amin(0)
    assert (nearest < 1e-3).all()
    # The two sides of a contour are equivalent.
    torch.testing.assert_close(
        truth.given(1 - mask, y, sigma)[:, 0] - 0.5, found, atol=1e-3, rtol=0
    )


def test_chains_find_the_mean_that_importance_sampling_finds():
    """With few pixels at high noise, the posterior mean is a weighted mean over prior draws."""
    sigma, draws = 0.3, 40_000
    y = noisy(images(4, SIDE, ALPHA)[0], sigma)
    truth = Calpha(ALPHA, SIDE, steps=400)
    found = truth.posterior(y, sigma)
    data = y[:, 0] - 0.5
    drawn = generator(5)
    noise = torch.randn(draws, SIDE, generator=drawn) / 3**0.5
    which = torch.randint(1000, (draws, 2), generator=drawn)
    gains = torch.rand(draws, 2, generator=drawn) / truth.log_range[which].exp()
    mask = masks(Contours(SIDE, ALPHA)(noise).round(), SIDE)
    likelihood = Likelihood(data, sigma, ALPHA, float(truth.log_range.mean()))
    weights = likelihood.of_all(mask, gains).softmax(0)
    assert (1 / weights.square().sum(0) > 200).all()  # effective number of draws
    for i, one in enumerate(data):
        own = Likelihood(one[None], sigma, ALPHA, float(truth.log_range.mean()))
        leading = weights[:, i].topk(2000)
        own.y = one[None].expand(2000, -1, -1)
        means = own(mask[leading.indices], gains[leading.indices])[1]
        mean = (leading.values[:, None, None] * means).sum(0) / leading.values.sum() + 0.5
        off = (found.mean[i, 0] - mean).square().mean()
        assert off < 0.03 * found.variance[i], (i, off, found.variance[i])


def test_the_optimum_of_smooth_images_agrees_with_earlier_measurements():
    """alpha = 4, 24x24, 10 dB: 25.6 dB on average for another 12 images, with a standard error of
    0.5 for both sets; less than with a known contour; two estimates of its error agree."""
    x, mask = images(16, 24, 4.0)
    sigma = 10 ** (-10 / 20)
    y, truth = noisy(x, sigma), Calpha(4.0, 24, steps=200)
    found = truth.posterior(y, sigma)
    reached = psnr(found.mean, x)
    assert abs(float(reached.mean()) - 25.6) < 1
    assert float(psnr(truth.given(mask, y, sigma), x).mean()) > float(reached.mean()) + 0.5
    squared = (found.mean - x).square().mean()
    assert abs(10 * math.log10(squared / found.variance.mean())) < 1
    assert 10 * math.log10(1 + found.error.mean() / found.variance.mean()) < 0.3


def test_the_difference_of_a_filter_is_orthogonal_to_the_error_of_the_optimum():
    """E <x - f, g - f> = 0 for every g, within four standard errors; not if f assumes too little
    noise."""
    x, _ = images(210, SIDE, ALPHA)
    sigma, truth, wiener = 0.2, Calpha(ALPHA, SIDE, steps=200), Wiener(**fit(x[60:]))
    y = noisy(x[:60], sigma)

    def scores(told):
        best = truth(y, told)
        along = ((x[:60] - best) * (wiener(y, sigma) - best)).flatten(1).sum(1)
        return float(along.mean() / along.std()) * math.sqrt(len(y))

    assert abs(scores(sigma)) < 4
    assert abs(scores(2 * sigma)) > 4


@pytest.mark.parametrize("alpha", [1.0, 4.0])
def test_log_p_of_contours_given_fields_is_the_sum_over_pixels(alpha):
    """Also for contours that leave the image, and for flat ones."""
    y = noisy(images(3, SIDE, alpha)[0], 0.1)[:, 0] - 0.5
    options = {"groups": 1, "chains": 2, "starts": 50, "seed": 0}
    chain = Chain(y, 0.1, alpha, Calpha(alpha, SIDE).log_range, **options)
    at = torch.randint(SIDE + 1, (6, 40, SIDE), generator=generator(0))
    at[:, 0], at[:, 1], at[:, 2:20] = 0, SIDE, at[:, 2:20] // 3 * 3
    mask = masks(at.flatten(0, 1).float(), SIDE).view(6, 40, SIDE, SIDE).double()
    b, c = chain.fields[:, None].double().unbind(2)
    rest = chain.likelihood.harmonics.rest * chain.gains.double().square()[..., None, None, None]
    variance = chain.sigma**2 + mask.square() * rest[:, 0] + (1 - mask).square() * rest[:, 1]
    errors = chain.y[:, None] - mask * b - (1 - mask) * c
    expected = -0.5 * (errors.square() / variance + variance.log()).sum((2, 3))
    found = chain.told(chain.tables(), at).double()
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=1e-5)


def test_chains_that_did_not_mix_are_reported():
    x, _ = images(8, 24, 2.0)
    sigma = 10 ** (-30 / 20)
    found = Calpha(2.0, 24, steps=20).posterior(noisy(x, sigma), sigma)
    assert float(found.rhat.max()) > 1.1


def test_a_derivative_is_refused():
    truth, y = Calpha(ALPHA, SIDE, steps=10), torch.rand(1, 1, SIDE, SIDE, requires_grad=True)
    with pytest.raises(NotImplementedError, match="no derivatives"):
        truth(y, 0.2)
    torch.testing.assert_close(truth(y.detach(), 0.2), truth(y.detach(), 0.2), rtol=0, atol=0)


def test_the_oracle_is_told_the_contours_that_the_store_holds():
    x, mask = images(10, 16, 2.0)
    contour = source.calpha(alpha=2, side=16, images=10, seed=3).distribution["contour"].values
    y = noisy(x, 0.1)
    tensors = optimum.fit(None, {"source": "calpha", "alpha": 2.0, "side": 16}, contour="known")
    oracle = optimum.build(tensors, None)
    with pytest.raises(ValueError, match="told of 0 contours, but asked for 10 images"):
        oracle(y, 0.1)
    oracle.tell(contour)
    torch.testing.assert_close(oracle(y, 0.1), Calpha(2.0, 16).given(mask, y, 0.1))
    sigma = torch.tensor([0.1, 0.3] * len(y))[: len(y)]
    expected = torch.where(sigma[:, None, None, None] < 0.2, oracle(y, 0.1), oracle(y, 0.3))
    torch.testing.assert_close(oracle(y, sigma), expected, atol=2e-3, rtol=0)


def test_images_without_a_contour_have_no_such_oracle():
    with pytest.raises(ValueError, match="disks images have no contour"):
        optimum.fit(None, {"source": "disks", "side": 16}, contour="known")


def test_batches_with_several_noise_levels_agree_with_single_levels():
    truth, y = Calpha(ALPHA, SIDE, steps=20), noisy(images(4, SIDE, ALPHA)[0], 0.2)
    found = truth(y, torch.tensor([0.1, 0.3, 0.1, 0.3]))
    for sigma, at in ((0.1, [0, 2]), (0.3, [1, 3])):
        torch.testing.assert_close(found[at], truth(y[at], float(torch.tensor(sigma))))
