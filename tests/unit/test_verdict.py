"""The verdict: which N are at risk, for samples where it is known, and the text of the page."""

import numpy as np
import pytest
import scipy.stats
import xarray as xr
from figure_stores import ONE_AND_TEN, assert_legible, verdict_stores, words
from gahb import statistics
from gahb.drawing.stores import Stores
from gahb.figures import verdict
from gahb.summaries import memorization


def judged(memorized: int, held_out: int, samples=64, diverged=0, images=200) -> xr.Dataset:
    """Samples and held-out images, with these numbers counted as memorized."""
    taken = np.r_[np.full(diverged, np.nan), np.arange(samples - diverged) < memorized]
    false = statistics.fraction(np.arange(images) < held_out)
    return xr.Dataset(
        {
            "memorized": (("subset", "sample"), np.stack([taken] * 2)),
            "false_positives": (("subset", "bound"), np.stack([false] * 2)),
        }
    )


@pytest.mark.parametrize(
    ("stores", "at_risk"),
    [
        ([judged(64, 0)], "yes"),
        ([judged(0, 0)], "no"),
        # One copy is one too many, unless held-out images are called copies as often.
        ([judged(1, 0)], "yes"),
        ([judged(1, 2)], "no"),
        # For 5 of 64, Wilson's interval begins at 0.034, between 6 and 7 of 200.
        ([judged(5, 6)], "yes"),
        ([judged(5, 7)], "no"),
        ([judged(64, 200)], "no"),
        ([judged(0, 0), judged(0, 0), judged(9, 0)], "yes"),
        # The others say nothing if most diverged.
        ([judged(20, 0, diverged=40), judged(0, 0)], "no"),
    ],
)
def test_at_risk(stores, at_risk):
    assert memorization.risk(stores) == {"at_risk": at_risk}


def test_where_all_diverged_there_is_no_verdict():
    assert np.isnan(memorization.risk([judged(20, 0, diverged=40)])["at_risk"])
    shown = {"sizes": [10], "denoiser": "unet", "datasets": ["one"]}
    stores = verdict_stores([10], diverged=6)
    figure = verdict.draw(stores, shown)
    assert_legible(figure)
    assert "no verdict" in words(figure)
    (row,) = verdict.numbers(stores, shown)
    assert np.isnan(row["memorized"]) and np.isnan(row["ratio"]) and "at_risk" not in row


def test_a_network_with_as_many_copies_as_false_positives_is_rarely_at_risk():
    """The rule's level: if copies are as frequent as false positives, about 2.5 % are at risk."""
    called = [memorization.risk([judged(k, 20)])["at_risk"] == "yes" for k in range(65)]
    assert 0 < scipy.stats.binom.pmf(np.arange(65), 64, 0.1) @ called < 0.05


@pytest.mark.parametrize("sizes", [*ONE_AND_TEN, [1, 10, 100, 1000], [1, 10]])
def test_the_page(sizes):
    shown = {"sizes": sizes, "denoiser": "unet", "datasets": ["photographs"]}
    stores = verdict_stores(sizes, channels=3, diverged=1, count=20)
    figure = verdict.draw(stores, shown)
    assert_legible(figure)
    said = words(figure).replace("\n", " ")
    if sizes == [1000]:
        assert "0 of 19 samples are called copies of its 1,000 training images" in said
        assert "at most 16.8 % are" in said and "0 of 40 held-out images are" in said
    elif sizes == [1, 10]:
        assert "the largest N at risk of memorizing is 10, the largest that was tested" in said
    elif len(sizes) > 1:
        assert "the largest N at risk of memorizing is 10 " in said
        assert f"Between N = 10 and {sizes[sizes.index(10) + 1]} nothing was tested." in said
        assert "0 of 19 samples are called copies (at most 16.8 %), and 0 of 40" in said
    assert ("at risk" in said) == (len(sizes) > 1)
    assert "19 of 20 images are different" in said
    rows = verdict.numbers(stores, shown)
    at_risk = [("no", "yes")[N <= 10] if len(sizes) > 1 else None for N in sizes]
    assert [row.get("at_risk") for row in rows] == at_risk
    # For 0 of 19, Wilson's interval ends at z^2 / (19 + z^2).
    last = [row["memorized_high"] for row in rows if row["N"] > 10]
    assert last == pytest.approx([1.96**2 / (19 + 1.96**2)] * len(last), abs=1e-3)


def test_intervals_of_several_seeds_reflect_the_number_of_samples():
    shown = {"sizes": [1000], "denoiser": "unet", "datasets": ["one"]}
    (row,) = verdict.numbers(verdict_stores([1000], seeds=3, count=19), shown)
    assert row["memorized_high"] == pytest.approx(1.96**2 / (19 + 1.96**2), abs=1e-3)


def test_the_closest_pairs_are_shown_first():
    shown = {"sizes": [1000], "denoiser": "unet", "datasets": ["one"]}
    stores = verdict_stores([1000], diverged=2, count=20)
    similarity = stores.first("similarity")
    said = words(verdict.draw(stores, shown))
    nearest = np.sort(similarity.ratio.values[0])[:12]
    assert [f"{r:.2f}" for r in nearest] == [w for w in said.split() if len(w) == 4 and "0." in w]


def test_one_network_alone_has_the_same_verdict():
    shown = {"denoiser": "mine", "datasets": ["faces"], "sizes": [10, 100], "count": 20}
    pair, opened = verdict_stores([10, 100], count=20), []
    for kind, of, data in pair._opened:
        if kind == "similarity":
            of, data = of | {"pair": "single"}, data.sel(subset=["S1"])
            data = data.drop_vars(["between", "closest_pair", "closest_pair_image", "member"])
        if of.get("subset") != "S2" and kind != "beyond":
            opened.append((kind, of, data))
    alone = Stores(opened)
    both = verdict.numbers(pair, shown)
    assert all(row["beyond"] == pytest.approx(1 - 1 / (1 + row["N"]), abs=0.01) for row in both)
    of_two = ("beyond", "share")
    expected = [{k: v for k, v in row.items() if not k.startswith(of_two)} for row in both]
    assert verdict.numbers(alone, shown) == expected
    said, of_both = (words(verdict.draw(s, shown)).replace("\n", " ") for s in (alone, pair))
    assert "networks that share no training image agree to 0.99 beyond the covariance" in of_both
    assert "two networks" not in said and "the largest N at risk of memorizing is 10" in said


@pytest.mark.parametrize(("sizes", "words_"), [
    ([10], "20 of 20 samples are called copies of its 10 training images"),
    ([10, 1000], "copies of training images at N = 10."),
    ([1000], "0 of 20 samples are called copies of its 1,000 training images"),
])  # fmt: skip
def test_without_held_out_images_nothing_is_called_at_risk(sizes, words_):
    """And the page says why there is no gray histogram."""
    shown = {"denoiser": "mine", "datasets": ["faces"], "sizes": sizes}
    opened = [
        (kind, of, data.drop_vars(["false_positives", "held_out_ratio"], errors="ignore"))
        for kind, of, data in verdict_stores(sizes, count=20)._opened
    ]
    figure = verdict.draw(Stores(opened), shown)
    assert_legible(figure)
    said = words(figure).replace("\n", " ")
    assert words_ in said and "no held-out images" in said and "at risk" not in said
    assert not any("at_risk" in row for row in verdict.numbers(Stores(opened), shown))


def test_samples_that_are_no_images_are_counted():
    """One of the two diverged, and is not among the samples that are judged."""
    shown = {"denoiser": "mine", "datasets": ["faces"], "sizes": [10]}
    stores = verdict_stores([10], count=20, diverged=1)
    said = words(verdict.draw(stores, shown)).replace("\n", " ")
    assert "no image" not in said
    stores.first("samples", N=10, subset="S1").samples[:2, 0, 0, 0] = 3
    figure = verdict.draw(stores, shown)
    assert_legible(figure)
    said = words(figure).replace("\n", " ")
    assert "Values below -1 or above 2, which no image has, occur in 1 of the samples" in said


def test_a_single_training_set_reports_its_own_near_duplicates():
    shown = {"denoiser": "mine", "datasets": ["faces"], "sizes": [10]}
    opened = verdict_stores([10])._opened
    (redundant,) = (data for kind, _, data in opened if kind == "redundancy")
    redundant.images[:], redundant.different[:] = [20, 10, 0, 4], [19, 8, 0, 4]
    said = words(verdict.draw(Stores(opened), shown)).replace("\n", " ")
    assert "8 of 10 training images are different" in said and "not looked for" not in said
    redundant.images[:] = [20, 14, 0, 4]
    said = words(verdict.draw(Stores(opened), shown)).replace("\n", " ")
    assert "Copies of the 4 other training images that are known were not looked for" in said
