"""Scripts as functions, from a denoiser to its stores, without Snakemake."""

import numpy as np
import pytest
import scripts.eigenbasis
import scripts.imported
import scripts.psnr
import scripts.reference
import scripts.samples
import scripts.training
import torch
import xarray as xr
from gahb import denoisers, store

N, SIDE = 12, 8


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """images.zarr and split.zarr: smooth images, of 8 x 8 pixels."""
    folder = tmp_path_factory.mktemp("data")
    waves = np.random.default_rng(0).uniform(1, 3, (60, 4, 1, 1))
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    pixels = 0.5 + 0.4 * np.sin(waves[:, 0] * x + waves[:, 1] * 2) * np.cos(waves[:, 2] * y)
    dims = ("image", "channel", "y", "x")
    parts = {"S1": range(20, 40), "S2": range(20), "test": range(59, 39, -1)}
    for name, variables in (
        ("images", {"images": store.variable(dims, pixels[:, None].astype(np.float32), "i")}),
        ("split", {k: store.variable(f"{k}_image", list(v), "i") for k, v in parts.items()}),
    ):
        dataset = xr.Dataset(variables, attrs=store.provenance(name, {}))
        store.save(dataset, folder / f"{name}.zarr")
    return str(folder / "images.zarr"), str(folder / "split.zarr")


@pytest.fixture(scope="module", params=["memorizer", "wiener", "unet", "imported"])
def denoiser(request, data, tmp_path_factory):
    """(name, path) of a denoiser of each kind, made by its script from the first N images of S1."""
    name, folder = request.param, tmp_path_factory.mktemp(request.param)
    path = str(folder / "denoiser.safetensors")
    if name == "unet":
        recipe = {"steps": 30, "batch": 8, "learning_rate": 1e-2}
        scripts.training.main(
            *data, path, str(folder / "history.zarr"), architecture="unet", snapshots=False,
            options={"channels": 4, "blocks": 1, "gain": 0.1}, recipe=recipe, subset="S1", N=N,
            initialization_seed=0, seed=0,
        )  # fmt: skip
    elif name == "imported":
        network = denoisers.initialized("bfcnn", 0, channels=4, layers=4)
        torch.save(network.state_dict(), folder / "net.pt")
        scripts.imported.main(data[0], [str(folder / "net.pt")], path)
    else:
        scripts.reference.main(*data, path, reference=name, subset="S1", N=N)
    return name, path


@pytest.mark.parametrize("denoiser", ["memorizer", "wiener"], indirect=True)
def test_a_reference_holds_the_images_that_it_was_trained_on(data, denoiser):
    _, path = denoiser
    images = store.open_store(data[0]).images
    training = torch.from_numpy(images.values[20 : 20 + N])
    found = denoisers.load(path, images)
    # Of much noise nothing is left but the mean of the training images.
    mean = training.mean(0, keepdim=True).expand_as(training)
    torch.testing.assert_close(found(training, 1e4), mean, atol=1e-4, rtol=0)


def test_psnr(data, denoiser, tmp_path):
    name, path = denoiser
    output = str(tmp_path / "psnr.zarr")
    scripts.psnr.main(
        *data, path, output, subset="S1", N=N, input_psnr=[10, 20, 30], count=16, seed=3
    )
    assert not store.problems(output)
    found = store.open_store(output)
    assert dict(found.psnr.sizes) == {"set": 2, "sigma": 3, "image": 16}
    np.testing.assert_allclose(-20 * np.log10(found.sigma), found.input_psnr)
    mean = found.psnr.mean("image")
    if name == "memorizer":  # it knows the one set by heart, and the other not at all
        assert (mean.sel(set="train")[1:] > 40).all()
        assert (mean.sel(set="test") < mean.sel(set="train")).all()
    if name == "wiener":  # its own images lie in its plane: better than the input
        assert (mean.sel(set="train") > found.input_psnr).all()


@pytest.mark.parametrize(("start", "sampler"), [("paper", "ascent"), ("gaussian", "ode")])
def test_samples(data, denoiser, start, sampler, tmp_path):
    name, path = denoiser
    output = str(tmp_path / "samples.zarr")
    scripts.samples.main(
        *data, path, output, count=5, start=start, sampler=sampler, steps=20, h0=0.1, beta=0.5,
        sigma_min=0.01, mean=0.5, sd=1.0, sigma_max=3.0, max_steps=200, levels=[0.3], seed=7,
    )  # fmt: skip
    assert not store.problems(output)
    found = store.open_store(output)
    assert found.samples.shape == (5, 1, SIDE, SIDE)
    images = store.open_store(data[0]).images.values[20 : 20 + N, 0]
    if name == "memorizer":
        distance = np.abs(found.samples.values - images).max((2, 3))
        assert distance.min(1).max() < 1e-3
    if name == "wiener":  # of a Gaussian on the plane of the training images
        flat = images.reshape(N, -1)
        axes = np.linalg.svd(flat - flat.mean(0), full_matrices=False)[2][: N - 1]
        centered = found.samples.values.reshape(5, -1) - flat.mean(0)
        rest = centered - centered @ axes.T @ axes
        assert np.abs(rest).max() < 0.02 and np.abs(centered).max() > 0.05


@pytest.mark.parametrize("keep", [None, 3])
def test_eigenbasis(data, denoiser, keep, tmp_path):
    name, path = denoiser
    output = str(tmp_path / "eigenbasis.zarr")
    scripts.eigenbasis.main(
        *data, path, output, chosen=[0, 4], sigma=[0.1, 0.3], keep=keep, svd=keep is None,
        precision="float64", seed=1,
    )  # fmt: skip
    assert not store.problems(output)
    found = store.open_store(output)
    assert list(found.image) == [59, 55]
    ranks = keep or SIDE**2
    assert found.vectors.shape == (2, 2, ranks, 1, SIDE, SIDE)
    assert found.attrs["method"] == ("matrix-free" if keep else "dense")
    if name in ("memorizer", "wiener"):  # theirs are gradients: symmetric
        assert (found.asymmetry < 1e-5).all() and (found.shrinkage > -1e-6).all()
    if name == "wiener":
        images = store.open_store(data[0]).images.values[20 : 20 + N].reshape(N, -1)
        variances = np.linalg.svd(images - images.mean(0))[1] ** 2 / N
        for sigma in (0.1, 0.3):
            shrinkage = (variances / (variances + sigma**2))[:ranks]
            at = found.sel(sigma=sigma)
            np.testing.assert_allclose(at.shrinkage[0, :N], shrinkage, atol=2e-4)


def test_more_images_than_there_are_are_refused(data, tmp_path):
    with pytest.raises(ValueError, match=r"N = 21, but .*split\.zarr gives only 20 images to S1"):
        scripts.reference.main(*data, str(tmp_path / "none"), reference="wiener", subset="S1", N=21)


def test_what_cannot_denoise_these_images_is_refused(data, tmp_path):
    network = denoisers.initialized("unet", 0, image_channels=3, channels=4, blocks=1)
    torch.save(network.state_dict(), tmp_path / "color.pt")
    with pytest.raises(ValueError, match=r"color\.pt cannot denoise images of .* = \(1, 8, 8\)"):
        scripts.imported.main(data[0], [str(tmp_path / "color.pt")], str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()
