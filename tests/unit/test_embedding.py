"""Similarity by a network's features where it is known, for two networks and for one."""

import numpy as np
import pytest
import scripts.similarity
import torch
import xarray as xr
from conftest import data_set
from gahb import store
from gahb.similarity import embedding
from gahb.similarity.embedding import features, nearest, ratio
from gahb.summaries import memorization
from torch import nn

MODULE = """
import torch
from torch import nn

def blur():
    return nn.Sequential(nn.AvgPool2d(4), nn.Flatten())

def random():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16, bias=False))

def flat_of_color():
    return nn.Sequential(nn.Conv2d(3, 1, 1), nn.Flatten())

def images():
    return nn.Identity()

def infinite():
    class Infinite(nn.Module):
        def forward(self, x):
            return x.flatten(1) / 0
    return Infinite()

def a_number():
    return 3
"""
PROJECTION = torch.randn(64, 16, generator=torch.Generator().manual_seed(5))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with the user's module, 30 images, their split and samples of S1 and S2.

    The first three samples of S1 are noisy images of its training set; the last one diverged.
    """
    (tmp_path / "features_of_mine.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    # Blocks of 4 x 4 pixels, which averaging preserves.
    images = generator.random((30, 1, 2, 2)).repeat(4, 2).repeat(4, 3).astype(np.float32)
    parts = {"S1": range(10), "S2": range(10, 20), "test": range(20, 30)}
    # Noise that does not change the mean of any block.
    noise = 0.3 * generator.normal(size=(3, 1, 8, 8))
    means = noise.reshape(3, 1, 2, 4, 2, 4).mean((3, 5), keepdims=True)
    noise = (noise.reshape(3, 1, 2, 4, 2, 4) - means).reshape(3, 1, 8, 8)
    samples = {s: generator.random((6, 1, 8, 8)).astype(np.float32) for s in ("S1", "S2")}
    samples["S1"][:3] = images[:3] + noise
    data_set(tmp_path, images, **parts)
    for subset, drawn in samples.items():
        variables = {
            "samples": store.variable(("sample", "channel", "y", "x"), drawn, "s"),
            "diverged": store.variable("sample", np.arange(6) == 5, "d"),
            "sample": store.variable("sample", np.arange(6), "n"),
        }
        dataset = xr.Dataset(variables, attrs=store.provenance(subset, {}))
        store.save(dataset, tmp_path / f"{subset}.zarr")
    return tmp_path


def compared(subsets=("S1", "S2"), **more) -> xr.Dataset:
    scripts.similarity.main(
        "images.zarr", "split.zarr", [f"{s}.zarr" for s in subsets], "similarity.zarr",
        subsets=list(subsets), N=8, nearest=2, patch=4, **more,
    )  # fmt: skip
    assert not store.problems("similarity.zarr")
    return store.open_store("similarity.zarr").load()


def test_cosines_of_a_projection_are_cosines_of_the_projected_pixels():
    images, among = torch.rand(2, 40, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 16, bias=False)).requires_grad_(False)
    network[1].weight.copy_(PROJECTION.T)
    a, b = (x.flatten(1).double() @ PROJECTION.double() for x in (images[:5], among))
    expected = nn.functional.cosine_similarity(a[:, None], b, dim=2)
    expected, where = expected.sort(dim=1, descending=True)
    unit, known = features(network, images[:5], batch=2), features(network, among, batch=7)
    cosine, index = nearest(unit, known, 3, block=3)
    np.testing.assert_allclose(cosine, expected[:, :3], atol=1e-6)
    np.testing.assert_array_equal(index, where[:, :3])


def test_images_of_bytes_and_blank_ones():
    among = (torch.rand(9, 1, 8, 8) * 255).to(torch.uint8)
    among[4] = 0
    known = features(nn.Flatten(), among, batch=4)
    np.testing.assert_allclose(known, features(nn.Flatten(), among.float() / 255), atol=1e-6)
    assert (known[4] == 0).all() and nearest(known[4:5], known)[0].item() == 0


def test_the_ratio_is_the_ratio_of_distances():
    unit = nn.functional.normalize(torch.randn(50, 3, dtype=torch.float64), dim=1).float().numpy()
    cosine, index = nearest(unit[:10], unit[10:], 2)
    distance = np.linalg.norm(unit[:10, None] - unit[10:][index], axis=2)
    np.testing.assert_allclose(ratio(cosine), distance[:, 0] / distance[:, 1], rtol=1e-3)
    # An image is its own copy; an image equally near to two is not memorized.
    assert ratio(nearest(unit[:1], unit, 2)[0]) == 0
    np.testing.assert_array_equal(ratio(np.array([[0.5, 0.5], [1.0, 1.0]])), [1, 0])
    np.testing.assert_allclose(ratio(np.array([[0.5], [0.9]])), np.sqrt([0.5, 0.1]), rtol=1e-6)


def test_random_numbers_of_the_function_are_the_same_each_time(folder):
    state = torch.random.get_rng_state()
    first, second = (embedding.embedding("features_of_mine:random")[1].weight for _ in range(2))
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert (torch.random.get_rng_state() == state).all()


def test_a_blur_ignores_noise_that_pixels_show(folder):
    found = compared(embedding="features_of_mine:blur")
    by_features = found.closest_embedded.sel(subset="S1").values
    np.testing.assert_allclose(by_features[:3], 1, atol=1e-6)
    assert (found.closest.sel(subset="S1")[:3] < 0.95).all()
    np.testing.assert_array_equal(found.closest_image_embedded[0, :3], [0, 1, 2])
    np.testing.assert_array_equal(found.memorized_embedded[0, :5], [1, 1, 1, 0, 0])
    assert found.memorized_fraction_embedded.sel(subset="S1", bound="estimate") == 3 / 5
    # Diverged ones are left out.
    assert np.isnan(by_features[5]) and found.closest_image_embedded[0, 5] == -1
    assert np.isnan(found.between_embedded[5]) and found.sizes["test_image"] == 10
    # Positive blocks: no cosine is low, and only other images show which are high.
    assert found.closest_test_embedded.min() > 0.8
    # Without an embedding its variables are missing, and the rest is the same.
    without = compared()
    assert not [name for name in without.variables if "embedded" in name]
    alike = found.drop_vars([n for n in found.variables if n.endswith("_embedded")])
    xr.testing.assert_identical(alike.drop_attrs(), without.drop_attrs())
    row = memorization.similarity(found)
    assert (row["memorized_embedded"], row["closest_embedded_S1"]) == (3 / 5, pytest.approx(1))
    assert row["closest_S1"] == memorization.similarity(without)["closest_S1"]


def test_one_network_alone_is_compared_with_its_training_images_only(folder):
    alone, pair = compared(("S1",), embedding="features_of_mine:blur"), compared()
    absent = {"between", "reproduced", "reproducibility", "closest_pair", "closest_pair_image"}
    assert not absent & {name.removesuffix("_embedded") for name in alone.variables}
    assert "member" not in alone.dims
    for name in ("closest", "closest_image", "memorized", "memorized_fraction", "false_positives"):
        np.testing.assert_array_equal(alone[name][0], pair[name][0])
    row = memorization.similarity(alone.isel(sample=slice(5)))
    assert {"closest_S1", "memorized", "scale"} <= row.keys()
    assert not {"between", "closest_S2"} & row.keys()


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        ("flat_of_color", ValueError, r"cannot embed images of .* \(6, 1, 8, 8\): .*channels"),
        ("images", ValueError, r"into \(6, 1, 8, 8\); it must be \(image, feature\)"),
        ("infinite", ValueError, "not finite"),
        ("a_number", TypeError, r"returned int, which is not an nn\.Module"),
        ("nothing", AttributeError, "nothing"),
    ],
)
def test_a_wrong_function_is_named(folder, function, error, words):
    with pytest.raises(error, match=rf"features_of_mine.*{words}"):
        compared(("S1",), embedding=f"features_of_mine:{function}")
