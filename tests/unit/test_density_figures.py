"""Figures of densities and dimensions, and their numbers, from small stores."""

import numpy as np
import pytest
from figure_stores import assert_legible, density_store, density_stores, words
from gahb.figures import dimension, likelihood, nats
from gahb.summaries import tables

SIZES = [1, 10, 100, 1000]


def shown(sizes, *references) -> dict:
    return {"sizes": sizes, "denoiser": "unet", "references": list(references), "source": ["disks"]}


@pytest.mark.parametrize("references", [[], ["wiener", "memorizer"]])
def test_nats_are_lost_on_test_images_and_gained_on_training_images(references):
    """An excess error of excess sigma^2 loses and gains excess ln 100 nats, excess = 100 / N."""
    stores, values = density_stores(SIZES, references=references), shown(SIZES, *references)
    figure = nats.draw(stores, values)
    assert_legible(figure)
    for row in nats.numbers(stores, values):
        # The best denoiser has the largest N.
        lost = (100 / row["N"] - 100 / max(SIZES)) * np.log(100)
        assert row["kl"] == pytest.approx(lost, abs=0.6)
        gained = (100 / row["N"] - 100 / max(SIZES)) * np.log(100)
        assert row["memory"] == pytest.approx(gained, abs=0.6)
        assert abs(row["kl_between"]) < 0.6
        assert ("memory_low" in row) == (row["N"] > 1)
    left, right = figure.axes
    names, sizes = ([text.get_text() for text in each.get_texts()] for each in figure.legends)
    named = {"wiener": "Wiener filter", "memorizer": "memorizer"}
    assert names[2:] == [f"lost by the {named[reference]}" for reference in references]
    assert sizes == ["1", "10", "100", "1,000"]
    # The curve at the last cut-off agrees with the left panel.
    ends = [line.get_ydata()[-1] for line in right.lines if len(line.get_xdata()) == 9]
    np.testing.assert_allclose(ends, left.lines[0].get_ydata())


@pytest.mark.parametrize("sizes", [[10], SIZES, [1, 2, 5, 10, 20, 50, 100]])
def test_log_densities_of_two_networks(sizes):
    stores = density_stores(sizes)
    figure = likelihood.draw(stores, shown(sizes))
    assert_legible(figure)
    panels = figure.subfigs[0].axes
    correlations = [row["correlation"] for row in likelihood.numbers(stores, shown(sizes))]
    titles = [f"$N$ = {N:,}, $r$ = {r:.2f}" for N, r in zip(sizes, correlations, strict=True)]
    assert [ax.get_title(loc="left") for ax in panels] == titles
    first = stores.first("density", N=sizes[0], subset="S1").log_density.isel(sigma=-1)
    np.testing.assert_allclose(panels[0].lines[0].get_xdata(), first.sel(set="test") / 64)
    # Below, the likeliest image comes first.
    notes = words(figure.subfigs[1]).split("\n")
    found = np.array(
        [float(note) for note in notes if note.replace("-", "").replace(".", "").isdigit()]
    )
    half = len(found) // 2
    assert len(found) == 12
    assert (np.diff(found[:half]) <= 0).all() and (np.diff(found[half:]) >= 0).all()


def test_training_images_are_likelier_where_they_are_memorized():
    rows = likelihood.numbers(density_stores(SIZES), shown(SIZES))
    # By 100 / N for each of 9 levels on either side.
    for row in rows:
        assert row["log_density_gap"] == pytest.approx(9 * 100 / row["N"] / 64, abs=0.01)


@pytest.mark.parametrize("references", [[], ["wiener", "memorizer"]])
def test_dimensions(references):
    stores, values = density_stores([100], references=references), shown([100], *references)
    figure = dimension.draw(stores, values)
    assert_legible(figure)
    assert ("dimension of the data: 5" in words(figure)) and (
        ("FLIPD" in words(figure)) == bool(references)
    )
    other = dimension.draw(stores, values | {"source": ["calpha"]})
    assert "dimension of the data" not in words(other)
    rows = dimension.numbers(stores, values)
    assert [row["input_psnr"] for row in rows] == [0, 20, 40] * (1 + len(references))
    assert {row["flipd"] for row in rows[:3]} == {"blind"}
    assert all(row["flipd"] == 6 for row in rows[3:])
    assert all(row["trace"] == 6 and row["bundle_dimension"] == 5 for row in rows)


def test_the_summary_of_densities_subtracts_the_gaussian():
    """Training images that are likely in themselves are not memory."""
    data = density_store(excess=2.0)
    row = tables.over_seeds([nats.nats.log_densities(data)])
    alike = data.copy()
    more = 7.0 * (data.log_density["set"] == "S1")
    alike["log_density"] = data.log_density + more
    alike["log_density_gaussian"] = data.log_density_gaussian + more
    again = nats.nats.log_densities(alike)
    assert again == pytest.approx(row)
    assert row["log_density_gap_low"] < row["log_density_gap"] < row["log_density_gap_high"]
