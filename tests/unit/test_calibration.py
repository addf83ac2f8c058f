"""Theories in place of networks: calibration finds them, and agreement recognizes them."""

import numpy as np
import pytest
import scripts.agreement
import scripts.calibration
import scripts.reference
import scripts.samples
import torch
import xarray as xr
from conftest import data_set, waves
from figure_stores import stores_of
from gahb import denoisers, store
from gahb.agreement import noisy_images
from gahb.calibration import best, cosines, sensitivity, windows
from gahb.denoisers.references import local, pca_locality
from gahb.denoisers.references.calibrated import Refused
from gahb.figures import agreement
from gahb.images import Members
from gahb.jacobian import jacobian

N, SIDE, SIGMA = 8, 8, [0.5, 0.1]
OPTIONS = {
    "wiener": {}, "memorizer": {}, "mixture": {"components": 2, "rank": 3},
    "local": {"window": 3}, "equivariant": {"window": 5}, "patches": {"window": 5},
    "pca_locality": {"threshold": 0.3},
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """images.zarr and split.zarr: smooth images of 8 x 8 pixels."""
    folder = tmp_path_factory.mktemp("data")
    parts = {"S1": range(20, 30), "S2": range(10, 20), "test": range(10)}
    return data_set(folder, waves(40, 5), **parts)


@pytest.fixture(scope="module")
def made(data, tmp_path_factory):
    """The files of references of each kind for both subsets, and their samples."""
    folder, found = tmp_path_factory.mktemp("made"), {}
    for name, options in OPTIONS.items():
        for subset in ("S1", "S2"):
            found[name, subset] = str(folder / f"{name}-{subset}.safetensors")
            scripts.reference.main(
                *data, [], found[name, subset], reference=name, subset=subset, N=N, **options
            )
        found[name, "samples"] = str(folder / f"{name}.zarr")
        scripts.samples.main(
            *data, found[name, "S1"], found[name, "samples"], count=3, start="gaussian",
            sampler="ode", steps=6, h0=0.1, beta=0.5, sigma_min=0.02, mean=0.5, sd=1.0,
            sigma_max=3.0, max_steps=200, levels=SIGMA, seed=7,
        )  # fmt: skip
    return found


def measured(data, made, network, path) -> xr.Dataset:
    scripts.agreement.main(
        *data, made[network, "S1"], made[network, "samples"],
        [made[name, "S1"] for name in OPTIONS], [made[network, "S2"]], str(path),
        names=[*OPTIONS, "other images"], subset="S1", N=N, count=4, levels=SIGMA,
        start="gaussian", steps=6, sd=1.0, sigma_min=0.02, mean=0.5, seed=1, seed_of_starts=7,
    )  # fmt: skip
    assert not store.problems(path)
    return store.open_store(path)


@pytest.mark.parametrize("network", OPTIONS)
def test_a_network_that_is_a_theory_is_recognized(network, data, made, tmp_path):
    found = measured(data, made, network, tmp_path / "agreement.zarr")
    itself = found.sel(against=network)
    # There were three samples for four places.
    assert int(itself.r2.isnull().sum()) == len(SIGMA)
    for name in ("r", "r2", "explained"):
        np.testing.assert_allclose(itself[name].fillna(1), 1, atol=1e-9)
    assert float(itself.mse.max()) < 1e-12
    others = found.r2.drop_sel(against=[network, "other images"]).median("image")
    others = others.sel(points="noisy test images")  # another one may return its samples, too
    assert (others < 1 - 1e-6).all()
    rows = agreement.numbers(stores_of(agreement={N: found}), {"sizes": [N]})
    assert {row["closest"] for row in rows} == {network}
    assert all(row["unexplained_theory"] == pytest.approx(0, abs=1e-9) for row in rows)
    ends = found.ends.sel(output=[network, "network"]).values
    np.testing.assert_array_equal(*ends)
    drawn = store.open_store(made[network, "samples"])
    np.testing.assert_allclose(ends[0], drawn.samples[:2], atol=1e-5)


def test_beyond_the_wiener_filter_it_explains_nothing(data, made, tmp_path):
    found = measured(data, made, "local", tmp_path / "agreement.zarr")
    beyond = found.r2_beyond_wiener
    assert float(beyond.sel(against="wiener").max()) <= 1e-6
    np.testing.assert_allclose(beyond.sel(against="local").fillna(1), 1, atol=1e-9)
    # The linear filter does nothing beyond itself: there is nothing to explain.
    linear = measured(data, made, "wiener", tmp_path / "linear.zarr").r2_beyond_wiener
    assert linear.isnull().all()


def test_unfinished_samples_are_compared_at_their_own_noise_level(data, made, tmp_path):
    found = measured(data, made, "memorizer", tmp_path / "agreement.zarr")
    of_test, way = found.sigma.values
    np.testing.assert_allclose(of_test, np.broadcast_to(np.array(SIGMA)[:, None], (2, 4)))
    drawn = store.open_store(made["memorizer", "samples"])
    for sample in range(3):
        sigma = drawn.sigma.values[sample]
        expected = [sigma[sigma <= level].max() for level in SIGMA]
        np.testing.assert_allclose(way[:, sample], expected)
    assert np.isnan(way[:, 3]).all()


@pytest.mark.parametrize(
    ("reference", "window"), [("local", 5), ("equivariant", 3), ("patches", 5)]
)
def test_calibration_finds_the_window_of_a_disguised_machine(reference, window, data, tmp_path):
    """Including a different window at each noise level."""
    chosen = {0.5: window, 0.1: 8 - window}
    network, output = tmp_path / "network.safetensors", tmp_path / "calibration.zarr"
    members = np.arange(20, 20 + N)
    training = Members(store.open_store(data[0]).images, members)
    tensors = denoisers.fit(reference, training, window=chosen)
    denoisers.save_reference(tensors, network, reference, members)
    scripts.calibration.main(
        *data, str(network), str(output), reference=reference, option="window",
        values=[1, 3, 5, 7], sensitive=False, sigma=SIGMA, count=4, subset="S1", N=N, seed=3,
    )  # fmt: skip
    assert not store.problems(output)
    found = store.open_store(output)
    assert list(found.value) == [1, 3, 5, 7, 8]
    assert found.chosen.values.tolist() == [chosen[sigma] for sigma in SIGMA]
    assert set(found.image_index.values) == {6, 7, 8, 9}  # the last test images
    np.testing.assert_allclose(found.cosine.max("value"), 1, atol=1e-5)
    # The calibrated reference is the machine itself.
    made = tmp_path / "made.safetensors"
    scripts.reference.main(*data, [str(output)], str(made), reference=reference, subset="S1", N=N)
    images, y = store.open_store(data[0]).images, torch.rand(2, 1, SIDE, SIDE)
    for sigma in (0.5, 0.1):
        a, b = (denoisers.load(path, images)(y, sigma) for path in (network, made))
        torch.testing.assert_close(a, b)


def test_flexible_patches_see_the_pixels_that_the_network_looks_at(data, tmp_path):
    """A local machine of 3 x 3 pixels has all of its sensitivity in 9 pixels. Away from borders,
    the composite of these patches is the composite of all crops of 3 x 3 pixels."""
    network, output = tmp_path / "network.safetensors", tmp_path / "calibration.zarr"
    scripts.reference.main(*data, [], str(network), reference="local", subset="S1", N=N, window=3)
    scripts.calibration.main(
        *data, str(network), str(output), reference="flexible", option="share",
        values=[0.2, 0.9999999], sensitive=True, sigma=SIGMA, count=3, subset="S1", N=N, seed=3,
    )  # fmt: skip
    found = store.open_store(output)
    middle = found.sensitivity.values[:, 3 * SIDE + 4].reshape(-1, SIDE, SIDE)
    assert (middle[:, 2:5, 3:6] > 0).all()
    assert np.count_nonzero(middle) == 9 * len(SIGMA)
    assert (found.chosen == 0.9999999).all()
    made = tmp_path / "flexible.safetensors"
    scripts.reference.main(*data, [str(output)], str(made), reference="flexible", subset="S1", N=N)
    images, y = store.open_store(data[0]).images, torch.rand(2, 1, SIDE, SIDE)
    crops = tmp_path / "crops.safetensors"
    scripts.reference.main(*data, [], str(crops), reference="patches", subset="S1", N=N, window=3)
    a, b = (denoisers.load(path, images)(y, 0.5) for path in (crops, made))
    torch.testing.assert_close(a[..., 2:-2, 2:-2], b[..., 2:-2, 2:-2], atol=1e-4, rtol=0)


def test_values_that_a_theory_refuses_are_not_chosen():
    """One pixel hardly varies: large thresholds would empty all other masks."""
    images = torch.rand(40, 1, 5, 5, generator=torch.Generator().manual_seed(0))
    images[:, 0, 2, 2] = 0.5 + 0.02 * (images[:, 0, 2, 3] - 0.5)
    noisy = noisy_images(images[:3], [0.2], 0)
    theory = pca_locality.build(pca_locality.fit(images, threshold=0.001), images)
    found = cosines(theory, theory, noisy, [0.2], [0.4, 0.001])
    assert np.isnan(found[0]).all() and best(found, [0.4, 0.001]) == [0.001]
    with pytest.raises(Refused, match="hardly varies"):
        cosines(theory, theory, noisy, [0.2], [0.4])


def test_the_sensitivity_is_the_mean_of_jacobians():
    images = torch.rand(5, 1, 4, 4, dtype=torch.float64)
    f = local.build(local.fit(images, window=3), images).double()
    noisy = torch.rand(1, 3, 1, 4, 4, dtype=torch.float64)
    expected = torch.stack([jacobian(f, y, 0.3).abs() for y in noisy[0]]).mean(0)
    torch.testing.assert_close(sensitivity(f, noisy, [0.3])[0], expected)


def test_cosines_are_of_scores_rather_than_images():
    """A theory that moves the opposite way from y has -1, whatever the image."""
    noisy = noisy_images(torch.rand(3, 1, 4, 4), [0.1, 0.3], 0)
    found = cosines(
        lambda y, sigma, value: y + value * torch.ones_like(y),
        lambda y, sigma: y + 2 * torch.ones_like(y), noisy, [0.1, 0.3], [-1, 0.5],
    )  # fmt: skip
    np.testing.assert_allclose(found[0], -1, atol=1e-6)
    np.testing.assert_allclose(found[1], 1, atol=1e-6)
    assert best(found, [-1, 0.5]) == [0.5, 0.5]


def test_windows_end_with_the_image():
    assert windows(None, 8) == [1, 3, 5, 7, 8]
    assert windows([3, 9], 8) == [3, 8]
