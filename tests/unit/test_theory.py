"""Minimax rates, oracles and slopes against sums done by hand."""

import numpy as np
import pytest
from gahb.decibels import minimax_slope, projection_psnr
from gahb.oracles import oracle_shrinkage
from gahb.statistics import slope


def test_minimax_slopes_of_the_paper():
    np.testing.assert_allclose([minimax_slope(a) for a in (1, 2, 3, 4, 5)],
                               [0.5, 0.667, 0.75, 0.8, 0.833], atol=4e-4)  # fmt: skip


@pytest.mark.parametrize("alpha", [1, 2, 4])
def test_the_oracle_has_the_minimax_slope(alpha):
    """Coefficients <x, e_k>^2 = k^-(alpha + 1) give errors of slope alpha / (alpha + 1)."""
    coefficients = np.arange(1, 10**6, dtype=float) ** (-(alpha + 1) / 2)
    sigmas = np.geomspace(1e-3, 1e-2, 8) if alpha > 1 else np.geomspace(3e-3, 3e-2, 8)
    errors = [s**2 * oracle_shrinkage(coefficients, s).sum() for s in sigmas]
    curve = -10 * np.log10(errors)[:, None]
    assert slope(-20 * np.log10(sigmas), curve, 0, 100)[0] == pytest.approx(
        minimax_slope(alpha), abs=0.02
    )


def test_the_oracle_is_the_best_factor():
    coefficients, sigma = np.array([0.01, 0.3, 2.0]), 0.2

    def error(shrinkage):
        return (1 - shrinkage) ** 2 * coefficients**2 + shrinkage**2 * sigma**2

    best = oracle_shrinkage(coefficients, sigma)
    for other in (best + 1e-3, best - 1e-3):
        assert (error(best) < error(other)).all()
    np.testing.assert_allclose(error(best), sigma**2 * best)


def test_a_projection_has_slope_1_and_its_own_error():
    rng = np.random.default_rng(0)
    sigma = np.array([0.3, 0.1, 0.01])
    found = projection_psnr(sigma, 5, 100)
    noise = rng.standard_normal((20000, 5)) * 0.1
    np.testing.assert_allclose(found[1], -10 * np.log10(np.square(noise).sum(1).mean() / 100),
                               atol=0.1)  # fmt: skip
    assert slope(-20 * np.log10(sigma), found[:, None], 0, 50)[0] == pytest.approx(1)
