"""Intervals against closed forms, and how often they hold the truth."""

import numpy as np
import pytest
import scipy.stats
from gahb.statistics import fraction, mean, median, slope


@pytest.mark.parametrize(("times", "count"), [(0, 64), (1, 64), (24, 60), (64, 64), (1, 1)])
def test_the_interval_of_a_fraction_solves_the_score_test(times, count):
    """Its ends p are where the fraction is z standard errors, of p, away."""
    estimate, low, high = fraction(np.arange(count) < times)
    z = scipy.stats.norm.ppf(0.975)
    assert estimate == times / count
    for p in (low, high):
        np.testing.assert_allclose((estimate - p) ** 2, z**2 * p * (1 - p) / count, atol=1e-12)
    assert 0 <= low <= estimate <= high <= 1
    assert low < high


@pytest.mark.parametrize(("count", "p"), [(64, 0.01), (64, 0.3), (64, 0.99), (20, 0.5)])
def test_the_interval_of_a_fraction_holds_the_truth(count, p):
    """The chance that it does is a sum over all outcomes."""
    outcomes = np.array([fraction(np.arange(count) < k) for k in range(count + 1)])
    chance = scipy.stats.binom.pmf(np.arange(count + 1), count, p)
    covered = chance[(outcomes[:, 1] <= p) & (p <= outcomes[:, 2])].sum()
    assert covered > 0.92
    if p == 0.01:
        # Where the bootstrap, whose resamplings are binomial, fails.
        tails = scipy.stats.binom.ppf([[0.025], [0.975]], count, outcomes[:, 0]) / count
        assert chance[(tails[0] <= p) & (p <= tails[1])].sum() < 0.5


@pytest.mark.parametrize(("statistic", "truth"), [(mean, 1.0), (median, np.log(2))])
def test_bootstrap_intervals_hold_the_truth(statistic, truth, monkeypatch):
    monkeypatch.setattr("gahb.statistics.RESAMPLINGS", 499)
    rng = np.random.default_rng(0)
    found = np.array([statistic(rng.exponential(size=64)) for _ in range(400)])
    covered = np.mean((found[:, 1] <= truth) & (truth <= found[:, 2]))
    # 0.95 within three standard errors of 400 trials, and what the skewness costs.
    assert 0.91 < covered < 0.985


def test_the_interval_of_a_mean_is_that_of_the_central_limit():
    values = np.random.default_rng(0).standard_normal(2000)
    estimate, low, high = mean(values)
    error = values.std() / len(values) ** 0.5
    assert estimate == pytest.approx(values.mean())
    np.testing.assert_allclose([low, high], values.mean() + 1.96 * error * np.array([-1, 1]), 0.1)


def test_the_slope_is_that_of_the_mean_curve_and_images_are_resampled_whole():
    rng = np.random.default_rng(1)
    x = np.arange(0.0, 41.0, 5.0)
    # Images differ in level, which moves no slope, and in slope.
    curves = 5 * rng.standard_normal(50) + x[:, None] * (0.7 + 0.1 * rng.standard_normal(50))
    curves += 0.02 * (x[:, None] - 20) ** 2
    inside = (x >= 10) & (x <= 30)
    resampled = [
        np.polyfit(x[inside], curves[inside][:, rng.integers(0, 50, 50)].mean(1), 1)[0]
        for _ in range(4000)
    ]
    estimate, low, high = slope(x, curves, 10, 30)
    assert estimate == pytest.approx(np.polyfit(x[inside], curves[inside].mean(1), 1)[0])
    np.testing.assert_allclose([low, high], np.quantile(resampled, [0.025, 0.975]), atol=0.003)
    with pytest.raises(ValueError, match="three input PSNRs between 10 and 19 dB, found 2"):
        slope(x, curves, 10, 19)


def test_what_is_missing_is_left_out_and_what_is_too_little_has_no_interval():
    values = np.random.default_rng(0).random(30)
    with_holes = np.insert(values, [0, 7, 30], np.nan)
    np.testing.assert_array_equal(median(with_holes), median(values))
    assert np.isnan(mean([])).all()
    assert np.isnan(fraction([])).all()
    assert mean([np.nan, 3.0])[0] == 3
    assert np.isnan(mean([3.0])[1:]).all()
    np.testing.assert_array_equal(median(np.ones(5)), 1)


def test_intervals_depend_on_the_seed_alone(monkeypatch):
    values = np.random.default_rng(0).random(30)
    expected = mean(values)
    monkeypatch.setattr("gahb.statistics.BATCH", 100)
    np.testing.assert_allclose(mean(values), expected, rtol=1e-12)
    assert (mean(values, seed=1) != expected)[1:].any()
