"""Intervals against closed forms, and their coverage."""

import numpy as np
import pytest
import scipy.stats
from gahb.statistics import difference, fraction, mean, median, ratio, slope


@pytest.mark.parametrize(("times", "count"), [(0, 64), (1, 64), (24, 60), (64, 64), (1, 1)])
def test_the_interval_of_a_fraction_solves_the_score_test(times, count):
    """Its ends p are z standard errors (of p) away from the fraction."""
    estimate, low, high = fraction(np.arange(count) < times)
    z = scipy.stats.norm.ppf(0.975)
    assert estimate == times / count
    for p in (low, high):
        np.testing.assert_allclose((estimate - p) ** 2, z**2 * p * (1 - p) / count, atol=1e-12)
    assert 0 <= low <= estimate <= high <= 1
    assert low < high


@pytest.mark.parametrize(("count", "p"), [(64, 0.01), (64, 0.3), (64, 0.99), (20, 0.5)])
def test_the_interval_of_a_fraction_has_its_coverage(count, p):
    """The coverage is a sum over all outcomes."""
    outcomes = np.array([fraction(np.arange(count) < k) for k in range(count + 1)])
    chance = scipy.stats.binom.pmf(np.arange(count + 1), count, p)
    covered = chance[(outcomes[:, 1] <= p) & (p <= outcomes[:, 2])].sum()
    assert covered > 0.92
    if p == 0.01:
        # Where the bootstrap, whose resamplings are binomial, fails.
        tails = scipy.stats.binom.ppf([[0.025], [0.975]], count, outcomes[:, 0]) / count
        assert chance[(tails[0] <= p) & (p <= tails[1])].sum() < 0.5


NORMAL = np.random.Generator.standard_normal, 0.0, 0.0
LOGNORMAL = lambda generator, n: np.exp(generator.standard_normal(n)), np.exp(0.5), 1.0


@pytest.mark.parametrize("count", [4, 16, 64])
@pytest.mark.parametrize("drawn", [NORMAL, LOGNORMAL], ids=["normal", "lognormal"])
def test_intervals_have_their_coverage(count, drawn, monkeypatch):
    """At least 93 % for 95 %, within two standard errors of 500 trials; and not always."""
    monkeypatch.setattr("gahb.statistics.RESAMPLINGS", 999)
    generator, (draw, of_mean, of_median) = np.random.default_rng(count), drawn
    for statistic, truth in ((mean, of_mean), (median, of_median)):
        found = np.array([statistic(draw(generator, count)) for _ in range(500)])
        covered = np.mean((found[:, 1] <= truth) & (truth <= found[:, 2]))
        assert 0.93 - 2 * 0.011 < covered < 0.995


@pytest.mark.parametrize("count", [4, 16])
def test_intervals_of_differences_and_ratios_have_their_coverage(count, monkeypatch):
    monkeypatch.setattr("gahb.statistics.RESAMPLINGS", 999)
    generator, found = np.random.default_rng(count), {"difference": [], "ratio": []}
    for _ in range(500):
        a, b = (np.exp(generator.standard_normal(n)) for n in (count, 64))
        found["difference"].append(difference(a, 2 * b))
        base = np.exp(0.5 * generator.standard_normal(count))
        found["ratio"].append(ratio(0.7 * base + 0.2 * generator.standard_normal(count), base))
    for name, truth in (("difference", -np.exp(0.5)), ("ratio", 0.7)):
        _, low, high = np.array(found[name]).T
        assert np.mean((low <= truth) & (truth <= high)) > 0.93 - 2 * 0.011


def test_the_interval_of_many_values_agrees_with_the_central_limit():
    """Approximately: quantiles are slightly further out."""
    values = np.random.default_rng(0).standard_normal(4000)
    estimate, low, high = mean(values)
    error = values.std() / len(values) ** 0.5
    assert estimate == pytest.approx(values.mean())
    np.testing.assert_allclose(
        [low, high], estimate + 1.96 * error * np.array([-1, 1]), atol=0.05 * error
    )


def test_intervals_are_finite_for_equal_values():
    """In most resamplings all values are equal, with no error."""
    for values in ([1, 1, 1, 2.0], [0, 0, 0, 0, 0, 0, 5.0], [3.0, 3, 3, 3]):
        estimate, low, high = mean(values)
        assert np.isfinite([low, high]).all() and low <= estimate <= high


def test_the_interval_of_a_median_is_between_two_of_the_values():
    """The probability that more than 12 of 16 are on one side of the median is below 5 %."""
    values = np.random.default_rng(0).random(16)
    np.testing.assert_array_equal(median(values)[1:], np.sort(values)[[3, 12]])
    assert 2 * scipy.stats.binom.cdf(3, 16, 0.5) <= 0.05 < 2 * scipy.stats.binom.cdf(4, 16, 0.5)


def test_the_slope_is_of_the_mean_curve_and_images_are_resampled_whole():
    rng = np.random.default_rng(1)
    x = np.arange(0.0, 41.0, 5.0)
    # Images differ in level, which does not change the slope, and in slope.
    curves = 5 * rng.standard_normal(50) + x[:, None] * (0.7 + 0.1 * rng.standard_normal(50))
    curves += 0.02 * (x[:, None] - 20) ** 2
    inside = (x >= 10) & (x <= 30)
    resampled = [
        np.polyfit(x[inside], curves[inside][:, rng.integers(0, 50, 50)].mean(1), 1)[0]
        for _ in range(4000)
    ]
    estimate, low, high = slope(x, curves, 10, 30)
    assert estimate == pytest.approx(np.polyfit(x[inside], curves[inside].mean(1), 1)[0])
    # Slightly wider than percentiles: 1 - 2 / 50^(1/2) of the probability to miss.
    tail = 0.025 * (1 - 2 / 50**0.5)
    np.testing.assert_allclose([low, high], np.quantile(resampled, [tail, 1 - tail]), atol=0.004)
    with pytest.raises(ValueError, match="three input PSNRs between 10 and 19 dB, found 2"):
        slope(x, curves, 10, 19)


def test_missing_values_are_left_out_and_too_few_have_no_interval():
    values = np.random.default_rng(0).random(30)
    with_holes = np.insert(values, [0, 7, 30], np.nan)
    np.testing.assert_array_equal(median(with_holes), median(values))
    assert np.isnan(mean([])).all()
    assert np.isnan(fraction([])).all()
    assert mean([np.nan, 3.0])[0] == 3
    assert np.isnan(mean([3.0])[1:]).all()
    np.testing.assert_array_equal(median(np.ones(5)), 1)


def test_intervals_depend_only_on_the_seed(monkeypatch):
    values = np.random.default_rng(0).random(30)
    expected = mean(values)
    monkeypatch.setattr("gahb.statistics.BATCH", 100)
    np.testing.assert_allclose(mean(values), expected, rtol=1e-12)
    assert (mean(values, seed=1) != expected)[1:].any()
