"""Two training sets and a test set: disjoint, nested, balanced, from kept images, or refused."""

import dataclasses

import numpy as np
import pytest
import scipy.fft
import torch
from gahb.datasets import open_source
from gahb.decibels import sigma_from_psnr
from gahb.denoisers.references.wiener import Wiener
from gahb.psnr import psnr_curve
from gahb.split import INPUT_PSNR, Split, TooFewImages, check, difficulties, split
from hypothesis import given, settings
from hypothesis import strategies as st


@given(count=st.integers(3, 300), data=st.data())
def test_parts_are_disjoint_and_hold_every_image(count, data):
    test = data.draw(st.integers(1, count - 2))
    dropped = data.draw(st.sets(st.integers(0, count - 1), max_size=count - test - 2))
    parts = split(count, test, 0, dropped=np.array(sorted(dropped), int))
    assert len(parts.test) == test
    assert sorted([*parts.S1, *parts.test]) == sorted(set(range(count)) - dropped)
    assert len(parts.S2) == (count - len(dropped) - test) // 2
    # Both networks of a pair, at any possible size.
    for N in range(1, len(parts.S2) + 1):
        assert not set(parts.S1[:N]) & set(parts.S2[:N])
    assert not set(parts.S2) & set(parts.test)
    check(parts, count)


def test_a_split_depends_only_on_its_seed():
    a, b, c = (split(50, 10, seed) for seed in (0, 0, 1))
    for name in ("S1", "S2", "test"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert (a.S1 != c.S1).any()


def test_dropped_images_leave_the_others_in_order():
    every = split(100, 10, 0)
    order = [*every.test, *every.S1]
    some = split(100, 10, 0, dropped=np.array([order[3], order[50]]))
    assert [*some.test, *some.S1] == [i for i in order if i not in (order[3], order[50])]


@settings(max_examples=30)
@given(
    st.lists(st.integers(1, 30), min_size=3, max_size=30), st.integers(0, 2**32 - 1), st.booleans()
)
def test_no_picture_is_in_two_parts(sizes, seed, alike):
    group = np.repeat(np.arange(len(sizes)), sizes)
    difficulty = np.random.default_rng(seed).random((len(group), 2)) if alike else None
    dropped = np.flatnonzero(np.random.default_rng(seed).random(len(group)) < 0.2)
    try:
        parts = split(len(group), 1, seed, group, dropped, difficulty)
    except TooFewImages:
        assert len(np.unique(np.delete(group, dropped))) < 3
        return
    check(parts, len(group), group)
    pair = [set(group[p]) for p in (parts.S1[: len(parts.S2)], parts.S2, parts.test)]
    assert not (pair[0] & pair[1] or pair[0] & pair[2] or pair[1] & pair[2])
    assert not set(group[parts.S1]) & pair[2]
    assert not {*parts.S1, *parts.S2, *parts.test} & set(dropped)


@pytest.mark.parametrize("group", [None, np.arange(12) // 3])
def test_all_images_may_be_test_images(group):
    parts = split(12, None, 0, group, np.array([4]))
    check(parts, 12, group)
    assert not len(parts.S1) and not len(parts.S2)
    assert sorted(parts.test) == [i for i in range(12) if i != 4]


def test_too_few_images_are_refused():
    with pytest.raises(TooFewImages, match="11 images are too few for a test set of 10"):
        split(11, 10, 0)
    with pytest.raises(TooFewImages, match=r"11 images .* \(1 near-duplicates are left out\)"):
        split(12, 10, 0, dropped=np.array([4]))
    with pytest.raises(TooFewImages, match="2 pictures"):
        split(100, 10, 0, np.repeat([0, 1], 50))


@pytest.mark.parametrize(
    ("part", "value"),
    [("test", [0]), ("test", [5]), ("S1", [0, 0, 1]), ("S2", [0]), ("S2", [99]), ("test", [-1])],
)
def test_faulty_splits_are_found(part, value):
    good = Split(np.array([0, 1, 2]), np.array([5]), np.array([3, 4]))
    check(good, 6)
    with pytest.raises(ValueError, match="split"):
        check(dataclasses.replace(good, **{part: np.array(value)}), 6)


def test_a_shared_picture_is_found():
    good = Split(np.array([0, 1, 2]), np.array([5]), np.array([3, 4]))
    with pytest.raises(ValueError, match="picture"):
        check(good, 6, np.array([0, 0, 0, 1, 1, 1]))


def smooth_and_rough(kinds, each=20, side=8):
    """Pictures of noise with spectra |k|^-kind: images (image, 1, y, x) and their picture."""
    k = np.hypot(*np.meshgrid(*[np.arange(1, side + 1)] * 2))
    rng = np.random.default_rng(0)
    images = [
        scipy.fft.idctn(rng.standard_normal((each, side, side)) * k**-kind, axes=(1, 2))
        for kind in kinds
    ]
    return 0.5 + 0.1 * np.concatenate(images)[:, None], np.repeat(np.arange(len(kinds)), each)


@pytest.mark.parametrize("seed", range(5))
def test_every_part_gets_pictures_of_every_kind(seed):
    kinds = np.array([0.0, 1, 2] * 3)
    images, group = smooth_and_rough(kinds)
    parts = split(len(images), 60, seed, group, None, difficulties(images))
    for part in (parts.S1[: len(parts.S2)], parts.S2, parts.test):
        assert sorted(kinds[np.unique(group[part])]) == [0, 1, 2]


def test_parts_are_not_balanced_at_the_cost_of_images():
    """They would be if the large picture were the test set, with 90 unused images."""
    sizes = np.array([100, *[10] * 10])
    group = np.repeat(np.arange(11), sizes)
    difficulty = np.repeat([0.0, *[-1, 1] * 5], sizes)[:, None]
    for seed in range(5):
        assert len(split(len(group), 10, seed, group, None, difficulty).S2) == 90


def test_difficulties_are_the_psnrs_of_two_denoisers():
    """Both written out, with many noises, for smooth and rough images and a blank one."""
    images, _ = smooth_and_rough([0, 1, 2], each=1)
    images = np.concatenate([images, np.full((1, 1, 8, 8), 0.7)])
    found = difficulties(images)
    coefficients = scipy.fft.dctn(images, axes=(2, 3), norm="ortho")
    spectrum = np.square(coefficients).mean(0)
    spectrum[0, 0, 0] = np.inf
    rng = np.random.default_rng(1)
    for i, (image, c) in enumerate(zip(images, coefficients, strict=True)):
        energy = np.square(c)
        energy[0, 0, 0] = np.inf
        for j, sigma in enumerate(sigma_from_psnr(INPUT_PSNR)):
            noisy = image + sigma * rng.standard_normal((20000, *image.shape))
            for k, power in enumerate((spectrum, energy)):
                with np.errstate(divide="ignore"):
                    kept = 1 / (1 + sigma**2 / power)
                in_basis = kept * scipy.fft.dctn(noisy, axes=(2, 3), norm="ortho")
                error = np.square(scipy.fft.idctn(in_basis, axes=(2, 3), norm="ortho") - image)
                assert found[i, 2 * j + k] == pytest.approx(-10 * np.log10(error.mean()), abs=0.1)


def test_difficulties_do_not_depend_on_brightness_type_or_blocks(monkeypatch):
    images, _ = smooth_and_rough([0, 1, 2])
    data = np.rint(255 * images.clip(0, 1)).astype(np.uint8)
    expected = difficulties(data)
    np.testing.assert_allclose(difficulties(data / 255 + 0.2), expected, atol=1e-3)
    monkeypatch.setattr("gahb.split.BLOCK", 7)
    np.testing.assert_allclose(difficulties(data), expected, atol=1e-4)


def test_test_photographs_are_as_difficult_as_training_photographs():
    """Measured by a Wiener filter of the training set, at each noise level."""
    source = open_source("photographs", side=16, stride=12, scales=[0.5, 0.25], seed=0)
    images = source.read(0, source.count)
    difficulty = difficulties(images)
    for seed in range(3):
        parts = split(len(images), len(images) // 5, seed, source.group, None, difficulty)
        train = torch.from_numpy(images[parts.S1[: len(images) // 2]])
        flat = train.flatten(1) / 255
        wiener = Wiener(flat.mean(0).reshape(1, 16, 16), *torch.linalg.eigh(torch.cov(flat.T)))
        sets = (train, torch.from_numpy(images[parts.test]))
        means = [psnr_curve(wiener, x, sigma_from_psnr(INPUT_PSNR), 0).mean(1) for x in sets]
        assert np.abs(means[0] - means[1]).max() < 0.5
