"""Predictions from the covariance, against Monte Carlo, closed forms and the Wiener filter."""

import numpy as np
import pytest
import scripts.prediction
import torch
from conftest import data_set
from exact import AXES, MEAN, SIDE, VARIANCES, draw
from exact import fitted as filter_of
from gahb import prediction, store
from gahb.denoisers.references import wiener
from gahb.samples.gaussian import gaussian_flow

D = SIDE**2


def fitted(N: int, seed) -> wiener.Wiener:
    return filter_of(draw(N, seed))


def exact_test_error(f: wiener.Wiener, sigma: float) -> float:
    """tr[(1 - A) C (1 - A)] + |(1 - A)(m - mean)|^2 + s tr A^2, over images of the density."""
    axes, kept = f.axes.numpy(), (f.variances / (f.variances + sigma**2)).numpy()
    left = np.eye(D) - axes * kept @ axes.T
    off = left @ (f.mean.numpy().ravel() - MEAN)
    spread = left @ AXES * VARIANCES**0.5
    return np.square(spread).sum() + np.square(off).sum() + sigma**2 * np.square(kept).sum()


def test_kappa_solves_its_equation():
    for n, s in ((5, 0.1), (50, 0.01), (500, 1.0), (5, 1e-8)):
        k = prediction.kappa(VARIANCES, n, s)
        assert k == pytest.approx(s + k / n * (VARIANCES / (VARIANCES + k)).sum(), rel=1e-6)
    assert prediction.kappa(VARIANCES, 1e9, 0.3) == pytest.approx(0.3)
    # Without noise there is no shrinkage once there are as many images as axes.
    assert prediction.kappa(VARIANCES, 10 * D, 0.0) == pytest.approx(0, abs=1e-10)


def test_the_shrinkage_agrees_with_kappa_within_two_standard_errors():
    """E[C_n (C_n + s)^-1] along the axes of C, over splits; kappa = s is far off."""
    N, s = 50, 0.04
    found = []
    for split in range(40):
        f = fitted(N, [1, split])
        along = np.square(AXES.T @ f.axes.numpy())
        found.append(along @ (f.variances / (f.variances + s)).numpy())
    v = VARIANCES * (N - 1) / N
    expected = v / (v + prediction.kappa(v, N - 1, s))
    traces = np.sum(found, 1)
    error = traces.std(ddof=1) / len(traces) ** 0.5
    assert abs(traces.mean() - expected.sum()) < 2 * error
    assert abs(traces.mean() - (v / (v + s)).sum()) > 20 * error
    np.testing.assert_allclose(np.mean(found, 0), expected, atol=0.03)


@pytest.mark.parametrize("N", [30, 100, 300])
@pytest.mark.parametrize("sigma", [0.1, 0.5])
def test_errors_agree_with_wiener_filters_of_n_images(N, sigma):
    filters = [fitted(N, [2, N, split]) for split in range(20)]
    train = [sigma**2 * float((f.variances / (f.variances + sigma**2)).sum()) for f in filters]
    test = [exact_test_error(f, sigma) for f in filters]
    found = prediction.errors(VARIANCES, N, sigma)
    for one, each in zip(found, (train, test), strict=True):
        # Corrections are of order 1 / N.
        assert one == pytest.approx(np.mean(each), rel=0.5 / N + 2 * np.std(each) / np.mean(each))
        assert one == pytest.approx(np.mean(each), rel=0.025)


def test_many_images_give_the_error_of_the_true_covariance():
    sigma = 0.2
    optimum = (VARIANCES * sigma**2 / (VARIANCES + sigma**2)).sum()
    np.testing.assert_allclose(prediction.errors(VARIANCES, 10**7, sigma), optimum, rtol=1e-4)
    train, test = prediction.errors(VARIANCES, 1, sigma)
    assert train == 0 and test == pytest.approx(2 * VARIANCES.sum())


@pytest.mark.parametrize("N", [10, 30, 200])
def test_samples_of_two_filters_agree_as_the_theory_says(N):
    sd = 1.0
    varying = 1 - np.square(AXES.sum(0)) / D
    mean = np.square(MEAN - MEAN.mean()).sum()
    expected = prediction.between(VARIANCES, varying, mean, N, sd)
    products, squares = [], []
    for split in range(12):
        z = torch.from_numpy(np.random.default_rng([3, split]).normal(size=(100, 1, SIDE, SIDE)))
        y = draw(100, [4, split]) + sd * z
        pair = [gaussian_flow(fitted(N, [5, split, i]), y, sd).flatten(1) for i in (0, 1)]
        a, b = (p - p.mean(1, keepdim=True) for p in pair)
        products.append(float((a * b).sum()))
        squares.append(float(a.norm() * b.norm()))
    # For few images the filter's mean counts, too: without it, 0.04 more at N = 10.
    assert np.sum(products) / np.sum(squares) == pytest.approx(expected, abs=0.002 + 0.3 / N)


@pytest.mark.parametrize("N", [1, 20, 200])
def test_errors_of_a_filter_agree_with_denoising(N):
    """The mean over the noise is exact: Monte Carlo of it agrees."""
    f, sigma, training, test = fitted(N, 8), 0.3, draw(N, 8), draw(50, 9)
    found = prediction.wiener_errors(f, test, sigma)
    generator = torch.Generator().manual_seed(0)
    for one, clean in zip(found, (training, test), strict=True):
        x = clean.repeat(-(-4000 // len(clean)), 1, 1, 1)
        y = x + sigma * torch.randn(x.shape, generator=generator, dtype=torch.float64)
        # For float32 images, as the filter takes them.
        assert float((f(y, sigma) - x).square().mean()) == pytest.approx(one, rel=0.03, abs=1e-9)


def test_the_stage_predicts_what_it_computes(tmp_path):
    x = draw(2000, 10).float()
    parts = {"test": np.arange(400), "S1": np.arange(400, 2000), "S2": np.arange(1999, 1199, -1)}
    scripts.prediction.main(
        *data_set(tmp_path, x, **parts), tmp_path / "a.zarr",
        sizes=[20, 100, 800], input_psnr=[0, 10, 20], count=200, start="gaussian", mean=0.5, sd=1.0,
        seed=0,
    )  # fmt: skip
    assert store.problems(tmp_path / "a.zarr") == []
    found = store.open_store(tmp_path / "a.zarr")
    np.testing.assert_allclose(found.between.median("sample"), found.expected_between, atol=0.06)
    # 800 of 2,000 images: -800 / 1200 to first order.
    assert float(found.expected_beyond.sel(N=800)) == pytest.approx(-2 / 3, abs=0.03)
    np.testing.assert_allclose(found.mse, found.expected_mse, rtol=0.1)
    gap = found.mse.sel(set="test") - found.mse.sel(set="train")
    assert (gap > 0).all() and (gap.diff("N") < 0).all()
