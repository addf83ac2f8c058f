"""Dynamics in cases where it is known what a network has learned at which time."""

import numpy as np
import pytest
import scripts.dynamics
import scripts.training
import torch
import xarray as xr
from conftest import data_set
from gahb import denoisers, store
from gahb.denoisers.references import wiener
from gahb.denoisers.references.memorizer import Memorizer
from gahb.dynamics import at_step, explained, followed, memory, noisy
from gahb.samples.flow import noise_levels
from gahb.samples.start import gaussian
from gahb.summaries import dynamics as times

SIGMAS = noise_levels(1.0, 0.01, 10)
STEPS = np.geomspace(50, 5e5, 60)


def images(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 1, 6, 6, generator=generator)


# Times.


def memorized(N: int, samples: int = 400, seed: int = 0) -> np.ndarray:
    """Labels (step, sample), half of which are set at 1,000 N."""
    level = np.random.default_rng([seed, N]).random(samples)
    return level < (1 / (1 + (1000 * N / STEPS) ** 2))[:, None]


def test_injected_labels_give_back_their_time():
    for N in (1, 10, 100):
        tau = times.crossing(STEPS, memorized(N).mean(1))
        assert tau == pytest.approx(1000 * N, rel=0.12)


def test_injected_labels_give_back_their_exponent_and_collapse():
    found = {N: [times.crossing(STEPS, memorized(N, seed=s).mean(1)) for s in range(3)]
             for N in (1, 3, 10, 30, 100)}  # fmt: skip
    _, low, high = times.exponent(found)
    assert low < 1 < high and high - low < 0.1
    curves = {N: (STEPS, memorized(N).mean(1)) for N in found}
    best, misfit = times.collapse(curves)
    assert best == pytest.approx(1, abs=0.05) and misfit < 0.03
    assert times.misfit(curves, 1) < times.misfit(curves, 0) / 5


def test_shuffled_labels_show_no_transition():
    """Labels shuffled over steps and N: no N begins later, and no exponent helps."""
    rng = np.random.default_rng(0)
    sizes = (1, 3, 10, 30, 100)
    every = np.stack([memorized(N) for N in sizes])
    dealt = rng.permutation(every.ravel()).reshape(every.shape)
    curves = {N: (STEPS, labels.mean(1)) for N, labels in zip(sizes, dealt, strict=True)}
    assert all(np.ptp(part) < 0.25 for _, part in curves.values())
    assert times.misfit(curves, 1) > 0.9 * times.misfit(curves, 0)
    found = {N: [times.crossing(*curve)] for N, curve in curves.items()}
    assert not any(np.isfinite(t[0]) and t[0] > STEPS[0] for t in found.values())


def test_times_that_are_not_reached_are_infinite_and_ignored_by_the_exponent():
    assert times.crossing([1, 10, 100], [0, 0.2, 0.5]) == np.inf
    assert times.crossing([1, 10, 100], [0.8, 0.2, 0.9]) == 1
    assert times.crossing([1, 10, 100], [0, 0.4, 0.8]) == pytest.approx(10**1.25)
    found = times.exponent({1: [1.0, 2.0], 10: [10.0, 20.0], 100: [50.0, np.inf]})
    assert found[0] == pytest.approx(1)
    assert np.isnan(times.exponent({1: [1.0], 10: [np.inf]})).all()
    assert np.isnan(times.collapse({1: ([1, 10], [0, 0.9]), 10: ([1, 10], [0, 0.1])})).all()


def test_the_interval_of_the_exponent_has_its_coverage():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        found = {N: list(N**0.7 * np.exp(rng.normal(size=3) / 5)) for N in (1, 4, 16, 64)}
        _, low, high = times.exponent(found)
        held += low < 0.7 < high
    assert held / 400 == pytest.approx(0.95, abs=0.03)


def test_the_largest_memorized_size():
    assert times.effective_memorization({1: 1.0, 10: 0.95, 100: 0.89}) == 10
    assert times.effective_memorization({1: 0.5}) == 0
    assert times.best([1, 2, 3], [3.0, 1.0, 2.0]) == 2


# Measurements at a step.


@pytest.mark.parametrize("N", [1, 2, 5, 20])
def test_a_network_that_is_the_memorizer_is_memorized_at_every_size(N):
    training, starts = images(N), gaussian(0, torch.arange(24), images(50, 1), sigma=1.0)
    memorizer = Memorizer(training)
    judged = noisy(images(10, 2), [0.5, 0.1], 0)
    answers = {"memorizer": judged.denoised(memorizer)}
    g = torch.randn(starts.shape, generator=torch.Generator().manual_seed(0))
    found = at_step(memorizer, training, starts, SIGMAS, judged, answers, memorizer, g)
    assert (found["memorized"] == 1).all()
    torch.testing.assert_close(found["closest"], torch.ones(24), rtol=0, atol=1e-3)
    torch.testing.assert_close(found["between"], torch.ones(24), rtol=0, atol=1e-5)
    torch.testing.assert_close(found["beyond"], torch.ones(24).double(), rtol=0, atol=1e-5)
    assert (found["agreement"] > 0.9999).all()


def test_images_that_a_denoiser_has_not_seen_are_not_memorized():
    """With the two training sets exchanged there is no transition at any N."""
    starts = gaussian(0, torch.arange(24), images(50, 1), sigma=1.0)
    for N in (2, 5, 20):
        samples = followed(Memorizer(images(N)), starts, SIGMAS)
        assert not memory(samples, images(N, seed=3))[0].any()


def test_samples_that_are_not_finite_give_nan():
    samples = images(3)
    samples[1, 0, 0, 0] = torch.nan
    memorized, closest = memory(samples, images(3))
    assert memorized.isnan().tolist() == closest.isnan().tolist() == [False, True, False]
    assert memorized[[0, 2]].tolist() == [1, 1]


# A linear network, whose dynamics are known.

VARIANCES = torch.tensor([4.0, 1.0, 0.25, 0.05], dtype=torch.float64)
SIGMA = 0.3


def gaussian_images(count: int, seed: int) -> torch.Tensor:
    """Images of 2 x 2 pixels whose covariance is exactly diagonal, with `VARIANCES`."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 4, generator=g, dtype=torch.float64)
    x = x - x.mean(0)
    x = x @ torch.linalg.inv(torch.linalg.cholesky(x.T @ x / count)).T
    return (x * VARIANCES.sqrt()).reshape(-1, 1, 2, 2)


def exact(t: float) -> torch.Tensor:
    """w_k(t) = v_k / (v_k + s) (1 - exp(-2 (v_k + s) t)): gradient flow on E|W y - x|^2 from 0."""
    s = SIGMA**2
    return VARIANCES / (VARIANCES + s) * (1 - torch.exp(-2 * (VARIANCES + s) * t))


def trained(ts) -> list[torch.Tensor]:
    """W along gradient descent with small steps on that loss, of `gaussian_images`."""
    x = gaussian_images(500, 0).flatten(1)
    covariance = x.T @ x / len(x)
    noisy_covariance = covariance + SIGMA**2 * torch.eye(4, dtype=torch.float64)
    W, t, step, found = torch.zeros(4, 4, dtype=torch.float64), 0.0, 1e-3, []
    for wanted in ts:
        while t < wanted - step / 2:
            W = W - 2 * step * (W @ noisy_covariance - covariance)
            t += step
        found.append(W)
    return found


def test_the_dynamics_of_a_linear_network_are_exact():
    ts = [0.02, 0.1, 0.5, 2.0, 8.0]
    clean = gaussian_images(2000, 1)
    judged = noisy(clean, [SIGMA], 0)
    y = judged.images[0].flatten(1)
    optimum = VARIANCES / (VARIANCES + SIGMA**2)
    training = gaussian_images(500, 0)
    filtered = {"wiener": judged.denoised(wiener.Wiener(**wiener.fit(training)).double())}
    for t, W in zip(ts, trained(ts), strict=True):
        denoised = judged.denoised(lambda y, _, W=W: (y.flatten(1) @ W.T).reshape(y.shape))
        (((found,),),) = explained(filtered, denoised, [SIGMA])[..., :1].tolist()
        a, b = y[0] * optimum, y[0] * exact(t)
        expected = 1 - (a - b).square().sum() / (b - b.mean()).square().sum()
        assert found == pytest.approx(float(expected), rel=0.02, abs=0.02)
        error = float((denoised[0] - clean).square().flatten(1).sum(1).mean())
        w = exact(t)
        known = float(((1 - w).square() * VARIANCES + SIGMA**2 * w.square()).sum())
        assert error == pytest.approx(known, rel=0.05)


def test_the_best_time_of_a_linear_network_agrees_with_its_closed_form():
    """With few images the test error has a minimum: noise is fitted along axes of no variance."""
    truth = torch.tensor([1.0, 0.0], dtype=torch.float64)
    seen = torch.tensor([1.0, 0.8], dtype=torch.float64)  # a training set's own spectrum
    ts = np.geomspace(0.01, 10, 200)
    w = [seen / (seen + 0.1) * (1 - torch.exp(-2 * (seen + 0.1) * t)) for t in ts]
    errors = [float(((1 - k).square() * truth + 0.1 * k.square()).sum()) for k in w]
    tau = times.best(ts, errors)
    # The derivative of the closed form vanishes there.
    slope = np.gradient(errors, ts)
    assert ts[0] < tau < ts[-1]
    assert slope[ts < tau / 1.1].max() < 0 < slope[ts > tau * 1.1].min()


# The stage.


NETWORK = {"channels": 4, "layers": 4, "gain": 0.1}


def made(folder, N: int, subset: str) -> str:
    """The history with snapshots of a network after 50, 51 and 52 steps."""
    names = ("images.zarr", "split.zarr", f"{subset}.safetensors", f"history-{subset}.zarr")
    paths = [str(folder / name) for name in names]
    recipe = {"steps": 52, "batch": 8, "learning_rate": 0.01, "schedule": "constant"}
    scripts.training.main(
        *paths, architecture="bfcnn", options=NETWORK, snapshots=True, recipe=recipe,
        subset=subset, N=N, initialization_seed=0, seed=0,
    )  # fmt: skip
    return paths[3]


def test_the_stage_measures_every_snapshot(tmp_path):
    parts = {"test": np.arange(10), "S1": np.arange(10, 25), "S2": np.arange(39, 24, -1)}
    data = data_set(tmp_path, images(40), **parts)
    histories = {subset: made(tmp_path, 4, subset) for subset in ("S1", "S2")}

    def run(name: str, history: str, other: list) -> xr.Dataset:
        scripts.dynamics.main(
            *data, history, other, [],
            tmp_path / name, names=[], architecture="bfcnn", subset="S1", N=4, count=6, steps=4,
            options=NETWORK, start="gaussian", mean=0.5, sd=1.0,
            sigma_min=0.01, seed=0,
        )  # fmt: skip
        assert store.problems(tmp_path / name) == []
        return store.open_store(tmp_path / name)

    found = run("a.zarr", histories["S1"], [histories["S2"]])
    assert found.sizes["step"] == 3 and found.reference.values.tolist() == ["memorizer", "wiener"]
    assert found.agreement.shape == (3, 2, 5, 2, 6)
    assert found.between.shape == (3, 6) and (found.between < 0.9999).any()
    assert int(found.parameters) == sum(
        p.numel() for p in denoisers.build("bfcnn", channels=4, layers=4).parameters()
    )
    # A network agrees with itself; without another subset there is no `between`.
    same = run("b.zarr", histories["S1"], [histories["S1"]])
    np.testing.assert_allclose(same.between, 1, atol=1e-5)
    alone = run("c.zarr", histories["S1"], [])
    assert "between" not in alone
    np.testing.assert_array_equal(alone.closest, found.closest)
