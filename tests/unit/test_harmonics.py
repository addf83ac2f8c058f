"""Measures of bases for which the answer is known."""

import numpy as np
import pytest
import scipy.fft
import scipy.special
import scipy.stats
import torch
import xarray as xr
from gahb import bases, statistics
from gahb.datasets import calpha as images_of_calpha
from gahb.datasets.disks import parameters, render
from gahb.harmonics.adaptivity import adaptive, centred, decay, needed, swapped
from gahb.harmonics.geometries import calpha, disks
from gahb.harmonics.oscillation import NULLS, local_spectra, oscillation, random_bases

SIDE, LEADING = 24, 64
#: Eigenvalues like those of a network.
EIGENVALUES = 1 / np.sqrt(np.arange(1, LEADING + 1))


def dct(side: int = SIDE) -> np.ndarray:
    """Products of cosines, low frequencies first: (rank, y, x)."""
    waves = scipy.fft.dct(np.eye(side), axis=0, norm="ortho")
    frequency = np.add.outer(np.arange(side) ** 2, np.arange(side) ** 2).ravel()
    every = np.einsum("ay,bx->abyx", waves, waves).reshape(-1, side, side)
    return every[np.argsort(frequency, kind="stable")]


def wavelets(side: int = SIDE) -> np.ndarray:
    """Daubechies wavelets, coarse ones first."""
    every = torch.eye(side**2, dtype=torch.float64).reshape(-1, side, side)
    place = np.maximum.outer(np.arange(side), np.arange(side)).ravel()
    return bases.combined(every, bases.basis("wavelet", side)).numpy()[
        np.argsort(place, kind="stable")
    ]


def orthonormal(columns) -> np.ndarray:
    vectors = np.linalg.qr(np.stack([c.ravel() for c in columns], 1))[0].T
    return vectors.reshape(-1, *columns[0].shape)


def rotated_cosines(angle: float = 0.5) -> np.ndarray:
    """Cosines in a rotated square around the image."""
    y, x = np.mgrid[:SIDE, :SIDE] / (1.45 * SIDE) - 0.5 / 1.45
    y, x = np.cos(angle) * y - np.sin(angle) * x + 0.5, np.sin(angle) * y + np.cos(angle) * x + 0.5
    pairs = sorted(np.ndindex(20, 20), key=lambda pair: np.hypot(*pair))[:LEADING]
    return orthonormal([np.cos(np.pi * a * y) * np.cos(np.pi * b * x) for a, b in pairs])


def polar_harmonics() -> np.ndarray:
    """Bessel functions times sines and cosines of the angle, by their frequency."""
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    radius, angle = np.hypot(y, x) / (0.75 * SIDE), np.arctan2(y, x)
    found = [
        (zero, m, phase)
        for m in range(12)
        for zero in scipy.special.jnp_zeros(m, 8)
        for phase in ((0, np.pi / 2) if m else (0,))
    ]
    return orthonormal(
        [
            scipy.special.jv(m, zero * radius) * np.cos(m * angle - phase)
            for zero, m, phase in sorted(found)[:LEADING]
        ]
    )


def noise(seed: int = 7) -> np.ndarray:
    return orthonormal(list(np.random.default_rng(seed).normal(size=(LEADING, SIDE, SIDE))))


def pixels() -> np.ndarray:
    order = np.random.default_rng(0).permutation(SIDE**2)
    return np.eye(SIDE**2).reshape(-1, SIDE, SIDE)[order]


def permuted(vectors: np.ndarray) -> np.ndarray:
    order = np.random.default_rng(1).permutation(vectors[0].size)
    return vectors.reshape(len(vectors), -1)[:, order].reshape(vectors.shape)


@pytest.fixture(scope="module")
def random() -> np.ndarray:
    return random_bases((LEADING, 1, SIDE, SIDE), 99, 0)


# Harmonic.


@pytest.mark.parametrize(
    ("basis", "name"),
    [
        (dct, "harmonics"),
        (rotated_cosines, "harmonics"),
        (polar_harmonics, "harmonics"),
        (wavelets, "wavelets"),
        (noise, "noise"),
        (lambda: permuted(dct()), "noise"),
        (pixels, "pixels"),
    ],
)
def test_bases_are_named_right(basis, name, random):
    """By the concentration of their spectra, and the part of the image over which they extend."""
    found = oscillation(basis()[:LEADING, None], EIGENVALUES, random, 0)
    extends = "wide" if found.extent.mean() > 0.2 else "narrow"
    sizes = {"harmonics": (0.95, 1), "wavelets": (0.5, 0.9), "noise": (-0.1, 0.1)}
    low, high = sizes.get(name, (-0.6, -0.2))
    assert low < found.harmonic < high
    assert extends == ("wide" if name in ("harmonics", "noise") else "narrow")
    p = [statistics.p_value(found.harmonic, null) for null in found.nulls]
    if name in ("harmonics", "wavelets"):
        assert p == [0.01] * 4
        assert found.rising > 0.6  # frequencies grow with rank
    else:
        assert min(p[1:]) > 0.05 and abs(found.rising) < 0.3


def noise_in_windows(places) -> np.ndarray:
    """Vectors of noise in a quarter of the image, at each of these places in turn."""
    generator, found = np.random.default_rng(3), np.zeros((LEADING, SIDE, SIDE))
    for k, vector in enumerate(found):
        y, x = places[k % len(places)]
        vector[y : y + 12, x : x + 12] = generator.normal(size=(12, 12))
    return orthonormal(list(found))


@pytest.mark.parametrize(
    "places", [[(6, 6)], [(0, 0), (0, 12), (12, 0), (12, 12)]], ids=["window", "quadrants"]
)
def test_localized_noise_has_no_waves(places, random):
    """The signs null finds none. Permuting spreads the vectors, and mistakes them for waves."""
    found = oscillation(noise_in_windows(places)[:, None], EIGENVALUES, random, 0)
    p = dict(zip(NULLS, (statistics.p_value(found.harmonic, n) for n in found.nulls), strict=True))
    assert p["permuted"] == 0.01 and p["signs"] > 0.05


def test_p_values_of_signs_are_uniform_for_localized_noise():
    generator, p = np.random.default_rng(2), []
    shape, window = (6, 1, 12, 12), np.zeros((12, 12), bool)
    window[1:8, 3:10] = True
    random = random_bases(shape, 39, 1)
    for i in range(60):
        vectors = np.zeros(shape)
        vectors[:, 0, window] = np.linalg.qr(generator.normal(size=(49, 6)))[0].T
        found = oscillation(vectors, EIGENVALUES[:6], random, i)
        p.append(statistics.p_value(found.harmonic, found.nulls[NULLS.index("signs")]))
    assert scipy.stats.kstest(p, "uniform").pvalue > 0.01


def test_constants_are_left_out(random):
    """A constant among vectors of noise is no wave; nor are two vectors that span one."""
    found = oscillation(permuted(dct())[:LEADING, None], EIGENVALUES, random, 0)
    p = [statistics.p_value(found.harmonic, null) for null in found.nulls]
    assert abs(found.harmonic) < 0.05 and min(p) > 0.05
    turned = permuted(dct())[:LEADING].copy()
    turned[:2] = np.tensordot(np.array([[0.8, 0.6], [-0.6, 0.8]]), turned[:2], 1)
    assert abs(oscillation(turned[:, None], EIGENVALUES, random[:9], 0).harmonic) < 0.05
    # Nor is a constant next to a single wave, which rotation leaves unchanged.
    pair = oscillation(dct()[[0, 5], None], np.ones(2), random[:, :2], 0)
    np.testing.assert_allclose(pair.nulls[NULLS.index("mixed")], pair.harmonic)
    constant = np.full((1, 1, SIDE, SIDE), 1 / SIDE)
    assert np.isnan(oscillation(constant, np.ones(1), random[:, :1], 0).harmonic)


def test_frequencies_of_waves_are_found():
    """Of k half periods in each direction, to within what a window of 12 pixels resolves."""
    waves = scipy.fft.dct(np.eye(SIDE), axis=0, norm="ortho")
    _, frequency = local_spectra(np.einsum("ky,kx->kyx", waves, waves)[:, None])
    np.testing.assert_allclose(frequency, np.sqrt(2) * np.arange(SIDE) / (2 * SIDE), atol=1 / 12)
    assert np.abs(frequency - np.sqrt(2) * np.arange(SIDE) / (2 * SIDE)).mean() < 0.03


def test_colors_of_a_wave_count_together(random):
    gray = dct()[:LEADING, None]
    for colours in (gray.repeat(3, 1) / np.sqrt(3), gray * np.reshape([1, 0, 0], (3, 1, 1))):
        np.testing.assert_allclose(local_spectra(colours), local_spectra(gray), rtol=1e-4)


def test_p_values_are_uniform_for_random_bases():
    """So a basis of noise has a p-value above 0.05 in nineteen of twenty cases."""
    generator, p = np.random.default_rng(2), []
    shape = (8, 1, 12, 12)
    random = random_bases(shape, 99, 1)
    for i in range(100):
        vectors = np.linalg.qr(generator.normal(size=(144, 8)))[0].T.reshape(shape)
        found = oscillation(vectors, EIGENVALUES[:8], random, i)
        p.append([statistics.p_value(found.harmonic, null) for null in found.nulls])
    p = np.array(p)
    assert (scipy.stats.kstest(p, "uniform", axis=0).pvalue > 0.01).all()
    assert ((p > 0.05).sum(0) >= 90).all()


# Adaptive.


def test_images_are_sparse_in_their_own_basis_and_in_no_other():
    """Images of 5, 10 and 20 coefficients in their own bases; swapping removes the effect."""
    generator = np.random.default_rng(0)
    every = [np.linalg.qr(generator.normal(size=(100, 100)))[0] for _ in range(4)]
    images = np.array([basis[:n].sum(0) for basis, n in zip(every, (5, 10, 20, 20), strict=True)])
    energies = np.square(images).sum(1)
    counts = np.array([needed(basis @ images.T, energies) for basis in every])
    np.testing.assert_array_equal(np.diag(counts), [5, 10, 19, 19])
    assert adaptive(counts) == pytest.approx(1 - np.sqrt(np.sqrt(5 * 10 * 19 * 19)) / 55, abs=0.05)
    null = swapped(counts, 99, 0)
    assert np.isfinite(null).sum() == 23  # of 24 orders
    assert statistics.p_value(adaptive(counts), null) == 1 / 24
    rolled = np.roll(counts, 1, 0)
    assert adaptive(rolled) < 0
    assert statistics.p_value(adaptive(rolled), swapped(rolled, 99, 0)) > 0.2


def test_a_single_image_and_part_of_a_basis_give_nan():
    assert np.isnan(adaptive(np.array([[5.0]]))) and np.isnan(swapped(np.ones((1, 1)), 9, 0)).all()
    x = np.arange(1.0, 5)
    assert np.isnan(needed(x[:, None] / 2, np.array([x @ x])))
    assert needed(np.zeros((4, 1)), np.zeros(1)) == 1  # a blank image


@pytest.mark.parametrize("alpha", [1, 2])
def test_exponents_of_the_decay(alpha):
    rank = np.arange(1, 577)[:, None]
    coefficients = np.random.default_rng(0).permutation(rank) ** (-(alpha + 1) / 2)
    np.testing.assert_allclose(decay(coefficients * [1, -3], 576), alpha + 1, rtol=1e-9)
    assert np.isnan(decay(0 * coefficients, 576)).all()


def test_the_mean_of_each_color_is_removed():
    images = np.random.default_rng(0).random((2, 3, 4, 4))
    np.testing.assert_allclose(centred(images).mean((-2, -1)), 0, atol=1e-12)


# Along the geometry.


def test_contours_are_where_the_background_changes():
    """A pixel is next to the contour if and only if its box holds both backgrounds."""
    contours = calpha.geometry(
        xr.Dataset({"contour": (("image", "x"), images_of_calpha.rows(0, 8, SIDE, 2))}),
        np.arange(8), 0,
    )  # fmt: skip
    for contour in contours:
        below = np.arange(-1, SIDE).clip(0)[:, None] >= np.append(contour[:1], contour)
        box = below[1:, 1:].astype(int) + below[:-1, 1:] + below[1:, :-1] + below[:-1, :-1]
        distance = calpha.distance(contour.astype(float))
        assert (np.abs(distance[(box > 0) & (box < 4)]) <= 1.5).all()
        assert (distance[(box == 4)] > -1.5).all() and (distance[box == 0] < 1.5).all()


def test_waves_along_a_contour_and_across_it():
    """A slanted contour with waves that decay away from it, or stay away from it."""
    y, x = np.mgrid[:SIDE, :SIDE]
    contour = 6 + np.round(np.arange(SIDE) / 2)
    level = np.array([6.0] * SIDE)
    along, across = (x + y / 2) / np.sqrt(1.25), (y - 5.5 - x / 2) / np.sqrt(1.25)
    near = np.exp(-np.square(across) / 50)
    for wave, least, most in ((along, 0.85, 1), (across, 0, 0.15)):
        vectors = np.stack([near * np.cos(wave), near * np.sin(wave)])[:, None]
        found = calpha.measured(vectors, np.array([1, 0.5]), contour, level[None])
        assert least < found["along"] < most
        assert found["near"] > 1.5 > found["near_null"][0]
    far = np.where(np.abs(across) > 3, 1.0, 0)[None, None]
    found = calpha.measured(far, np.ones(1), contour, -100 * level[None])
    assert found["near"] == 0 and np.isnan(found["near_null"]).all()


# Disks.


def test_the_tangent_space_is_recovered_from_a_basis_built_from_it():
    disk, *others = parameters(0, np.arange(20))
    generator = np.random.default_rng(0)
    space = disks.tangents(disk, SIDE).reshape(5, -1)
    mixed = np.linalg.qr(generator.normal(size=(5, 5)))[0] @ space
    rest = generator.normal(size=(3, SIDE**2))
    rest = np.linalg.qr((rest - rest @ space.T @ space).T)[0].T
    vectors = np.concatenate([mixed, rest]).reshape(-1, 1, SIDE, SIDE)
    found = disks.measured(vectors, np.array([1] * 5 + [0.5] * 3), disk, np.array(others))
    np.testing.assert_allclose(found["tangent_cosine"], 1)
    assert found["tangent"] == pytest.approx(1) and (found["tangent_null"] < 0.9).all()
    assert found["outside_tangent"] == pytest.approx(1.5 / 6.5)


def test_the_tangent_space_holds_changes_of_the_parameters():
    """To second order, by Taylor."""
    disk = parameters(1, np.arange(1))[0]
    space = disks.tangents(disk, SIDE).reshape(5, -1)
    for axis in np.eye(5):
        change = render([disk + 2e-3 * axis, disk], SIDE).astype(float)
        change = (change[0] - change[1]).ravel()
        outside = change - change @ space.T @ space
        assert np.linalg.norm(outside) < 0.15 * np.linalg.norm(change)


def test_orders_of_harmonics_around_a_center():
    centre = np.array([0.45, 0.55])
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5 - SIDE * centre[:, None, None]
    radius, angle = np.hypot(y, x), np.arctan2(y, x)
    orders = [0, 1, 2, 3, 5]
    waves = np.array([np.exp(-np.square(radius - 6) / 8) * np.cos(m * angle + m) for m in orders])
    order, share = disks.angular_orders(waves[:, None], centre)
    np.testing.assert_array_equal(order, orders)
    assert (share > 0.9).all()
