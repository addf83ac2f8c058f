"""Properties of denoisers for which they are known: filters, including the Wiener filter."""

import numpy as np
import pytest
import torch
from figure_stores import properties_stores
from gahb.figures import properties as figure
from gahb.properties import entries, properties, receptive_field
from torch import nn

SIDE = 8
SHAPE = 1, SIDE, SIDE
ALL = torch.arange(SIDE**2)


def noisy(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 0.5 + torch.randn(SHAPE, generator=generator, dtype=torch.float64)


class Filter(nn.Module):
    """Periodic filter with weight 1/2 at a pixel, and 1/8 two pixels away in each direction."""

    def forward(self, y, sigma):
        around = sum(y.roll(s, axis) for s in (-2, 2) for axis in (2, 3))
        return y / 2 + around / 8


def test_a_filter_is_linear_homogeneous_and_equivariant():
    found = properties(Filter(), noisy(), 0.3, ALL)
    assert max(found.homogeneity, found.linearity, found.equivariance) < 1e-12
    middle = SIDE - 1
    # The mean over entries for which the pixel is inside the image.
    assert found.field[middle, middle] == pytest.approx(1 / 2)
    assert found.field[middle + 2, middle] == found.field[middle, middle - 2] == 1 / 8
    assert found.field[middle + 1, middle] == found.field[middle + 2, middle + 2] == 0


def test_the_radius_of_a_filter_is_the_radius_of_its_weights():
    inside = torch.tensor([SIDE * 3 + 4, SIDE * 4 + 3])
    found = properties(Filter(), noisy(), 0.3, inside)
    assert found.radius == pytest.approx(np.sqrt(4 / 2))


def test_a_uniform_field_has_the_radius_of_the_image():
    """Two coordinates, each the difference of two uniform ones on SIDE pixels."""
    field, radius = receptive_field(torch.ones(len(ALL), 3 * len(ALL)), ALL, (3, SIDE, SIDE))
    assert radius == pytest.approx(np.sqrt(2 * (SIDE**2 - 1) / 6))
    np.testing.assert_allclose(field, 3)


@pytest.mark.parametrize("mean", [0.0, 0.5])
def test_wieners_filter_is_linear_around_its_mean(mean):
    """f(y) = m + W (y - m): its tangent misses (I - W) m, which is known here."""
    generator = torch.Generator().manual_seed(1)
    axes = torch.linalg.qr(torch.randn(SIDE**2, SIDE**2, generator=generator).double())[0]
    variances = torch.linspace(1, 0.01, SIDE**2, dtype=torch.float64)
    m = torch.full((SIDE**2,), mean, dtype=torch.float64)
    covariance = (axes * variances) @ axes.T
    gain = covariance @ torch.linalg.inv(covariance + 0.09 * torch.eye(SIDE**2))

    class Known(nn.Module):
        def forward(self, y, sigma):
            return (m + (y.flatten(1) - m) @ gain).view(y.shape)

    y = noisy()
    found = properties(Known(), y, 0.3, ALL)
    missed = (m - gain @ m).norm() / Known()(y[None], 0.3).norm()
    assert found.linearity == pytest.approx(float(missed), abs=1e-10)
    assert found.equivariance > 0.1


def test_entries_are_distinct_and_at_most_all():
    assert len(set(entries(SHAPE, 20, 0).tolist())) == 20
    assert torch.equal(entries(SHAPE, 1000, 0), ALL)


def test_the_figure_agrees_with_the_stores():
    rows = figure.numbers(
        properties_stores(["a", "b"], 2), {"denoisers": ["a", "b"], "sizes": [100]}
    )
    assert [(r["denoiser"], r["sigma"]) for r in rows[:3]] == [("a", 0.1), ("a", 0.2), ("a", 0.4)]
    assert rows[0]["equivariance"] == pytest.approx(0.3) and rows[0]["N"] == 100
    assert rows[3]["linearity_low"] < 0.15 < rows[3]["linearity_high"]
