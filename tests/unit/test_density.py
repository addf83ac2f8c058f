"""Log-densities, divergences and dimensions against closed forms."""

import numpy as np
import pytest
import torch
import xarray as xr
from gahb.datasets import disks
from gahb.decibels import sigma_from_psnr
from gahb.denoisers.network import NetworkDenoiser
from gahb.denoisers.references.memorizer import Memorizer
from gahb.denoisers.references.wiener import Wiener, fit
from gahb.density.dimension import at_gap, flipd, normal_bundle
from gahb.density.errors import measured, noises
from gahb.density.integral import integration_error, weights
from gahb.density.likelihood import gaussian_log_density, log_density
from gahb.jacobian import jacobian
from gahb.summaries import density as nats
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

SHAPE, D = (1, 4, 4), 16


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def gaussian(decay: float, seed: int, scale=0.3, rank=D, shape=SHAPE) -> Wiener:
    """The filter of a Gaussian of mean 1/2 with variances (scale / k^decay)^2 along random axes."""
    d = int(np.prod(shape))
    axes = torch.linalg.qr(torch.randn(d, d, generator=generator(seed)).double())[0]
    variances = (scale / torch.arange(1, rank + 1).double() ** decay) ** 2
    return Wiener(torch.full(shape, 0.5).double(), variances, axes[:, :rank])


def dense(wiener: Wiener) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance."""
    return wiener.mean.flatten().numpy(), ((wiener.axes * wiener.variances) @ wiener.axes.T).numpy()


def drawn(wiener: Wiener, count: int, seed=1) -> torch.Tensor:
    z = torch.randn(count, len(wiener.variances), generator=generator(seed)).double()
    flat = z * wiener.variances.sqrt() @ wiener.axes.T
    return wiener.mean + flat.reshape(count, *wiener.mean.shape)


def expected_mse(wiener: Wiener, images, sigmas) -> np.ndarray:
    """E_z |x - f(x + sigma z)|^2 of a linear filter, exactly: (sigma, image)."""
    centered, C = (images - wiener.mean).flatten(1).numpy(), dense(wiener)[1]
    found = []
    for sigma in sigmas:
        A = C @ np.linalg.inv(C + sigma**2 * np.eye(len(C)))
        bias = centered @ (np.eye(len(C)) - A).T
        found.append(np.square(bias).sum(1) + sigma**2 * np.square(A).sum())
    return np.array(found)


def own_log_density(wiener: Wiener, images, sigma: float) -> np.ndarray:
    """E_z log q_sigma(x + sigma z): the log-density at x minus half the trace of its curvature."""
    mean, C = dense(wiener)
    blurred = C + sigma**2 * np.eye(len(C))
    at_x = multivariate_normal(mean, blurred).logpdf(images.flatten(1).numpy())
    return at_x - sigma**2 * np.trace(np.linalg.inv(blurred)) / 2


def divergence(p: Wiener, q: Wiener, sigma: float) -> float:
    """KL(p_sigma | q_sigma) of two Gaussians."""
    (m, C), (n, B) = dense(p), dense(q)
    C, B = (M + sigma**2 * np.eye(len(M)) for M in (C, B))
    inverse = np.linalg.inv(B)
    logs = np.linalg.slogdet(B)[1] - np.linalg.slogdet(C)[1]
    return (np.trace(inverse @ C) + (n - m) @ inverse @ (n - m) - len(C) + logs) / 2


def grid(low: float, high: float, intervals: int) -> np.ndarray:
    return sigma_from_psnr(np.linspace(low, high, intervals + 1))


# Log-densities.


def test_the_gaussians_own_log_density():
    for wiener in (gaussian(1, 0), gaussian(0.5, 1, rank=5)):
        images, sigmas = drawn(gaussian(0.7, 2), 6), grid(0, 20, 4)
        found = gaussian_log_density(wiener, images, sigmas)
        expected = [own_log_density(wiener, images, sigma) for sigma in sigmas]
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_log_density_of_a_gaussian_to_a_thousandth_of_a_nat_for_each_entry():
    """From its exact errors, on the default grid, as the difference from another Gaussian."""
    truth, other, sigmas = gaussian(1, 0), gaussian(0.5, 1), grid(-20, 40, 20)
    images = drawn(truth, 20)
    mse, of_other = (
        np.repeat(expected_mse(f, images, sigmas)[:, None], 2, 1) for f in (truth, other)
    )
    found, error = log_density(mse, of_other, gaussian_log_density(other, images, sigmas), sigmas)
    for level in (8, 12, 20):
        expected = own_log_density(truth, images, sigmas[level])
        np.testing.assert_allclose(found[level] / D, expected / D, atol=1e-3)
    assert np.all(error == 0)


def test_log_density_from_noise_is_right_within_its_standard_error():
    truth, other, sigmas = gaussian(1, 0), gaussian(0.5, 1), grid(-20, 40, 20)
    images = drawn(truth, 200)
    index = np.arange(200)
    mse, of_other = (measured(f, images, index, sigmas, pairs=6, seed=3)[0] for f in (truth, other))
    found, error = log_density(mse, of_other, gaussian_log_density(other, images, sigmas), sigmas)
    off = (found[-1] - own_log_density(truth, images, sigmas[-1])) / error[-1]
    # Student's t of a weighted sum over many levels: nearly normal.
    assert np.abs(off.mean()) < 4 / np.sqrt(200) and 0.8 < off.std() < 1.25
    # The Gaussian that is subtracted has most of the noise.
    alone = log_density(mse, 0 * mse, 0 * found, sigmas)[1]
    assert np.square(error[-1]).mean() < np.square(alone[-1]).mean()


def test_log_density_of_a_mixture_of_disks():
    """Known exactly: a set of equally likely disks, blurred."""
    values = disks.parameters(0, np.arange(40))
    images = torch.from_numpy(disks.render(values, 8)).double()
    sigmas, index = grid(-26, 30, 56), np.arange(12)
    x = images[:12]
    mse, _ = measured(Memorizer(images), x, index, sigmas, pairs=4, seed=0)
    control = Wiener(**fit(images)).double()
    of_control, _ = measured(control, x, index, sigmas, pairs=4, seed=0)
    found, error = log_density(mse, of_control, gaussian_log_density(control, x, sigmas), sigmas)
    for level in (32, 42, 56):
        sigma, each = sigmas[level], []
        for z in noises(9, index, level, 200, (1, 8, 8)).double().flatten(2):
            y = x.flatten(1) + sigma * z
            squared = (y[:, None] - images.flatten(1)).square().sum(2).numpy()
            logs = logsumexp(-squared / (2 * sigma**2), axis=1) - np.log(40)
            each.append(logs - 32 * np.log(2 * np.pi * sigma**2))
        own = np.std(each, axis=0, ddof=1) / np.sqrt(200)
        off = (found[level] - np.mean(each, 0)) / np.hypot(error[level], own)
        assert np.abs(off).max() < 4 and np.abs(off.mean()) < 1


# Divergences.


def test_divergence_of_gaussians_to_one_percent():
    """From exact errors; from noise within its error. Above the first level is the tail."""
    p, q, sigmas = gaussian(1, 0), gaussian(0.6, 1), grid(0, 40, 12)
    C = dense(p)[1]

    def excess(sigma):
        A, B = (M @ np.linalg.inv(M + sigma**2 * np.eye(D)) for M in (C, dense(q)[1]))
        return np.trace((B - A) @ (C + sigma**2 * np.eye(D)) @ (B - A).T)

    found = weights(sigmas) @ [excess(sigma) for sigma in sigmas]
    tail = divergence(p, q, 1)
    for level in (4, 8, 12):
        assert found[level] + tail == pytest.approx(divergence(p, q, sigmas[level]), rel=0.01)

    images, index = drawn(p, 1000), np.arange(1000)
    mse_p, mse_q = (measured(f, images, index, sigmas, pairs=1, seed=0)[0] for f in (p, q))
    each = np.tensordot(weights(sigmas)[-1], mse_q - mse_p, (0, 0))[0]
    expected = divergence(p, q, sigmas[-1]) - tail
    assert each.mean() == pytest.approx(expected, abs=4 * each.std() / np.sqrt(1000))
    assert each.std() / np.sqrt(1000) < 0.03 * expected


def test_a_network_trained_on_gaussian_images_loses_as_much_as_its_linearization():
    """KL to the truth, by samples, against the trace formula with the network's Jacobian."""
    truth = gaussian(0.8, 0)
    network = torch.nn.Conv2d(1, 1, 7, padding=3, bias=False)
    images = drawn(truth, 512).float() - 0.5
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    levels = torch.rand(512, 1, 1, 1, generator=generator(2)).square()
    z = torch.randn(512, *SHAPE, generator=generator(3))
    for _ in range(100):
        loss = (network(images + levels * z) - levels * z).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    denoiser = NetworkDenoiser(network).requires_grad_(False)
    centered = Wiener(torch.zeros(SHAPE).double(), truth.variances, truth.axes)
    sigmas, test = grid(0, 30, 12), drawn(centered, 1000, seed=5)
    C, J = dense(truth)[1], jacobian(denoiser, test[0].float(), 0.1).numpy()

    def excess(sigma):
        blurred = C + sigma**2 * np.eye(D)
        off = J - C @ np.linalg.inv(blurred)
        return np.trace(off @ blurred @ off.T)

    expected = weights(sigmas)[-1] @ [excess(sigma) for sigma in sigmas]
    of_network, of_truth = (
        measured(f, test, np.arange(1000), sigmas, pairs=1, seed=0)[0] for f in (denoiser, centered)
    )
    each = np.tensordot(weights(sigmas)[-1], of_network - of_truth, (0, 0))[0]
    error = each.std() / np.sqrt(1000)
    assert each.mean() == pytest.approx(expected, abs=4 * error) and error < 0.05 * expected


# Integrals.


def test_integrals_are_right_and_add_up():
    sigmas = grid(0, 40, 16)
    w = weights(sigmas)
    # int sigma^(a - 3) dsigma from the cut-off to 1
    for a in (0, 1, 1.9, 3):
        exact = (1 - sigmas ** (a - 2)) / (a - 2)
        np.testing.assert_allclose((w @ sigmas**a)[::2], exact[::2], rtol=2e-3)
        np.testing.assert_allclose(w @ sigmas**a, exact, rtol=0.02)
    lower, upper = weights(sigmas[8:]), weights(sigmas[:9])
    values = np.random.default_rng(0).random(17)
    whole = upper[-1] @ values[:9] + lower[-1] @ values[8:]
    assert w[-1] @ values == pytest.approx(whole)


def test_the_integration_error_is_the_error_of_simpsons_rule():
    """For errors that do not fall with the noise, whose integral is known."""
    for intervals in (8, 16, 32):
        sigmas = grid(0, 40, intervals)
        exact = (sigmas[-1] ** -2 - 1) / 2
        off = abs(weights(sigmas)[-1] @ np.ones(intervals + 1) - exact)
        claimed = integration_error(np.ones((intervals + 1, 2, 3)), sigmas, 10**9)
        assert 0.5 < claimed / off < 3


def test_too_coarse_a_grid_is_refused_with_the_figure():
    sigmas = grid(0, 40, 4)
    with pytest.raises(ValueError, match=r"5 noise levels .* nats with an error of .*, \d+\.\d% "):
        integration_error(np.ones((5, 2, 1)), sigmas, 64)
    # A part of a tiny integral may be uncertain.
    assert integration_error(1e-7 * np.ones((5, 2, 1)), sigmas, 64) < 0.064


def test_noise_is_not_mistaken_for_a_coarse_grid():
    """A fine grid and one image: the small uncertainty comes from its two pairs of noises."""
    sigmas = grid(0, 40, 32)
    for seed in range(20):
        spread = np.random.default_rng(seed).uniform(0.1, 1.9, (33, 2, 1))
        integration_error(10 * np.square(sigmas)[:, None, None] * spread, sigmas, 16)


# Errors.


def test_noises_and_errors_do_not_depend_on_batch_or_count():
    truth, sigmas = gaussian(1, 0), grid(0, 20, 4)
    images, index = drawn(truth, 10), np.array([7, 3, 90, 4, 11, 8, 1, 2, 5, 6])
    every = measured(truth, images, index, sigmas, pairs=2, seed=0)
    for batch in (1, 3):
        for found, expected in zip(
            measured(truth, images, index, sigmas, pairs=2, seed=0, batch=batch), every,
            strict=True,
        ):  # fmt: skip
            np.testing.assert_allclose(found, expected, rtol=1e-9)
    few = measured(truth, images[2:5], index[2:5], sigmas, pairs=2, seed=0)
    np.testing.assert_allclose(few[0], every[0][:, :, 2:5], rtol=1e-9)
    z = noises(0, index, 1, 2, SHAPE)
    assert len({float(value) for value in z[..., 0, 0, 0].flatten()}) == 20
    assert not torch.equal(z, noises(0, index, 2, 2, SHAPE))


def test_an_error_that_is_not_finite_names_image_and_sigma():
    def broken(y, sigma):
        return torch.where(torch.arange(len(y)).view(-1, 1, 1, 1) == 1, torch.nan, y) / (sigma < 1)

    images = drawn(gaussian(1, 0), 3)
    with pytest.raises(ValueError, match=r"squared error nan of image 8 at sigma = 0\.1; all"):
        measured(broken, images, np.array([5, 8, 2]), np.array([0.1]), pairs=1, seed=0)


# Dimensions.


@pytest.mark.parametrize("rank", [1, 5, 12])
def test_dimensions_of_a_gaussian_of_known_rank(rank):
    truth, sigma = gaussian(0.2, 0, rank=rank), 0.003
    images, index = drawn(truth, 40), np.arange(40)
    mse, trace = measured(truth, images, index, [sigma], pairs=10, seed=0)
    A = truth.variances / (truth.variances + sigma**2)
    # Sums of squares of 400 standard normals for each direction.
    assert trace.mean() == pytest.approx(float(A.sum()), abs=4 * np.sqrt(2 * rank / 400))
    assert mse.mean() / sigma**2 == pytest.approx(rank, abs=4 * np.sqrt(2 * rank / 400))
    at_clean = flipd(truth, images, index, [sigma], probes=20, seed=0)
    assert at_clean.mean() == pytest.approx(rank, rel=0.05)
    values = normal_bundle(truth, images[0], sigma, index=0, seed=0, batch=10)
    dimension, gap = at_gap(values)
    assert dimension == rank and gap > 5
    # All normal directions are equivalent: a matrix of independent numbers.
    assert 0.4 < values[: D - rank].min() and values.max() < 1.6


def test_disks_have_five_dimensions():
    """According to a denoiser that projects onto their tangent space."""
    side, sigma = 24, 0.01
    values = np.array([[0.5, 0.48, 0.2, 0.9, 0.1]])
    image = torch.from_numpy(disks.render(values, side)).double()
    step = 1e-2
    tangents = [
        disks.render(values + step * e, side) - disks.render(values - step * e, side)
        for e in np.eye(5)
    ]
    basis = torch.from_numpy(np.linalg.qr(np.array(tangents).reshape(5, -1).T)[0]).double()

    def projected(y, sigma):
        return image + ((y - image).flatten(1) @ basis @ basis.T).reshape(y.shape)

    mse, trace = measured(projected, image, [0], [sigma], pairs=1000, seed=0)
    assert mse.mean() / sigma**2 == pytest.approx(5, abs=0.3)
    assert trace.mean() == pytest.approx(5, abs=0.3)
    assert flipd(projected, image, [0], [sigma], probes=1000, seed=0) == pytest.approx(5, abs=0.3)
    assert at_gap(normal_bundle(projected, image[0], sigma, index=0, seed=0))[0] == 5


# Denoisers compared.


def stores(excess: dict[str, float], sigmas) -> dict[str, xr.Dataset]:
    """Stores whose squared errors are sigma^2 (10 + excess), image by image alike up to noise."""
    rng = np.random.default_rng(0)
    shape = (2, len(sigmas), 2, 50)
    common = 10 + rng.normal(size=shape)
    dims = ("set", "sigma", "pair", "image")
    made = {}
    for name, more in excess.items():
        errors = np.square(sigmas)[:, None, None] * (common + more + 0.1 * rng.normal(size=shape))
        made[name] = xr.Dataset(
            {
                "mse": (dims, errors),
                "mse_gaussian": (dims, errors + np.square(sigmas[:, None, None])),
                "integration_error": ("set", [0.0, 0.1]),
            },
            coords={"set": ["S1", "test"], "sigma": sigmas, "input_psnr": ("sigma", sigmas)},
            attrs={"entries": 16},
        )
    return made


def test_nats_lost_are_the_integral_of_the_excess():
    """An excess of a sigma^2 loses a nats for each factor e of noise."""
    sigmas = grid(0, 40, 12)
    made = stores({"one": 3.0, "two": 1.0, "best": 0.0}, sigmas)
    best = nats.least_errors([made["two"], made["best"]])
    xr.testing.assert_equal(best.transpose(*made["best"].mse.dims), made["best"].mse)
    found = nats.compared(made["one"], made["two"], best)
    factor = np.log(100)
    assert found["kl"] == pytest.approx(3 * factor, abs=0.1)
    assert found["kl_between"] == pytest.approx(2 * factor, abs=0.1)
    assert found["memory"] == pytest.approx(-3 * factor, abs=0.1)
    assert found["kl_bits"] == pytest.approx(found["kl"] / (16 * np.log(2)))
    # A common error is not an error of the difference.
    assert found["kl_low"] < 3 * factor < found["kl_high"] < found["kl_low"] + 0.3
    assert found["noise_error"] < 0.1
    lost = nats.lost(made["one"], best).sel(set="test").mean(("pair", "image"))
    np.testing.assert_allclose(lost, -3 * np.log(sigmas), atol=0.1)


def test_the_best_may_differ_from_level_to_level():
    sigmas = grid(0, 40, 12)
    made = stores({"one": 2.0, "two": 2.0}, sigmas)
    weak = xr.where(made["one"].sigma > 0.1, 0.5, 2.0)
    made["one"]["mse"], made["two"]["mse"] = made["one"].mse * weak, made["two"].mse / weak
    best = nats.least_errors(list(made.values()))
    for level in range(13):
        which = "one" if sigmas[level] > 0.1 else "two"
        np.testing.assert_array_equal(best.isel(sigma=level), made[which].mse.isel(sigma=level))
