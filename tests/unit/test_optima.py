"""Identities that optimal denoisers must satisfy, and their log densities."""

import math

import numpy as np
import pytest
import torch
from gahb import denoisers
from gahb.datasets import disks, open_source
from gahb.denoisers.optima.disks import Disks
from gahb.denoisers.optima.gaussian import Gaussian
from gahb.denoisers.references.memorizer import Memorizer
from gahb.denoisers.references.wiener import Wiener, fit
from gahb.training.recipe import Recipe
from gahb.training.state import Training
from torch.distributions import MultivariateNormal

SIDE = 8
NAMES = ["gaussian", "mixture", "disks"]
DISKS = open_source("disks", side=SIDE, images=3000, seed=5)
SOURCES = {
    "gaussian": open_source("gaussian", beta=2, side=SIDE, images=3000, seed=1),
    "mixture": open_source(
        "mixture", original=DISKS, templates=5, sd=0.1, images=3000, seed=2
    ),
    "disks": DISKS,
}  # fmt: skip


def distribution(name) -> dict:
    return {"source": name, "side": SIDE, "test": 7} | {
        k: v.values for k, v in SOURCES[name].distribution.items()
    }


def optimum(name, dtype=torch.float64):
    tensors = denoisers.fit("optimum", None, distribution=distribution(name))
    return denoisers.built("optimum", tensors, None).to(dtype)


def images(name, start, stop) -> torch.Tensor:
    return torch.from_numpy(SOURCES[name].read(start, stop)).double()


def noisy(x, sigma, seed=0):
    return x + sigma * torch.randn(x.shape, generator=torch.Generator().manual_seed(seed)).double()


# Score and covariance.


@pytest.mark.parametrize("sigma", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("name", NAMES)
def test_the_optimum_is_miyasawas_formula_of_its_log_density(name, sigma):
    """f(y) - y = sigma^2 grad log p_sigma(y), along a few directions."""
    truth, y, step = optimum(name), noisy(images(name, 0, 2), sigma), 1e-2 * sigma
    for seed in range(4):
        v = noisy(torch.zeros_like(y[:1]), 1.0, seed)
        rise = truth.log_density(y + step * v, sigma) - truth.log_density(y - step * v, sigma)
        expected = ((truth(y, sigma) - y) * v).flatten(1).sum(1) / sigma**2
        torch.testing.assert_close(rise / (2 * step), expected, rtol=0, atol=0.02 / sigma)


@pytest.mark.parametrize("sigma", [0.1, 0.5])
@pytest.mark.parametrize("name", NAMES)
def test_the_squared_error_is_the_posterior_variance(name, sigma):
    """E |x - f(y)|^2 = E tr Cov(x | y) = sigma^2 E tr J(y), within four standard errors; the trace
    is estimated with a random direction (Hutchinson)."""
    truth, x = optimum(name), images(name, 0, 100)
    y, v = noisy(x, sigma), noisy(torch.zeros_like(x), 1.0, 1)
    errors = (truth(y, sigma) - x).square().flatten(1).sum(1)
    step = 0.02 * sigma * v
    along = (truth(y + step, sigma) - truth(y - step, sigma)) / (0.04 * sigma)
    apart = errors - sigma**2 * (v * along).flatten(1).sum(1)
    error = apart.std() / math.sqrt(len(x))
    assert abs(apart.mean()) < 4 * error
    # The error bar is narrower than the compared values.
    assert 4 * error < errors.mean()


@pytest.fixture(scope="module")
def networks() -> dict:
    """A UNet for each source, after 150 steps on images other than those tested."""
    found = {}
    for name in NAMES:
        network = denoisers.initialized("unet", 0, channels=8, blocks=2, gain=0.1)
        pixels = (255 * images(name, 500, 3000).clamp(0, 1)).round().to(torch.uint8)
        recipe = Recipe(
            steps=150, batch=32, learning_rate=0.05, loss="weighted", noise="mixed",
            optimizer="muon",
        )  # fmt: skip
        training = Training(network.train(), pixels, recipe, seed=0)
        for _ in range(recipe.steps):
            training.advance()
        found[name] = denoisers.NetworkDenoiser(network)
    return found


def apart(best, other, x, y, sigma):
    """The excess error of `other`, and <x - best, other - best>: both (image,), sums."""
    found, with_it = best(y, sigma), other(y, sigma)
    more = (with_it - x).square() - (found - x).square()
    along = (x - found) * (with_it - found)
    return (v.flatten(1).sum(1) for v in (more, along))


def standard_error(values) -> float:
    return float(values.std()) / math.sqrt(len(values))


@pytest.mark.parametrize("sigma", [0.03, 0.1, 0.3, 1.0])
@pytest.mark.parametrize("name", NAMES)
def test_no_denoiser_is_better_than_the_optimum(networks, name, sigma):
    """Neither a network nor a closed form. The error of the optimum is orthogonal to every other
    denoiser's difference from it: E <x - f, g - f> = 0 for every g."""
    training, x = images(name, 500, 3000).float(), images(name, 0, 60).float()
    y, best = noisy(x, sigma).float(), optimum(name, torch.float32)
    for other in (networks[name], Wiener(**fit(training)), Memorizer(training)):
        more, along = apart(best, other, x, y, sigma)
        assert more.mean() > -2 * standard_error(more)
        assert abs(along.mean()) < 4 * standard_error(along)
        if name == "disks" and sigma < 0.3:
            assert more.mean() > 4 * standard_error(more)


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_optimum_would_be_noticed(networks, name):
    """One that assumes noise twice as strong."""
    sigma, x = 0.1, images(name, 0, 60).float()
    y, best = noisy(x, sigma).float(), optimum(name, torch.float32)
    _, along = apart(lambda y, s: best(y, 2 * s), networks[name], x, y, sigma)
    assert abs(along.mean()) > 4 * standard_error(along)


# Each optimum in closed form or by brute force.


def dense(truth: Gaussian) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean (d,) and covariance (d, d)."""
    rows = torch.eye(SIDE**2).double().reshape(-1, 1, SIDE, SIDE)
    filtered = torch.fft.ifft2(torch.fft.fft2(rows) * truth.spectrum).real
    return truth.mean.expand(SIDE**2), filtered.flatten(1)


def test_the_gaussian_agrees_with_its_covariance():
    truth, sigma = optimum("gaussian"), 0.2
    mean, C = dense(truth)
    y = noisy(images("gaussian", 0, 3), sigma).flatten(1)
    total = C + sigma**2 * torch.eye(len(C))
    expected = MultivariateNormal(mean, total).log_prob(y)
    shaped = y.reshape(-1, 1, SIDE, SIDE)
    torch.testing.assert_close(truth.log_density(shaped, sigma), expected)
    filtered = mean + (y - mean) @ torch.linalg.solve(total, C)
    torch.testing.assert_close(truth(shaped, sigma).flatten(1), filtered)


def test_the_mixture_agrees_with_its_components():
    truth, sigma = optimum("mixture"), 0.15
    y = noisy(images("mixture", 0, 4), sigma).flatten(1)
    total = (0.1**2 + sigma**2) * torch.eye(SIDE**2).double()
    logs = torch.stack(
        [MultivariateNormal(t.flatten(), total).log_prob(y) for t in truth.templates]
    )
    shaped = y.reshape(-1, 1, SIDE, SIDE)
    found = truth.log_density(shaped, sigma)
    torch.testing.assert_close(found, logs.logsumexp(0) - math.log(5), rtol=1e-6, atol=1e-5)
    gain = 0.1**2 / (0.1**2 + sigma**2)
    means = torch.stack([t.flatten() + gain * (y - t.flatten()) for t in truth.templates])
    expected = (logs.softmax(0)[..., None] * means).sum(0)
    torch.testing.assert_close(truth(shaped, sigma).flatten(1), expected, rtol=0, atol=1e-6)


def test_the_optimum_of_disks_agrees_with_a_mean_over_random_disks():
    """At high noise, a sum over 200,000 disks from the prior is close to the exact integral."""
    sigma, count = 1.0, 200_000
    low, high = np.array(list(disks.RANGES.values())).T
    values = low + (high - low) * np.random.default_rng(0).random((count, 5))
    drawn = torch.from_numpy(disks.render(values, SIDE)).flatten(1)
    y = noisy(images("disks", 0, 4), sigma)
    logs = -torch.cdist(y.float().flatten(1), drawn).square() / (2 * sigma**2)
    expected = logs.logsumexp(1) - math.log(count) - 32 * math.log(2 * math.pi * sigma**2)
    truth = Disks(SIDE)
    torch.testing.assert_close(truth.log_density(y, sigma).float(), expected, rtol=0, atol=0.02)
    mean = (logs.softmax(1) @ drawn).reshape(y.shape)
    torch.testing.assert_close(truth(y, sigma).float(), mean, rtol=0, atol=0.01)


def test_five_parameters_cost_five_dimensions_at_little_noise():
    """Mean squared error 5 sigma^2 / d, within four standard errors of 5 x 60 squares; slightly
    less, since ranges are bounded and disks of low contrast have invisible edges."""
    side, sigma = 16, 10 ** (-35 / 20)
    values = disks.parameters(11, np.arange(200))
    chosen = values[np.abs(values[:, 3] - values[:, 4]) > 0.3][:60]
    x = torch.from_numpy(disks.render(chosen, side))
    errors = (Disks(side)(noisy(x, sigma).float(), sigma) - x).square().flatten(1).mean(1)
    ratio = float(errors.mean()) / (5 * sigma**2 / side**2)
    assert 1 - 4 * math.sqrt(2 / 300) < ratio < 1 + 4 * math.sqrt(2 / 300)


def test_finer_boxes_change_nothing(monkeypatch):
    x = images("disks", 0, 4)
    found = {}
    for split in (64, 256):
        monkeypatch.setattr("gahb.denoisers.optima.disks.SPLIT", split)
        found[split] = [Disks(SIDE)(noisy(x, s), s) for s in (0.03, 0.3)]
    for coarse, fine, sigma in zip(*found.values(), (0.03, 0.3), strict=True):
        assert (coarse - fine).square().mean() < (0.02 * sigma) ** 2


@pytest.mark.parametrize("sigma", [0.15, 0.5])
def test_the_density_of_disks_agrees_with_a_dense_grid(sigma):
    """To 0.002 nats. All boxes are equal, so that errors of the centers cancel."""
    truth, y = Disks(SIDE), noisy(images("disks", 0, 3), sigma)
    low, high = SIDE * torch.tensor(list(disks.RANGES.values())[:3], dtype=torch.float64).T
    unit = torch.cartesian_prod(*((torch.arange(n).double() + 0.5) / n for n in (60, 60, 24)))
    log_p = torch.stack([truth._log_p(one, low + (high - low) * unit, sigma) for one in y.double()])
    expected = log_p.logsumexp(1) - math.log(len(unit)) - 32 * math.log(2 * math.pi * sigma**2)
    found = truth.log_density(y, sigma)
    torch.testing.assert_close(found, expected.to(found), atol=0.002, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_each_image_may_have_a_noise_level_of_its_own(name):
    f, sigma = optimum(name), torch.tensor([0.1, 0.4, 0.1], dtype=torch.float64)
    y = noisy(images(name, 0, 3), 0.2).double()
    for of in (f, f.log_density):
        expected = torch.cat([of(one[None], float(s)) for one, s in zip(y, sigma, strict=True)])
        torch.testing.assert_close(of(y, sigma), expected, atol=1e-9, rtol=1e-12)
    with pytest.raises(ValueError, match="sigma: found"):
        f(y, sigma[:2])


# Sources.


@pytest.mark.parametrize("name", ["gaussian", "mixture"])
def test_images_are_the_same_in_any_range_and_all_different(name):
    source = SOURCES[name]
    whole = source.read(0, 40)
    assert whole.dtype == np.float32 and len({image.tobytes() for image in whole}) == 40
    np.testing.assert_array_equal(whole[7:12], source.read(7, 12))


@pytest.mark.parametrize("name", ["gaussian", "mixture"])
def test_images_have_the_stated_distribution(name):
    """Their mean and covariance, from 3,000 images."""
    truth, x = optimum(name), images(name, 0, 3000)
    if name == "gaussian":
        mean, C = dense(truth)
    else:
        t = truth.templates.flatten(1)
        mean, C = t.mean(0), torch.cov(t.T, correction=0) + 0.1**2 * torch.eye(SIDE**2)
    flat = x.flatten(1)
    variance = C.trace()
    assert flat.var(0).sum() == pytest.approx(float(variance), rel=0.05)
    found = torch.cov(flat.T)
    # Frobenius norm of the error of a covariance of n draws: about tr C / sqrt(n).
    assert (found - C).norm() < 2 * variance / math.sqrt(len(x))
    assert (flat.mean(0) - mean).norm() < 3 * (variance / len(x)).sqrt()


def test_gaussian_images_imitate_their_data_set():
    source = open_source("gaussian", original=DISKS, images=3000, seed=3)
    drawn, originals = source.read(0, 3000), DISKS.read(0, 3000)
    assert drawn.mean() == pytest.approx(originals.mean(), abs=0.02)
    power = [np.square(np.abs(np.fft.fft2(i - originals.mean()))).mean((0, 1))
             for i in (drawn, originals)]  # fmt: skip
    np.testing.assert_allclose(power[0], power[1], rtol=0.15)
    spread = open_source("gaussian", original=DISKS, images=3000, sd=0.05, seed=3).read(0, 3000)
    assert spread.std() == pytest.approx(0.05, rel=0.05)


def test_more_templates_than_images_are_refused():
    with pytest.raises(ValueError, match="4000 are asked for, but 3000"):
        open_source("mixture", original=DISKS, templates=4000, sd=0.1, images=3, seed=0)


# From a file.


@pytest.mark.parametrize("name", NAMES)
def test_optima_come_back_from_a_file(name, tmp_path):
    tensors = denoisers.fit("optimum", None, distribution=distribution(name))
    denoisers.save_reference(tensors, tmp_path / "d.safetensors", "optimum", np.arange(3))
    y = noisy(images(name, 0, 2), 0.2).float()
    loaded = denoisers.load(tmp_path / "d.safetensors", images=torch.zeros(9, 1, SIDE, SIDE))
    torch.testing.assert_close(loaded(y, 0.2), optimum(name, torch.float32)(y, 0.2))
