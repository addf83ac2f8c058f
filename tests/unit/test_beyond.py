"""Agreement beyond the covariance where it is known: Gaussian images, closed forms, traps."""

import numpy as np
import pytest
import scripts.beyond
import scripts.matrix
import torch
import xarray as xr
from conftest import data_set
from exact import SIDE, draw, fitted
from gahb import prediction, store
from gahb.beyond import beyond, left, share
from gahb.samples.flow import followed, noise_levels
from gahb.samples.gaussian import gaussian_flow
from gahb.samples.gaussian_sampler import gaussian_samples
from gahb.samples.sampler import sample
from gahb.samples.start import paper
from gahb.summaries import beyond as summary


def noise(count: int, seed) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, 1, SIDE, SIDE)))


POOL = draw(2000, 2)
ALL, Y = fitted(POOL), draw(300, 3) + noise(300, [3, 1])
G = gaussian_flow(ALL, Y, 1.0)


def filtered(*sets: torch.Tensor) -> list[torch.Tensor]:
    """Samples of the Wiener filters of some sets of images."""
    return [gaussian_flow(fitted(x), Y, 1.0) for x in sets]


# The measure.


def test_it_is_the_partial_correlation():
    """By regression of both samples on the Gaussian's and a constant."""
    a, b, g = (noise(20, i) for i in range(3))
    a, b = a + 2 * g, b - g + 0.5 * a
    expected = []
    for s, t, u in zip(*(x.flatten(1).numpy() for x in (a, b, g)), strict=True):
        known = np.stack([u, np.ones_like(u)], 1)
        rest = [v - known @ np.linalg.lstsq(known, v, rcond=None)[0] for v in (s, t)]
        expected.append(np.corrcoef(*rest)[0, 1])
    np.testing.assert_allclose(beyond(a, b, g), expected, atol=1e-12)


def test_identical_samples_score_1_and_independent_ones_0():
    rest, other = noise(300, 4), noise(300, 5)
    torch.testing.assert_close(beyond(G + rest, G + rest, G), torch.ones(300).double())
    found = beyond(G + rest, G + other, G)
    assert abs(float(found.mean())) < 4 / (300 * (SIDE**2 - 2)) ** 0.5


def test_flipping_a_sample_flips_the_sign_and_flipping_the_gaussian_changes_nothing():
    a, b = G + noise(300, 4), G + noise(300, 4) + noise(300, 5)
    found = beyond(a, b, G)
    torch.testing.assert_close(beyond(-a, b, G), -found)
    torch.testing.assert_close(beyond(-a, -b, G), found)
    torch.testing.assert_close(beyond(3 * a + 1, 0.2 * b - 1, 5 * G + 2), found)
    torch.testing.assert_close(beyond(a, b, -G), found)


def test_the_share_is_the_remaining_part_of_the_squared_norm():
    """A residual orthogonal to g, without a mean and with the norm of g, is half of the sample."""
    centered = G - G.mean((1, 2, 3), keepdim=True)
    rest = (left(noise(300, 4), G)[0] * centered.flatten(1).norm(dim=1)[:, None]).reshape(G.shape)
    torch.testing.assert_close(share(G + rest, G), torch.full((300,), 0.5).double())


def test_where_nothing_is_left_there_is_no_cosine():
    rest = noise(300, 4)
    alike = G.float()  # the Gaussian's own sample, rounded
    assert (share(alike, G) < 1e-8).all()
    assert beyond(alike, G + rest, G).isnan().all() and beyond(alike, alike, G).isnan().all()
    blank = torch.full_like(G.float(), 0.3)
    assert share(blank, G).isnan().all() and beyond(blank, G + rest, G).isnan().all()


# The Gaussian's samples.


@pytest.mark.parametrize("count", [30, 500])
def test_the_closed_form_is_the_end_of_the_flow(count):
    """With sufficiently many steps; with 30 images most variances are 0."""
    f = fitted(draw(count, 6))
    end = followed(f, Y, noise_levels(1.0, 0.1, 400))
    torch.testing.assert_close(gaussian_flow(f, Y, 1.0, 0.1), end, rtol=0, atol=1e-4)
    torch.testing.assert_close(gaussian_flow(f, Y, 1.0), gaussian_flow(f, Y, 1.0, 1e-9))


def test_a_gaussian_ascends_as_networks_do():
    """With the same steps and noise: nothing is left of its own samples."""

    def first(numbers):
        return paper(0, numbers, (1, SIDE, SIDE), mean=0.5, sd=1.0)

    options = {"h0": 0.05, "beta": 0.5, "sigma_min": 0.05, "sigma_max": 3.0, "max_steps": 500}
    drawn = sample(fitted(POOL).float(), (1, SIDE, SIDE), 20, 7, start=first, **options)
    g = gaussian_samples(ALL, first, 20, sampler="ascent", sd=1.0, seed=7, **options)
    assert (share(torch.from_numpy(drawn.images), g) < 1e-8).all()
    # The flow has the same start, but not the noise of the steps.
    flow = gaussian_samples(ALL, first, 20, sampler="ode", sd=1.0, seed=7, **options)
    assert (share(torch.from_numpy(drawn.images), flow) > 0.05).all()


# The null: two Wiener filters of disjoint images.


@pytest.mark.parametrize(("n", "N"), [(2000, 50), (2000, 150), (2000, 400), (2000, 800), (400, 90)])
def test_the_null_agrees_with_random_matrix_theory(n, N):
    pool = POOL[:n]
    of_all = fitted(pool)
    g, found = gaussian_flow(of_all, Y, 1.0), []
    for split in range(8):
        order = np.random.default_rng([8, split]).permutation(n)
        pair = filtered(pool[order[:N]], pool[order[N : 2 * N]])
        found.append(float(beyond(*pair, g).median()))
    expected = prediction.expected(of_all, of_all, n, [N], [0.1], 1.0).beyond
    assert np.mean(found) == pytest.approx(expected[0], abs=0.05)


def test_the_null_turns_negative_as_the_training_sets_become_the_pool():
    """-N / (n - N) where fluctuations are linear; -1 where the two sets are the pool."""
    half, fifth = filtered(POOL[:1000], POOL[1000:]), filtered(POOL[:400], POOL[400:800])
    assert float(beyond(*half, G).median()) < -0.97
    assert float(beyond(*fifth, G).median()) == pytest.approx(-400 / 1600, abs=0.06)
    few = filtered(POOL[:20], POOL[20:40])
    assert float(beyond(*few, G).median()) > 0
    # With half of each set in the Gaussian's set, opposite and common errors cancel.
    mixed = gaussian_flow(fitted(torch.cat([POOL[:200], POOL[600:]])), Y, 1.0)
    assert abs(float(beyond(*fifth, mixed).median())) < 0.06


def test_a_training_set_equal_to_the_pool_leaves_nothing():
    (whole,) = filtered(POOL)
    assert beyond(whole, whole, G).isnan().all()


# The traps.


def test_differences_of_independent_samples_score_one_half():
    a, b, g = (noise(300, i) for i in range(3))
    a, b, g = (x.flatten(1) - x.flatten(1).mean(1, keepdim=True) for x in (a, b, g))
    cosine = torch.nn.functional.cosine_similarity(a - g, b - g)
    assert float(cosine.mean()) == pytest.approx(0.5, abs=0.02)
    assert abs(float(beyond(a[:, None], b[:, None], g[:, None]).mean())) < 0.03


@pytest.mark.parametrize("M", [100, 500])
def test_a_gaussian_of_other_images_has_an_error_that_both_share(M):
    """N / (N + M) for a Gaussian of M images."""
    N = 700
    pair = filtered(POOL[:N], POOL[N : 2 * N])
    other = gaussian_flow(fitted(POOL[2 * N : 2 * N + M]), Y, 1.0)
    found = float(beyond(*pair, other).median())
    assert found == pytest.approx(N / (N + M), abs=0.05)
    assert float(beyond(*pair, G).median()) < 0


# The stages.

SAMPLING = {"sampler": "ode", "h0": 0.01, "beta": 0.5, "sigma_min": 0.01, "sigma_max": 3.0,
            "max_steps": 100}  # fmt: skip
START = {"start": "gaussian", "mean": 0.5, "sd": 1.0, "seed": 0}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Paths of images, split and three stores of samples; the last sample of S2 diverged."""
    folder = tmp_path_factory.mktemp("beyond")

    def save(name, variables):
        dataset = xr.Dataset(variables, attrs=store.provenance(name, {}))
        store.save(dataset, folder / f"{name}.zarr")
        return str(folder / f"{name}.zarr")

    generator = np.random.default_rng(0)
    parts = {"S1": range(100, 250), "S2": range(250, 400), "test": range(100)}
    samples = []
    for name in ("S1", "S2", "another"):
        gone = (np.arange(10) == 9) & (name == "S2")
        drawn = generator.normal(size=(10, 1, SIDE, SIDE)).astype(np.float32)
        samples.append(save(name, {
            "samples": store.variable(("sample", "channel", "y", "x"), drawn, "i"),
            "diverged": store.variable("sample", gone, "diverged"),
        }).removesuffix("/"))  # fmt: skip
    return *data_set(folder, POOL[:400].float(), **parts), samples


def test_the_stage_of_a_pair(made, tmp_path):
    images, split, samples = made
    path = tmp_path / "beyond.zarr"
    for subsets in (["S1", "S2"], ["S1", "S1"], ["S1"]):
        of = samples[: len(subsets)]
        scripts.beyond.main(images, split, of, path, subsets=subsets, N=80, **START, **SAMPLING)
        assert store.problems(path) == []
        found = store.open_store(path).load()
        assert ("null" in found) == (len(set(subsets)) > 1)
        row = summary.beyond(found)
        assert ("beyond" in row) == (len(subsets) > 1) and 0.5 < row["share"] < 1
        if "beyond" in row:
            assert np.isnan(found.beyond[9]) and abs(row["beyond"]) < 0.15
            assert row["beyond_low"] <= row["beyond"] <= row["beyond_high"]
    assert summary.ceiling([]) == {}


def test_the_null_of_the_stage_is_of_filters_from_the_same_starts(made, tmp_path):
    images, split, samples = made
    path = tmp_path / "beyond.zarr"
    subsets = ["S1", "S2"]
    scripts.beyond.main(
        images, split, samples[:2], path, subsets=subsets, N=150, **START, **SAMPLING
    )
    # 150 of 400: -150 / 250 to first order.
    assert float(store.open_store(path).null.median()) == pytest.approx(-0.6, abs=0.1)


def test_the_matrix_holds_every_pair(made, tmp_path):
    images, split, samples = made
    path = tmp_path / "matrix.zarr"
    names = ["a, S1", "a, S2", "b"]
    scripts.matrix.main(images, split, samples, path, names=names, **START, **SAMPLING)
    assert store.problems(path) == []
    found = store.open_store(path).load()
    pair = tmp_path / "beyond.zarr"
    scripts.beyond.main(
        images, split, samples[:2], pair, subsets=["S1", "S2"], N=80, **START, **SAMPLING
    )
    of_pair = store.open_store(pair).load()
    np.testing.assert_allclose(found.beyond.sel(denoiser="a, S1", other="a, S2"), of_pair.beyond)
    np.testing.assert_allclose(found.beyond, found.beyond.transpose("other", "denoiser", ...))
    np.testing.assert_allclose(np.diagonal(found.beyond_median[..., 0]), 1)
    np.testing.assert_allclose(found.share[0, :9], of_pair.share[0, :9])
