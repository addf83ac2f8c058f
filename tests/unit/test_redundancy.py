"""Clusters of near-duplicates and pairs across the split, for images with known copies."""

import numpy as np
import pytest
import scripts.redundancy
import xarray as xr
from conftest import data_set
from gahb.duplicates import features, near_duplicates, odd_features
from gahb.redundancy import different, redundancy
from hypothesis import given, settings
from hypothesis import strategies as st
from study.job import Job


def copies(of, side=16):
    """Noise images, equal where `of` is equal except for contrast and brightness."""
    rng = np.random.default_rng(0)
    drawn = rng.standard_normal((max(of) + 1, 1, side, side))[np.array(of)]
    scale, level = rng.uniform(0.05, 0.1, len(of)), rng.uniform(0.4, 0.6, len(of))
    return drawn * scale[:, None, None, None] + level[:, None, None, None]


@settings(max_examples=30)
@given(st.lists(st.integers(0, 9), min_size=3, max_size=20), st.integers(1, 7), st.data())
def test_clusters_are_the_copies_of_an_image(of, block, data):
    of = np.array(of)
    side = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(of), max_size=len(of))))
    parts = [np.flatnonzero(side == s) for s in (0, 1)]  # copies of 2 are on no side
    found = redundancy(features(copies(of)), parts, 0.95, block=block)
    assert found.cluster.tolist() == [of.tolist().index(name) for name in of]
    assert different(found.cluster, parts[0]) == len(set(of[parts[0]]))
    same = (of[:, None] == of) & np.tri(len(of), k=-1, dtype=bool)
    a, b = side[:, None], side
    for s in (0, 1):
        assert found.pairs[s, s] == (same & (a == s) & (b == s)).sum()
    assert found.across == found.pairs[0, 1] == (same & (a != b) & (a < 2) & (b < 2)).sum()
    assert (of[found.crossing[:, 0]] == of[found.crossing[:, 1]]).all()
    assert (np.sort(side[found.crossing]) == [0, 1]).all()
    assert np.allclose(found.cosine, 1, atol=1e-5)


@pytest.mark.parametrize("side", [7, 16, 24])
def test_mirror_images_are_near_duplicates(side):
    images = copies([0, 1, 2, 3, 4, 5], side)
    images[3], images[5] = images[0, ..., ::-1], 1 - images[1, ..., ::-1]
    unit, odd = features(images), odd_features(images.shape)
    # The last features are odd, and the others even.
    sign = np.where(np.arange(unit.shape[1]) < unit.shape[1] - odd, 1, -1)
    np.testing.assert_allclose(features(images[..., ::-1]), unit * sign, atol=1e-6)
    dropped, of, cosine, mirrored = near_duplicates(unit, 0.95, odd, block=2)
    assert (dropped.tolist(), of.tolist(), mirrored.tolist()) == ([3, 5], [0, 1], [True, True])
    np.testing.assert_allclose(cosine, [1, -1], atol=1e-6)
    found = redundancy(unit, [[0, 1, 2], [3, 4, 5]], 0.95, odd, block=2)
    assert found.cluster.tolist() == [0, 1, 2, 0, 4, 1]
    assert found.mirrored.tolist() == [True, True] and found.across == 2
    assert (
        redundancy(unit, [[0, 1, 2], [3, 4, 5]], 0.95).across
        == len(near_duplicates(unit, 0.95)[0])
        == 0
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_blank_images_are_near_duplicates_at_any_gray_level(dtype):
    images = copies([0, 1, 2, 3, 4, 5, 6], side=40)
    images[[1, 2, 4]] = np.array([0, 0.5, 1])[:, None, None, None]
    images[6] = np.indices((40, 40)).sum(0) % 2  # which pooling leaves flat, but which is not blank
    unit = features((images * (255 if dtype == np.uint8 else 1)).astype(dtype))
    dropped, of, cosine, _ = near_duplicates(unit, 0.95)
    assert (dropped.tolist(), of.tolist(), cosine.tolist()) == ([2, 4], [1, 1], [1, 1])
    assert redundancy(unit, [], 0.95).cluster.tolist() == [0, 1, 1, 3, 1, 5, 6]


def test_a_chain_is_one_cluster():
    """Neighbors on an arc are near-duplicates, its ends are not."""
    angle = np.linspace(0, 1, 9)
    unit = np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32)
    found = redundancy(unit[::-1], [], 0.99, block=2)
    assert (found.cluster == 0).all()


def test_images_kept_by_near_duplicates_are_not_redundant():
    unit = np.random.default_rng(0).standard_normal((400, 3)).astype(np.float32)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    kept = np.setdiff1d(np.arange(400), near_duplicates(unit, 0.95)[0])
    found = redundancy(unit, [kept[::2], kept[1::2]], 0.95)
    assert found.pairs.sum() == 0
    assert different(found.cluster) < len(kept)  # joined by dropped ones


def saved(folder, images) -> list[str]:
    """Paths of the stores that the script reads, with eight images, and of the one it writes."""
    paths = data_set(folder, images, S1=[0, 1, 2, 3], S2=[3, 4], test=[5, 6, 7])
    return [*paths, str(folder / "redundancy.zarr")]


def test_the_store_and_the_warning(tmp_path, capsys):
    paths = saved(tmp_path, copies([0, 1, 2, 0, 3, 4, 4, 1]))
    for of_files in (True, False):
        scripts.redundancy.main(*paths, threshold=0.95, of_files=of_files, job=Job())
        said = capsys.readouterr().out
        assert "8 images, 5 different ones; largest cluster 2" in said
        assert ("Warning: 2 pairs of near-duplicates" in said) == of_files
    found = xr.open_zarr(paths[2])
    assert found.images.sel(part=["all", "S1", "S2", "test"]).values.tolist() == [8, 2, 2, 3]
    assert found.different.values.tolist() == [5, 2, 2, 2]
    assert found.near_duplicates.values.tolist() == [[0, 1, 1], [1, 0, 0], [1, 0, 1]]
    assert sorted(map(tuple, found.crossing.values)) == [(0, 3), (1, 7)]


def test_the_number_of_blank_images_is_reported_before_training(tmp_path, capsys):
    images = copies([*range(8)])
    images[::3] = np.array([0, 0.5, 1])[:, None, None, None]
    scripts.redundancy.main(*saved(tmp_path, images), threshold=0.95, of_files=True, job=Job())
    said = capsys.readouterr().out
    assert "8 images, 6 different ones; largest cluster 3" in said
    assert "Warning: 3 of 8 images are blank: flat, and so copies of one another" in said
