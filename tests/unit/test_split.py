"""Two sides and a test set: disjoint, nested, of the images that are kept, or refused."""

import dataclasses

import numpy as np
import pytest
from gahb.split import Split, TooFewImages, check, split
from hypothesis import given, settings
from hypothesis import strategies as st


@settings(deadline=None)
@given(count=st.integers(3, 300), data=st.data())
def test_parts_are_disjoint_and_hold_every_image(count, data):
    test = data.draw(st.integers(1, count - 2))
    dropped = data.draw(st.sets(st.integers(0, count - 1), max_size=count - test - 2))
    parts = split(count, test, 0, dropped=np.array(sorted(dropped), int))
    assert len(parts.test) == test
    assert sorted([*parts.S1, *parts.test]) == sorted(set(range(count)) - dropped)
    assert len(parts.S2) == (count - len(dropped) - test) // 2
    # Both networks of a pair, at any size that both can have.
    for N in range(1, len(parts.S2) + 1):
        assert not set(parts.S1[:N]) & set(parts.S2[:N])
    assert not set(parts.S2) & set(parts.test)
    check(parts, count)


def test_a_split_depends_on_its_seed_alone():
    a, b, c = (split(50, 10, seed) for seed in (0, 0, 1))
    for name in ("S1", "S2", "test"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert (a.S1 != c.S1).any()


def test_images_that_are_dropped_leave_the_others_in_order():
    every = split(100, 10, 0)
    order = [*every.test, *every.S1]
    some = split(100, 10, 0, dropped=np.array([order[3], order[50]]))
    assert [*some.test, *some.S1] == [i for i in order if i not in (order[3], order[50])]


@settings(deadline=None)
@given(st.lists(st.integers(1, 30), min_size=3, max_size=30), st.integers(0, 2**32 - 1))
def test_no_picture_is_in_two_parts(sizes, seed):
    group = np.repeat(np.arange(len(sizes)), sizes)
    dropped = np.flatnonzero(np.random.default_rng(seed).random(len(group)) < 0.2)
    try:
        parts = split(len(group), 1, seed, group, dropped)
    except TooFewImages:
        assert len(np.unique(np.delete(group, dropped))) < 3
        return
    check(parts, len(group), group)
    pair = [set(group[p]) for p in (parts.S1[: len(parts.S2)], parts.S2, parts.test)]
    assert not (pair[0] & pair[1] or pair[0] & pair[2] or pair[1] & pair[2])
    assert not set(group[parts.S1]) & pair[2]
    assert not {*parts.S1, *parts.S2, *parts.test} & set(dropped)


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
