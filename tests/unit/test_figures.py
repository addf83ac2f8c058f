"""Figures drawn from small stores: their content, and that it is legible."""

import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from figure_stores import (
    DATASETS,
    INPUT_PSNR,
    ONE_AND_TEN,
    PIXELS,
    RANGE,
    SIDE,
    agreement_store,
    agreement_stores,
    assert_legible,
    curves_of,
    draw_curves,
    eigenbasis_store,
    harmonics_store,
    history_store,
    matrix_store,
    networks_of,
    oracles_store,
    psnr_store,
    sample_stores,
    stores_of,
    words,
)
from gahb.drawing import panels, pictures, style
from gahb.drawing.stores import Stores
from gahb.figures import (
    agreement,
    disks,
    geometry,
    history,
    matrix,
    new_images,
    optimum,
    pairs,
    patches,
    psnr_curves,
    samples,
    shrinkage,
    slopes,
    theories,
)
from gahb.harmonics.oscillation import roughness
from gahb.summaries import memorization, tables
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage, imread
from matplotlib.testing.compare import compare_images

LOOKS = Path(__file__).parent / "looks"


# Figure 1.


@pytest.mark.parametrize("sizes", ONE_AND_TEN)
def test_psnr_curves(sizes):
    figure = draw_curves(sizes)
    assert_legible(figure)
    train, test = figure.axes
    assert train.get_xlabel() == test.get_xlabel() == "input PSNR (dB)"
    assert train.get_ylabel() == "output PSNR (dB)"
    for ax, gap in ((train, 10 / sizes[0]), (test, 0)):
        assert len(curves_of(ax)) == len(sizes)
        np.testing.assert_allclose(curves_of(ax)[0].get_ydata(), 12 + gap + 0.6 * INPUT_PSNR)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [*(f"{N:,}" for N in sizes), "output = input"]
    colors = {line.get_color() for line in curves_of(train)}
    assert len(colors) == len(sizes)


# Figure 2.


@pytest.mark.parametrize("sizes", [*ONE_AND_TEN, [10, 100]])
@pytest.mark.parametrize("channels", [1, 3])
def test_samples(sizes, channels):
    figure = samples.draw(sample_stores(sizes, channels, diverged=2), {"sizes": sizes})
    assert_legible(figure)
    top, bottom = figure.axes
    each = 3 if len(sizes) < 10 else 1
    assert len(top.images) == 4 * each * len(sizes)
    # Cosines are below the images of their N.
    edges = [ax.get_window_extent().intervalx for ax in (top, bottom)]
    np.testing.assert_allclose(*edges, atol=3)
    memorized = [4 if N <= 10 else 0 for N in sizes]
    below = [f"{count}/4\n2 lost" for count in memorized]
    assert [t.get_text() for t in bottom.get_xticklabels()] == below
    said = words(figure).replace("\n", " ")
    assert f"N = {sizes[-1]:,}: {memorized[-1]} of 4 samples are memorized, and two" in said
    share, gaussian = bottom.lines[0].get_ydata(), bottom.lines[1].get_ydata()
    np.testing.assert_allclose(share, 1 - 1 / (1 + np.array(sizes)), atol=0.01)
    np.testing.assert_allclose(gaussian, -share)
    assert [t.get_text() for t in top.get_xticklabels()] == [f"{N:,}" for N in sizes]


@pytest.mark.parametrize("sizes", [*ONE_AND_TEN, [10, 100], [3500]])
@pytest.mark.parametrize("same", [True, False])
def test_new_images(sizes, same):
    """At N = 10 all samples are copies, above that none: the largest N is shown and counted."""
    stores = sample_stores(sizes, diverged=2, same=same)
    figure = new_images.draw(stores, {"sizes": sizes})
    assert_legible(figure)
    top, curves = figure.axes
    assert len(top.images) == 3 * 4
    assert [t.get_text() for t in top.get_yticklabels()] == ["network 1", "network 2", "Gaussian"]
    assert f"{0 if sizes[-1] > 10 else 4} of 4 samples are memorized" in words(figure)
    assert ("same images, another seed" in words(figure)) == same
    beyond = {line.get_label(): line.get_ydata() for line in curves.lines}
    two = beyond["two networks, beyond the covariance"]
    np.testing.assert_allclose(two, [1 - 1 / (1 + N) for N in sizes], atol=0.01)
    np.testing.assert_allclose(beyond["two Wiener filters"], -two)


@pytest.mark.filterwarnings("error")
def test_new_images_that_all_diverged():
    stores = sample_stores([1, 10], diverged=6)
    figure = new_images.draw(stores, {"sizes": [1, 10]})
    assert_legible(figure)
    assert not figure.axes[0].images and "most samples diverged" in words(figure)
    new_images.numbers(stores, {"sizes": [1, 10]})


@pytest.mark.parametrize(("figure", "rows"), [(samples, 2), (patches, 3)])
def test_one_network_alone(figure, rows):
    opened = []
    for kind, of, data in sample_stores([1, 10], diverged=2)._opened:
        if kind == "similarity":
            of, data = of | {"pair": "single"}, data.sel(subset=["S1"])
            data = data.drop_vars(["between", "closest_pair", "closest_pair_image", "member"])
        if of.get("subset") != "S2" and kind != "beyond":
            opened.append((kind, of, data))
    stores, shown = Stores(opened), {"sizes": [1, 10], "patch": 4}
    drawn = figure.draw(stores, shown)
    assert_legible(drawn)
    assert len(drawn.axes[0].images) == rows * 3 * 2
    assert "two networks" not in words(drawn)
    both = figure.numbers(sample_stores([1, 10], diverged=2), shown)
    for alone, row in zip(figure.numbers(stores, shown), both, strict=True):
        assert alone.items() <= row.items()
        assert {"closest_S1"} <= alone.keys() and not {"between", "closest_S2"} & alone.keys()


def test_first_samples_that_did_not_diverge_are_shown():
    stores = sample_stores([10], diverged=2)
    top = samples.draw(stores, {"sizes": [10]}).axes[0]
    images, similarity = stores.first("images").images, stores.first("similarity")
    drawn = [stores.first("samples", subset=s).samples.values for s in ("S1", "S2")]
    by_place = {(im.get_extent()[0], im.get_extent()[3]): im.get_array() for im in top.images}
    columns, rows = (sorted({place[i] for place in by_place}) for i in (0, 1))

    def shown(row, column):
        return by_place[columns[column], rows[row]][:: 200 // SIDE, :: 200 // SIDE, 0]

    for column, sample in enumerate([2, 3, 4]):
        closest = images[similarity.closest_image[:, sample].values].values / 255
        np.testing.assert_allclose(shown(0, column), closest[0, 0])
        np.testing.assert_allclose(shown(1, column), drawn[0][sample, 0])
        np.testing.assert_allclose(shown(2, column), drawn[1][sample, 0])
        np.testing.assert_allclose(shown(3, column), closest[1, 0])


@pytest.mark.filterwarnings("error")
def test_samples_that_all_diverged():
    figure = samples.draw(sample_stores([1, 10], diverged=6, dtype=np.float32), {"sizes": [1, 10]})
    assert_legible(figure)
    assert not figure.axes[0].images
    assert words(figure).count("0/0\n6 lost") == 2


# Figures 3 to 6.


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("images", "sigmas"), [(1, [0.15]), (5, [0.05, 0.15, 0.5])])
def test_shrinkage(channels, images, sigmas):
    basis = eigenbasis_store(channels, images, sigmas)
    figure = shrinkage.draw(stores_of(eigenbasis=[basis]), {})
    assert_legible(figure)
    error = np.square(basis.noisy.isel(image=0, sigma=0) - basis.clean[0]).mean()
    assert f"noisy\n{-10 * np.log10(float(error)):.1f} dB" in words(figure)
    assert len(figure.findobj(Axes)) == 4 * min(images, shrinkage.IMAGES)


def draw_slopes(alphas, curves, bases):
    stores = stores_of(psnr=curves, eigenbasis=bases)
    return slopes.draw(stores, RANGE | {"alphas": alphas, "datasets": DATASETS[: len(alphas)]})


@pytest.mark.parametrize("alphas", [[2], [5, 4, 3, 2, 1]])
@pytest.mark.parametrize("channels", [1, 3])
def test_slopes(alphas, channels):
    lines = [0.1 + alpha / (alpha + 1) for alpha in alphas]
    bases = [eigenbasis_store(channels)] * len(alphas)
    figure = draw_slopes(alphas, [psnr_store(slope) for slope in lines], bases)
    assert_legible(figure)
    slope = figure.subfigs[0].axes[1]
    for alpha in alphas:
        assert rf"$\alpha$ = {alpha}" in words(figure)
    points = [line for line in slope.lines if line.get_marker() == "o"]
    found = sorted((*line.get_xdata(), *line.get_ydata()) for line in points)
    np.testing.assert_allclose(found, sorted(zip(alphas, lines, strict=True)))
    assert "are up to 0.10 from" in words(figure).replace("\n", " ")


def draw_disks(curves, basis):
    return disks.draw(stores_of(psnr=[curves], eigenbasis=[basis]), RANGE)


@pytest.mark.parametrize("channels", [1, 3])
def test_disks(channels):
    figure = draw_disks(psnr_store(0.75), eigenbasis_store(channels))
    assert_legible(figure)
    assert "the slope of its PSNR curve is 0.75" in words(figure).replace("\n", " ")
    optimum = curves_of(figure.subfigs[0].axes[0])[1].get_ydata()
    np.testing.assert_allclose(optimum, INPUT_PSNR + 10 * np.log10(channels * SIDE**2 / 5))
    # Factors 1 / k: only the first is above one half.
    assert re.search(r"1/2.* 1 ", words(figure))


def draw_geometry(curves, bases):
    return geometry.draw(stores_of(psnr=curves, eigenbasis=bases), {"datasets": DATASETS[:2]})


@pytest.mark.parametrize("channels", [1, 3])
def test_geometry(channels):
    bases = [eigenbasis_store(channels, seed=seed) for seed in (0, 1)]
    figure = draw_geometry([psnr_store(0.8), psnr_store(0.6)], bases)
    assert_legible(figure)
    first, second = curves_of(figure.subfigs[0].axes[0])
    np.testing.assert_allclose(first.get_ydata(), 12 - 0.2 * INPUT_PSNR)
    np.testing.assert_allclose(second.get_ydata(), 12 - 0.4 * INPUT_PSNR)
    said = words(figure).replace("\n", " ")
    assert "loses up to 8.0 dB (at 40 dB of input PSNR); from 30 dB on" in said
    with pictures.hiding(True):
        private = draw_geometry([psnr_store(0.8), psnr_store(0.6)], bases)
    assert len(figure.axes) - len(private.axes) == 1 and not private.findobj(AxesImage)


def test_roughness():
    constant = np.full((1, SIDE, SIDE), 1 / SIDE)
    board = constant * (-1) ** np.add.outer(np.arange(SIDE), np.arange(SIDE))
    found = roughness(xr.DataArray([constant, board], dims=("rank", *PIXELS)))
    np.testing.assert_allclose(found, [0, 2])
    basis = eigenbasis_store(3).vectors[0, 0]
    assert roughness(basis).mean() == pytest.approx(1, abs=0.02)


# Appendix.


@pytest.mark.parametrize("N", [1, 10])
@pytest.mark.parametrize(("channels", "dtype"), [(1, np.uint8), (3, np.float32)])
def test_pairs(N, channels, dtype):
    stores = sample_stores([N], channels, diverged=2, dtype=dtype)
    figure = pairs.draw(stores, {"sizes": [N]})
    similarity, images = stores.first("similarity"), stores.first("images").images
    assert_legible(figure)
    top = figure.axes[0]
    assert len(top.images) == 2 * N
    # The most similar pair comes first, S1 above S2.
    best = int(similarity.closest_pair.values.argmax())
    assert top.texts[0].get_text() == f"{float(similarity.closest_pair[best]):.3f}"
    first, second = sorted(top.images, key=lambda im: im.get_extent()[::3])[:2]
    for shown, index in ((first, best), (second, 19 - best)):
        pixels = shown.get_array()[:: 200 // SIDE, :: 200 // SIDE]
        np.testing.assert_allclose(pixels, pictures.photo(images[index]))
    for count in (f"S_2$ ({N})", "networks (4)", "image (8)"):
        assert count in words(figure)


@pytest.mark.filterwarnings("error")
def test_pairs_whose_samples_all_diverged():
    figure = pairs.draw(sample_stores([10], diverged=6), {"sizes": [10]})
    assert_legible(figure)
    assert "networks (0)" in words(figure)


@pytest.mark.parametrize("sizes", [*ONE_AND_TEN, [10, 100]])
@pytest.mark.parametrize(("channels", "patch"), [(1, 4), (3, 3)])
def test_patches(sizes, channels, patch):
    stores = sample_stores(sizes, channels, diverged=2)
    figure = patches.draw(stores, {"sizes": sizes, "patch": patch})
    assert_legible(figure)
    top, bottom = figure.axes
    each = 3 if len(sizes) < 10 else 1
    assert len(top.images) == 3 * each * len(sizes)
    assert {t.get_text() for t in bottom.get_xticklabels()} <= {"4/4\n2 lost", "0/4\n2 lost"}


def test_patchwork_of_a_sample_cut_from_images():
    images = np.random.default_rng(0).integers(0, 256, (4, 1, SIDE, SIDE)).astype(np.uint8)
    sample = np.empty((1, SIDE, SIDE), np.float32)
    for image, (row, column) in zip(images, np.ndindex(2, 2), strict=True):
        place = np.s_[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        sample[place] = 0.2 + 0.1 * (row + column) + image[place] / 1000
    among = xr.DataArray(images, dims=("image", *PIXELS))
    found = patches.patchwork(sample, among, np.arange(4).reshape(2, 2), 4)
    np.testing.assert_allclose(found, pictures.photo(sample), atol=1e-6)
    # Patches of 3 pixels leave two rows and columns, white.
    found = patches.patchwork(sample, among, np.arange(4).reshape(2, 2), 3)
    assert (found[6:] == 1).all() and (found[:, 6:] == 1).all()


def draw_history(sizes):
    stores = stores_of(history={N: history_store(rise=1 / N) for N in sizes})
    return history.draw(stores, {"sizes": sizes})


@pytest.mark.parametrize("sizes", ONE_AND_TEN)
def test_history(sizes):
    figure = draw_history(sizes)
    assert_legible(figure)
    loss, train, test = figure.axes
    for ax in figure.axes:
        assert len(ax.lines) == len(sizes)
        np.testing.assert_allclose(ax.lines[0].get_xdata()[[0, -1]], [320, 32_000])
    assert train.get_ylim() == test.get_ylim()
    np.testing.assert_allclose(loss.lines[0].get_ydata()[0], 1 / 10)
    np.testing.assert_allclose(train.lines[0].get_ydata(), 20 + np.arange(5) / sizes[0])


@pytest.mark.parametrize("sizes", [*ONE_AND_TEN, [10, 100]])
def test_agreement(sizes):
    figure = agreement.draw(agreement_stores(sizes), {"sizes": sizes})
    assert_legible(figure)
    assert len(figure.axes) == min(len(sizes), agreement.COLUMNS)
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    np.testing.assert_allclose(lines["memorizer"].get_xdata(), [0.5, 0.2, 0.05])
    # Half less than R^2: 0.3 for the second theory, 0.95 for other networks.
    np.testing.assert_allclose(lines["memorizer"].get_ydata(), -0.2)
    np.testing.assert_allclose(lines["a network trained on other images"].get_ydata(), 0.45)
    best = 1 - 1 / (1 + len(sizes)) - 0.7
    theory = f"the memorizer, explains {best:.2f} of the network"
    said = f"N = {sizes[-1]:,}, beyond the Wiener filter: "
    said += f"the best theory, {theory}" if best > 0 else "no theory explains anything"
    assert said in words(figure).replace("\n", " ")


def test_theories_far_below_the_wiener_filter_are_drawn_at_the_edge():
    found = agreement_store(0.5)
    figure = agreement.draw(
        stores_of(agreement={10: found.assign(r2_beyond_wiener=found.r2 - 9)}), {"sizes": [10]}
    )
    assert_legible(figure)
    marks = [line for line in figure.axes[0].lines if line.get_marker() == "v"]
    assert {y for line in marks for y in line.get_ydata()} == {agreement.LOWEST}


def test_the_verdict_names_the_closest_theory_and_the_rest():
    rows = agreement.numbers(agreement_stores([1, 10]), {"sizes": [1, 10]})
    assert [(row["N"], row["sigma"]) for row in rows] == [
        (N, level) for N in (1, 10) for level in (0.5, 0.2, 0.05)
    ]
    assert {row["closest"] for row in rows} == {"wiener"}
    assert rows[0]["unexplained_theory"] == pytest.approx(0.5)
    assert rows[0]["unexplained_ceiling"] == pytest.approx(0.05)
    assert rows[0]["r2_beyond_memorizer"] == pytest.approx(-0.2)
    assert "leaves 0.500 unexplained" in rows[0]["verdict"]
    assert "10.0 times as much" in rows[0]["verdict"]
    reached = stores_of(agreement={1: agreement_store(1.0)})
    (row, *_) = agreement.numbers(reached, {"sizes": [1]})
    assert "nothing is left that networks agree on" in row["verdict"]


@pytest.mark.parametrize("sizes", [*ONE_AND_TEN, [10, 100]])
@pytest.mark.parametrize("channels", [1, 3])
def test_theories(sizes, channels):
    stores = agreement_stores(sizes, channels)
    figure = theories.draw(stores, {"sizes": sizes})
    assert_legible(figure)
    above, below = figure.axes
    # Clean and noisy; two networks and two theories, in two blocks.
    columns = 2 * min(len(sizes), theories.SIZES)
    assert (len(above.images), len(below.images)) == (2, 4 * columns)
    numbers = theories.numbers(stores, {"sizes": sizes})
    assert [row["output"] for row in numbers[:4]] == [
        "network 1", "wiener", "memorizer", "network 2"
    ]  # fmt: skip
    assert numbers[0]["end_correlation"] == pytest.approx(1)


@pytest.mark.parametrize("sizes", [*ONE_AND_TEN, [10, 100]])
@pytest.mark.parametrize("theories", [(), ("wiener",), tuple("abcdef")])
def test_matrix(sizes, theories):
    stores = stores_of(matrix={N: matrix_store(theories) for N in sizes})
    figure = matrix.draw(stores, {"sizes": sizes})
    assert_legible(figure)
    said = words(figure).replace("\n", " ")
    assert f"at N = {sizes[-1]:,}: two networks agree to 0.90" in said
    if theories:
        closest = {"wiener": "Wiener filter"}.get(theories[0], theories[0])
        assert f"the {closest}, to 0.50; two such theories to 0.80." in said
        assert f"{closest}, S1" in said
    if len(theories) > 1:
        assert "\N{EN DASH}" in said  # nothing is left of two theories
        assert "\n.90\n" in words(figure) and "\N{MINUS SIGN}.00" not in said
    rows = matrix.numbers(stores, {"sizes": sizes})
    count = 3 + 2 * len(theories)
    assert len(rows) == len(sizes) * count * (count - 1)
    assert rows[0]["beyond"] == pytest.approx(0.9) and rows[0]["share_high"] == pytest.approx(0.11)


# How they look.

SIZES = [1, 10, 100, 1000]


def looks():
    """Every figure, from stores that never change."""
    drawn, shown = sample_stores(SIZES, diverged=2), {"sizes": SIZES}
    curves, basis = [psnr_store(slope) for slope in (0.5, 0.65)], eigenbasis_store()
    return {
        "psnr_curves": draw_curves(SIZES),
        "samples": samples.draw(drawn, shown),
        "shrinkage": shrinkage.draw(stores_of(eigenbasis=[eigenbasis_store(images=2)]), {}),
        "slopes": draw_slopes([1, 2], curves, [basis, basis]),
        "disks": draw_disks(psnr_store(0.75), basis),
        "geometry": draw_geometry(curves, [basis, eigenbasis_store(seed=1)]),
        "pairs": pairs.draw(drawn, {"sizes": [10]}),
        "patches": patches.draw(drawn, shown | {"patch": 4}),
        "history": draw_history(SIZES),
        "agreement": agreement.draw(agreement_stores(SIZES), shown),
        "optimum": optimum.draw(*networks_of(1)),
        "theories": theories.draw(agreement_stores(SIZES), shown),
    }


def test_figures_look_as_they_did(tmp_path):
    """If a picture is changed on purpose, copy it over the one in looks/."""
    changed = []
    for name, figure in looks().items():
        path = tmp_path / f"{name}.png"
        with style.sheet():
            figure.savefig(path, dpi=60)
        changed.append(compare_images(LOOKS / path.name, path, tol=1))
    assert not any(changed), "\n".join(filter(None, changed))


# Numbers.


def test_numbers_of_curves_are_exact_on_lines():
    curves = stores_of(psnr={N: psnr_store(0.6, gap=10 / N) for N in (1, 100)})
    rows = psnr_curves.numbers(curves, {"sizes": [1, 100], "slope_range": (10, 20)})
    assert [(r["N"], r["images"]) for r in rows] == [(1, 3), (100, 3)]
    assert [r["gap"] for r in rows] == pytest.approx([10, 0.1])
    assert [r["slope"] for r in rows] == pytest.approx([0.6, 0.6])
    assert rows[0]["test_psnr"] == pytest.approx(12 + 0.6 * 15)
    filtered = stores_of({"wiener": {"psnr": {100: psnr_store(0.4)}}}, psnr={100: psnr_store(0.6)})
    shown = {"sizes": [100], "slope_range": (10, 20), "linear": "wiener", "references": ["wiener"]}
    network, wiener = psnr_curves.numbers(filtered, shown | {"denoiser": "unet"})
    above = [network[f"above_wiener_{level}{end}"] for level in (10, 30) for end in ("", "_low")]
    assert above == pytest.approx([2, 2, 6, 6]) and wiener["above_wiener_10"] == 0
    stores = stores_of(
        psnr=[psnr_store(0.8), psnr_store(0.5)], eigenbasis=[eigenbasis_store()] * 2,
        harmonics=[harmonics_store(2)] * 2,
    )  # fmt: skip
    low, high = slopes.numbers(stores, RANGE | {"alphas": [4, 1], "datasets": DATASETS[:2]})
    assert (low["alpha"], low["minimax_slope"], high["minimax_slope"]) == (1, 0.5, 0.8)
    assert (low["slope"], high["slope"]) == pytest.approx((0.5, 0.8))


def test_numbers_of_bases():
    trace = (1 / np.arange(1, SIDE**2 + 1)).sum()
    basis = eigenbasis_store(images=5)
    known = {"oracles": [oracles_store()], "harmonics": [harmonics_store(5)]}
    rows = shrinkage.numbers(stores_of(eigenbasis=[basis], **known), {})
    assert all((r["harmonic_p"], r["coefficients_own"]) == (0.01, 10) for r in rows)
    assert [r["image"] for r in rows] == [3, 4, 5]
    assert all(r["dimension"] == pytest.approx(trace) and r["above_1"] == 0 for r in rows)
    assert all(r["denoised_psnr"] > r["noisy_psnr"] for r in rows)
    assert [(r["oracle_dct"], r["oracle_wavelet"]) for r in rows] == [(20, 21)] * 3
    # The part of the image outside the eigenvectors is lost.
    squares, sigma = np.square(basis.clean_coefficients[0, 0]), 0.15
    lost = max(0, float(np.square(basis.clean[0]).sum() - squares.sum()))
    error = float((squares * sigma**2 / (squares + sigma**2)).sum()) + lost
    assert rows[0]["oracle_own"] == pytest.approx(-10 * np.log10(error / SIDE**2))
    stores = stores_of(
        psnr=[psnr_store(0.7)] * 2, eigenbasis=[eigenbasis_store()] * 2,
        harmonics=[harmonics_store(4), harmonics_store()],
    )  # fmt: skip
    original, other = geometry.numbers(stores, RANGE | {"datasets": DATASETS[:2]})
    assert (original["images"], other["images"]) == ("original", "shuffled")
    assert original["roughness"] == pytest.approx(1, abs=0.2)
    # A third of the coefficients, for four images; a single one has no others.
    assert original["adaptive"] == pytest.approx(2 / 3)
    assert original["adaptive_p"] == pytest.approx(1 / 24) and "adaptive" not in other
    around = harmonics_store(geometry="disk")
    stores = stores_of(psnr=[psnr_store(0.7)], eigenbasis=[eigenbasis_store()], harmonics=[around])
    (row,) = disks.numbers(stores, RANGE)
    found = (row["tangent"], row["tangent_p"], row["outside_tangent"])
    assert found == pytest.approx((0.8, 0.01, 0.3))
    assert (row["kept"], row["slope"]) == (1, pytest.approx(0.7))


def test_numbers_of_samples_leave_out_those_that_diverged():
    stores, shown = sample_stores([10], diverged=2), {"sizes": [10]}
    similarity = stores.first("similarity")
    ended = similarity.isel(sample=slice(2, None))
    for figure in (samples, patches, pairs):
        (row,) = figure.numbers(stores, shown)
        assert (row["N"], row["samples"], row["diverged"]) == (10, 6, 2)
        assert row["closest_S2"] == pytest.approx(float(ended.closest[1].median()))
    (row,) = patches.numbers(stores, shown)
    assert row["closest_patch_S1"] == pytest.approx(float(ended.closest_patch[0].median()))
    (row,) = pairs.numbers(stores, shown)
    assert row["between"] == pytest.approx(float(ended.between.median()))
    assert row["nearest_pair"] == pytest.approx(float(similarity.closest_pair.max()))


def test_there_are_no_numbers_where_most_samples_diverged():
    stores, shown = sample_stores([10], diverged=4), {"sizes": [10]}
    (row,) = samples.numbers(stores, shown)
    assert (row["samples"], row["diverged"]) == (6, 4)
    assert all(np.isnan(row[name]) for name in ("between", "closest_S1", "memorized", "scale"))
    (row,) = patches.numbers(stores, shown)
    assert all(np.isnan(row[name]) for name in ("closest_S2", "closest_patch_S1"))
    few, most = (sample_stores([10], diverged=n).first("similarity") for n in (2, 4))
    assert np.isnan(memorization.ceiling([most])["ceiling"])
    ended = float(few.between[2:].median())
    assert memorization.ceiling([few])["ceiling"] == pytest.approx(ended)


def test_numbers_of_histories():
    (row,) = history.numbers(stores_of(history={7: history_store(rise=1)}), {"sizes": [7]})
    assert (row["N"], row["images_seen"], row["best_at"]) == (7, 32_000, 3200)
    assert (row["train_psnr"], row["test_psnr"], row["best_test_psnr"]) == (24, 18, 20)


def test_tables_are_csv(tmp_path):
    rows = [{"N": 1, "slope": 0.12345, "images": "original"}, {"N": 10, "slope": None}]
    tables.write(rows, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text().splitlines() == [
        "N,slope,images", "1,0.123,original", "10,,"
    ]  # fmt: skip


# Parts.


def test_colors_of_eigenvectors_are_centered_on_zero():
    vector = np.zeros((1, SIDE, SIDE))
    vector[0, 0, :2] = -0.5, 0.5
    red, _, blue = np.moveaxis(pictures.signed(vector), -1, 0)
    assert red[0, 1] > 0.3 > blue[0, 1]
    assert blue[0, 0] > 0.3 > red[0, 0]
    assert red[1, 1] == pytest.approx(blue[1, 1], abs=0.01) and red[1, 1] > 0.95
    assert (pictures.signed(np.zeros((3, SIDE, SIDE))) == 0.5).all()


def test_photos():
    gray = np.array([[[0, 51, 255]]], np.uint8)
    np.testing.assert_allclose(pictures.photo(gray)[0], [[0] * 3, [0.2] * 3, [1] * 3])
    color = np.array([-0.5, 0.3, 1.5], np.float32)[:, None, None]
    np.testing.assert_allclose(pictures.photo(color)[0, 0], [0, 0.3, 1])


def test_ranks_are_spread_from_first_to_last():
    ranks = panels.spread_ranks(eigenbasis_store(), 7)
    assert (ranks == [1, 2, 4, 8, 16, 32, 64]).all()


# Files.


def test_same_stores_give_the_same_bytes(tmp_path):
    for folder in ("a", "b"):
        figure = draw_disks(psnr_store(0.75), eigenbasis_store())
        style.save(figure, [tmp_path / folder / "disks.pdf", tmp_path / folder / "disks.png"])
    for name in ("disks.pdf", "disks.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert sorted(f.name for f in (tmp_path / "a").iterdir()) == ["disks.pdf", "disks.png"]


def test_pdf_has_text_as_text_and_png_has_200_dots_per_inch(tmp_path):
    figure = draw_curves([10])
    style.save(figure, [tmp_path / "curves.pdf", tmp_path / "curves.png"])
    pdf = (tmp_path / "curves.pdf").read_bytes()
    assert b"/FontFile2" in pdf and b"/Type3" not in pdf
    height, width, _ = imread(tmp_path / "curves.png").shape
    assert (width, height) == tuple((200 * figure.get_size_inches()).round())


def test_the_users_own_settings_do_not_matter(tmp_path):
    def saved(name):
        figure = draw_curves([10])
        style.save(figure, [tmp_path / name])
        return (tmp_path / name).read_bytes()

    plain = saved("plain.png")
    with mpl.rc_context({"font.size": 20, "lines.linewidth": 5, "savefig.dpi": 50}):
        assert saved("other.png") == plain


@pytest.mark.parametrize("low", [1, 1600, 13000])
@pytest.mark.parametrize("ratio", [11, 41, 99, 101, 5000])
def test_a_logarithmic_axis_has_at_least_two_and_at_most_seven_labels(low, ratio):
    ax = Figure().add_subplot()
    ax.set_xlim(low, low * ratio)
    panels.log_axis(ax, 40)
    labels = [at for at in ax.get_xticks() if low <= at <= low * ratio]
    assert 2 <= len(labels) <= 7
