"""Distances to the optimum, for curves at a known distance, and the stores that figures read."""

import copy

import numpy as np
import pytest
import xarray as xr
from configs import EVERY_KIND as TINY
from figure_stores import networks_of, optimum_store, psnr_store, stores_of, words
from gahb.figures import optimum as figure
from gahb.figures import psnr_curves, slopes
from gahb.summaries import optimum
from gahb.summaries.optimum import below_optimum
from study import figures
from study.config import checked
from study.config.between_studies import study_mistakes
from study.stages import STAGES
from study.stages.figures import summarized


def test_distances_are_taken_per_image_at_common_levels():
    curves, best = psnr_store(0.6, 11), optimum_store(0.6, 13)
    # Differences between images cancel; the optimum has two of the three, and four levels.
    found = optimum.below(curves, best)
    assert found.sizes == {"input_psnr": 4, "image": 2}
    np.testing.assert_allclose(found, 2)
    row = below_optimum(curves, best)
    assert row["below_optimum_10"] == row["below_optimum_30_low"] == pytest.approx(2)


def test_other_images_are_refused():
    curves, best = psnr_store(0.6), optimum_store(0.6)
    indices = xr.DataArray([[4, 7, 1]] * 2, dims=("set", "image"), coords={"set": curves["set"]})
    curves = curves.assign(image_index=indices)
    same = best.assign(image_index=indices.sel(set=["test"]).isel(image=slice(2)))
    assert optimum.below(curves, same).size == 8
    other = best.assign(image_index=indices.sel(set=["test"]).isel(image=[1, 0]))
    with pytest.raises(ValueError, match="not of the first test images"):
        optimum.below(curves, other)
    with pytest.raises(ValueError, match="not of the first test images"):
        optimum.below(curves.isel(image=slice(1)), best)


def test_a_mean_over_chains_is_as_far_from_the_exact_one_as_its_error_says():
    """The squared error of a noisy mean is the error of the exact one plus the noise variance."""
    rng, d = np.random.default_rng(0), 100_000
    exact = 0.3 * rng.normal(size=d)
    found = exact + 0.2 * rng.normal(size=d)
    decibel = [-10 * np.log10(np.square(e).mean()) for e in (exact, found)]
    best = optimum_store(0.6).isel(image=slice(1))
    best = best.assign(psnr=0 * best.psnr + decibel[1], monte_carlo_error=0 * best.psnr + 0.04)
    np.testing.assert_allclose(optimum.above_measured(best), decibel[0] - decibel[1], atol=0.03)
    closed_form = best.drop_vars("monte_carlo_error")
    np.testing.assert_array_equal(optimum.above_measured(closed_form), 0)


def test_the_closed_share_of_the_gap():
    found = optimum.closed(psnr_store(0.6, 12), psnr_store(0.6, 9), optimum_store(0.6, 13))
    assert found.keys() == {10, 15, 20, 30}
    np.testing.assert_allclose(found[20], 0.75)


def test_fitted_curves_recover_the_curves_of_the_distances():
    n = np.array([1e4, 4e4, 16e4, 64e4])
    far = 2.5e8
    line = 3 - 0.2 * np.log2(n / 1e4)
    found = optimum.extrapolated(n, line[:, None] + np.zeros(9))
    np.testing.assert_allclose(found["per_doubling"], -0.2)
    np.testing.assert_allclose(found["line_at_paper"], 3 - 0.2 * np.log2(far / 1e4))
    np.testing.assert_allclose(found["reached"], np.log10(1e4 * 2**15))
    assert found["scatter"][0] == pytest.approx(0, abs=1e-9)
    power = 3 * (n / 1e4) ** -0.3
    found = optimum.extrapolated(n, power[:, None] + np.zeros(9))
    np.testing.assert_allclose(found["power_at_paper"], 3 * (far / 1e4) ** -0.3)
    assert found["scatter"][0] > 0.1
    rising = optimum.extrapolated(n, (1 + 0 * n + np.arange(4))[:, None] + np.zeros(9))
    assert np.isinf(rising["reached"]).all()
    assert "power_at_paper" not in optimum.extrapolated(n, line[:, None] - 2.8 + np.zeros(9))


def test_intervals_of_curves_have_their_coverage():
    rng, n = np.random.default_rng(0), np.array([1e4, 4e4, 16e4])
    true = 2 - 0.1 * np.log2(n / 1e4)
    held = []
    for i in range(150):
        images = true[:, None] + rng.normal(size=(1, 30)) + 0.3 * rng.normal(size=(3, 30))
        _, low, high = optimum.extrapolated(n, images, seed=i)["per_doubling"]
        held.append(low < -0.1 < high)
    assert 0.87 < np.mean(held) < 1


def test_the_figure_states_the_distance_of_each_network():
    stores, shown = networks_of(1)
    rows = figure.numbers(stores, shown)
    at = [row for row in rows if row["input_psnr"] == 20]
    assert [row["denoiser"] for row in at] == ["once", "twice", "four-times"]
    assert [row["below_optimum"] for row in at] == pytest.approx([3, 2, 1])
    assert [row["closed"] for row in at] == pytest.approx([0.25, 0.5, 0.75])
    assert [row["images_seen"] for row in at] == [32_000, 64_000, 128_000]
    assert at[0]["per_doubling"] == pytest.approx(-1)
    assert at[0]["reached"] == pytest.approx(np.log10(256_000))
    without = figure.numbers(stores, shown | {"linear": None})
    assert "closed" not in without[0]
    assert len(figure.draw(stores, shown | {"linear": None}).axes) == 1
    said = words(figure.draw(stores, shown)).replace("\n", " ")
    assert "four-times (N = 10), is 1.00 dB below the optimum and closes 0.75" in said
    # With equal numbers of images seen: no curve, and the networks' names below.
    known = {
        name: {"psnr": {10: psnr_store(0.6, 11)}, "history": {10: one}}
        for name, one in zip(("wide", "deep"), stores.of("history", "once") * 2, strict=True)
    }
    known["optimum"] = {"psnr": {10: optimum_store(0.6, 13)}}
    alike = stores_of(known), shown | {"denoisers": ["wide", "deep"], "linear": None}
    assert "per_doubling" not in figure.numbers(*alike)[0]
    assert "deep" in words(figure.draw(*alike))


def test_the_numbers_list_references_next_to_networks():
    known = {"optimum": {"psnr": {10: optimum_store(0.6, 13)}},
             "linear": {"psnr": {10: psnr_store(0.5, 10, gap=1)}}}  # fmt: skip
    stores = stores_of(known, psnr={1: psnr_store(0.6, gap=3), 10: psnr_store(0.6, 11)})
    shown = {"sizes": [1, 10], "slope_range": (10, 20), "optimum": "optimum",
             "references": ["linear", "optimum"], "denoiser": "network"}  # fmt: skip
    rows = psnr_curves.numbers(stores, shown)
    assert [(r["denoiser"], r["N"]) for r in rows] == [
        ("network", 1), ("network", 10), ("linear", 10)
    ]  # fmt: skip
    assert [r["gap"] for r in rows] == pytest.approx([3, 0, 1])
    assert [r["below_optimum_20"] for r in rows] == pytest.approx([1, 2, 5])
    # Its line at 15 dB, the middle of the range, whatever the network.
    assert [r["optimum"] for r in rows] == pytest.approx([13 + 0.6 * 15] * 3)
    assert [r["optimum_slope"] for r in rows] == pytest.approx([0.6] * 3)


# What figures read.


def config(**study):
    tiny = copy.deepcopy(TINY)
    tiny["studies"]["pair"] |= study
    return checked(tiny)


def test_references_are_read_at_the_largest_size_and_only_where_they_are_shown():
    found = config(references=["wiener", "flexible"], figures=["psnr_curves"])
    job = {"study": "pair", "of": "calpha_tiny"}
    declared = figures.declared()["psnr_curves"]
    read = [(j["denoiser"], j["N"]) for j in figures.stores(found, job, declared)["psnr"]]
    assert read == [("tiny", 1), ("tiny", 8), ("wiener", 8)]
    shown = figures.shown(found, job, declared)
    assert (shown["optimum"], shown["linear"]) == (None, "wiener")
    of_slopes = figures.stores(found, {"study": "pair", "of": "tiny"}, slopes.FIGURE)
    assert {j["denoiser"] for j in of_slopes["psnr"]} == {"tiny"}


def with_optimum(**study) -> dict:
    """A checked config in which the reference `flexible` takes the place of the optimum."""
    found = config(references=["wiener", "flexible"], **study)
    found["denoisers"]["flexible"] = {"reference": "optimum"}
    return found


def test_the_summary_reads_the_optimum_where_a_figure_shows_it():
    found = with_optimum(figures=["psnr_curves"])
    shown = figures.shown(found, {"study": "pair", "of": "calpha_tiny"}, psnr_curves.FIGURE)
    assert shown["optimum"] == "flexible"
    uses = STAGES["summary"].uses(found, {})
    job = {"dataset": "calpha", "denoiser": "flexible", "N": 8, "subset": "S1", "seed": 0}
    best = {row["study"]: row["stores"].get("optimum") for row in uses["rows"]}
    assert best["pair"] == [job] and best["disks"] is None
    assert job in summarized(found)["psnr"]


def test_a_figure_that_needs_an_optimum_says_so():
    found = config(references=["wiener"], figures=["psnr_curves"])
    found["studies"]["pair"]["figures"] = ["optimum"]
    (mistake,) = study_mistakes(found, "pair")
    assert mistake == (
        "studies.pair.references: found ['wiener']; the figure 'optimum' needs the reference "
        "'optimum'"
    )


def test_declared_references_are_references_or_the_optimum():
    for declared in figures.declared().values():
        for kind, names in declared.get("beside", {}).items():
            assert kind in declared["reads"]
            for name in () if names == "every" else names:
                file = figures.ROOT / "gahb" / "denoisers" / "references" / f"{name}.py"
                assert file.is_file() or name == "optimum"
    assert figures.declared()["optimum"]["needs"] == "optimum"
