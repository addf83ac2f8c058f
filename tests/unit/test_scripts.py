"""Scripts as functions, from a denoiser to its stores, without Snakemake."""

from types import SimpleNamespace

import numpy as np
import pytest
import scripts.density
import scripts.eigenbasis
import scripts.images
import scripts.imported
import scripts.psnr
import scripts.reference
import scripts.samples
import scripts.split
import scripts.training
import torch
import xarray as xr
from conftest import data_set, waves
from gahb import denoisers, store
from gahb.datasets import open_source
from gahb.drawing.stores import Stores
from gahb.figures import psnr_curves
from gahb.summaries import psnr
from gahb.summaries.density import log_densities

N, SIDE = 12, 8


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """images.zarr and split.zarr: smooth images, of 8 x 8 pixels."""
    folder = tmp_path_factory.mktemp("data")
    parts = {"S1": range(20, 40), "S2": range(20), "test": range(59, 39, -1)}
    return data_set(folder, waves(60, 3), **parts)


@pytest.fixture(scope="module", params=["memorizer", "wiener", "unet", "imported"])
def denoiser(request, data, tmp_path_factory):
    """(name, path) of a denoiser of each kind, made by its script from the first N images of S1."""
    name, folder = request.param, tmp_path_factory.mktemp(request.param)
    path = str(folder / "denoiser.safetensors")
    if name in ("unet", "imported"):
        # A network from elsewhere is refused unless it denoises.
        recipe = {
            "steps": 200, "batch": 16, "learning_rate": 0.05,
            "loss": "weighted", "noise": "mixed", "optimizer": "muon",
        }  # fmt: skip
        scripts.training.main(
            *data, path, str(folder / "history.zarr"), architecture="unet", snapshots=False,
            options={"channels": 4, "blocks": 1, "gain": 0.1}, recipe=recipe, subset="S1", N=N,
            initialization_seed=0, seed=0,
        )  # fmt: skip
        if name == "imported":
            torch.save(denoisers.load(path).state_dict(), folder / "net.pt")
            scripts.imported.main(*data, [str(folder / "net.pt")], path, subset="S1", N=N)
    else:
        scripts.reference.main(*data, [], path, reference=name, subset="S1", N=N)
    return name, path


def test_images_that_hardly_vary_give_a_warning(tmp_path, capsys):
    masks = np.random.default_rng(0).integers(0, 2, (3, SIDE, SIDE), np.uint8)
    for factor, words in ((1, "if they are of 0 and 1, multiply them by 255"), (255, "")):
        np.save(tmp_path / "a.npy", masks * factor)
        scripts.images.main(
            str(tmp_path / "a.zarr"), [], source="arrays", path=str(tmp_path / "a.npy")
        )
        said = capsys.readouterr().out
        assert words in said and bool(words) == ("Warning" in said)


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
    if name == "memorizer":  # it has memorized one set, and does not know the other
        assert (mean.sel(set="train")[1:] > 40).all()
        assert (mean.sel(set="test") < mean.sel(set="train")).all()
    if name == "wiener":  # its own images are in its plane, so it is better than the input
        assert (mean.sel(set="train") > found.input_psnr).all()


def test_density(data, denoiser, tmp_path):
    """For the N images of S1, and as many test images as requested."""
    name, path = denoiser
    output = str(tmp_path / "density.zarr")
    scripts.density.main(
        *data, path, output, N=N, input_psnr=[0, 30], intervals=8, count=16, noises=4, bundle=2,
        seed=3,
    )  # fmt: skip
    assert not store.problems(output)
    found = store.open_store(output)
    assert dict(found.mse.sizes) == {"set": 2, "sigma": 9, "pair": 2, "image": 16}
    assert np.isnan(found.mse.sel(set="S1")).sum() == 9 * 2 * 4
    assert not np.isnan(found.log_density.sel(set="test")).any()
    np.testing.assert_array_equal(found.image_index.sel(set="test"), range(59, 43, -1))
    assert ("flipd" in found) == (name in ("memorizer", "wiener"))
    last = (found.log_density - found.log_density_gaussian).isel(sigma=-1).mean("image")
    if name == "memorizer":
        assert last.sel(set="S1") > 0 > last.sel(set="test")
    # At the first level all densities are the Gaussian's.
    first = found.isel(sigma=0)
    xr.testing.assert_equal(first.log_density.rename(None), first.log_density_gaussian.rename(None))


def test_without_training_images_test_images_are_used(data, tmp_path):
    """Then numbers and figures refer only to the test set."""
    network, paths = str(tmp_path / "net.safetensors"), {}
    denoisers.save(
        denoisers.initialized("bfcnn", 0, channels=4, layers=3), network, "bfcnn", channels=4,
        layers=3,
    )  # fmt: skip
    for name in ("split", "psnr", "density"):
        paths[name] = str(tmp_path / f"{name}.zarr")
    scripts.split.main(data[0], [], [], paths["split"], test="all", seed=0)
    asked = {"N": 100, "count": 6, "seed": 0}
    scripts.psnr.main(
        data[0], paths["split"], network, paths["psnr"], subset="S1", input_psnr=[10, 15, 20],
        sets=["test"], **asked,
    )  # fmt: skip
    scripts.density.main(
        data[0], paths["split"], network, paths["density"], input_psnr=[0, 30], intervals=4,
        noises=4, bundle=1, **asked,
    )  # fmt: skip
    assert not [p for path in paths.values() for p in store.problems(path)]
    opened = {name: store.open_store(path) for name, path in paths.items()}
    assert opened["split"].sizes == {"member_S1": 0, "member_S2": 0, "test_image": 60}
    curves = psnr.curves(opened["psnr"], 10, 20)
    assert list(curves) == ["test_psnr", "slope", "slope_low", "slope_high"]
    assert "log_density_gap" not in log_densities(opened["density"])
    stores = Stores([("psnr", {"N": 100, "seed": 0, "denoiser": "own"}, opened["psnr"])], "own")
    figure = psnr_curves.draw(stores, {"sizes": [100], "denoiser": "own"})
    (ax,) = figure.axes
    assert ax.get_title("left").startswith("test set")


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
    if name == "wiener":  # samples of a Gaussian in the plane of the training images
        flat = images.reshape(N, -1)
        axes = np.linalg.svd(flat - flat.mean(0), full_matrices=False)[2][: N - 1]
        centered = found.samples.values.reshape(5, -1) - flat.mean(0)
        rest = centered - centered @ axes.T @ axes
        assert np.abs(rest).max() < 0.02 and np.abs(centered).max() > 0.05


@pytest.mark.parametrize("denoiser", ["memorizer"], indirect=True)
def test_a_warning_if_most_samples_diverge(data, denoiser, tmp_path, capsys):
    for max_steps, words in ((1, "Warning: 5 of 5 samples diverged"), (200, "")):
        scripts.samples.main(
            *data, denoiser[1], str(tmp_path / "samples.zarr"), count=5, start="paper",
            sampler="ascent", steps=20, h0=0.1, beta=0.5, sigma_min=0.01, mean=0.5, sd=1.0,
            sigma_max=3.0, max_steps=max_steps, levels=[0.3], seed=7,
        )  # fmt: skip
        said = capsys.readouterr().out
        assert words in said and bool(words) == ("diverged" in said)


def test_eigenbasis(data, denoiser, tmp_path):
    name, path = denoiser
    output = str(tmp_path / "eigenbasis.zarr")
    for keep in (3, None) if name == "unet" else (None,):
        scripts.eigenbasis.main(
            *data, path, output, chosen=[0, 4], sigma=[0.1, 0.3], keep=keep,
            precision="float64", seed=1,
        )  # fmt: skip
        assert not store.problems(output)
        found = store.open_store(output)
        assert list(found.image) == [59, 55]
        assert found.vectors.shape == (2, 2, keep or SIDE**2, 1, SIDE, SIDE)
        assert found.attrs["method"] == ("matrix-free" if keep else "dense")
    if name in ("memorizer", "wiener"):  # their denoisers are gradients, hence symmetric
        assert (found.asymmetry < 1e-5).all() and (found.shrinkage > -1e-6).all()
    if name == "wiener":
        images = store.open_store(data[0]).images.values[20 : 20 + N].reshape(N, -1)
        variances = np.linalg.svd(images - images.mean(0))[1] ** 2 / N
        for sigma in (0.1, 0.3):
            at, shrinkage = found.sel(sigma=sigma), variances / (variances + sigma**2)
            np.testing.assert_allclose(at.shrinkage[0, :N], shrinkage, atol=2e-4)


def test_requests_for_too_many_images_are_refused(data, tmp_path):
    with pytest.raises(ValueError, match=r"N = 21, but .*split\.zarr gives only 20 images to S1"):
        scripts.reference.main(
            *data, [], str(tmp_path / "none"), reference="wiener", subset="S1", N=21
        )


def test_networks_that_cannot_denoise_these_images_are_refused(data, tmp_path):
    def take_in(network, name):
        torch.save(network.state_dict(), tmp_path / name)
        scripts.imported.main(
            *data, [str(tmp_path / name)], str(tmp_path / "none"), subset="S1", N=N
        )

    wrong = r"color\.pt takes images of 3 channel.* has 1; `gray: null` keeps their colours"
    with pytest.raises(ValueError, match=wrong):
        take_in(
            denoisers.initialized("unet", 0, image_channels=3, channels=4, blocks=1), "color.pt"
        )
    with pytest.raises(ValueError, match=r"deep\.pt cannot denoise images of .* = \(1, 8, 8\)"):
        take_in(denoisers.initialized("unet", 0, channels=4, blocks=4), "deep.pt")
    with pytest.raises(ValueError, match=r"random\.pt .*No convention makes it a denoiser"):
        take_in(denoisers.initialized("bfcnn", 0, channels=4, layers=4, gain=9.0), "random.pt")
    assert not (tmp_path / "none").exists()


MEMORIZER = """
import torch
from exact import Exact, Memorizer

def load(path, parametrization):
    return Exact(Memorizer(torch.load(path)), parametrization)
"""


def test_a_function_with_arguments_is_kept_with_its_schedule(data, tmp_path, monkeypatch):
    """A network that has memorized 16 images, in the form of DDPM."""
    images, split = (store.open_store(path) for path in data)
    known = torch.from_numpy(images.images.values[split.S1.values[:N]])
    torch.save(2 * known - 1, tmp_path / "known.pt")
    (tmp_path / "mynets_of_this_test.py").write_text(MEMORIZER)
    monkeypatch.chdir(tmp_path)
    entry = {
        "function": "mynets_of_this_test:load", "parametrization": "vp-epsilon", "range": [-1, 1],
        "arguments": {"path": str(tmp_path / "known.pt"), "parametrization": "vp-epsilon"},
    }  # fmt: skip
    kept = str(tmp_path / "denoiser.safetensors")
    scripts.imported.main(*data, [], kept, subset="S1", N=N, **entry)
    assert len(denoisers.described(kept)["network"]["schedule"]) == 1000
    found = denoisers.load(kept)
    assert not found.blind
    torch.testing.assert_close(found(known, 0.05), known, atol=1e-3, rtol=0)
    with pytest.raises(ValueError, match=r"fits better as `parametrization: vp-epsilon"):
        scripts.imported.main(
            *data, [], kept, subset="S1", N=N, **entry | {"parametrization": "vp-v"}
        )


def test_an_optimum_found_by_monte_carlo_reports_its_accuracy(data, tmp_path, monkeypatch, capsys):
    class Truth(torch.nn.Module):
        def posterior(self, y, sigma):
            each = torch.full((len(y),), sigma)
            return SimpleNamespace(mean=y, variance=each, error=each**2, rhat=1 + each)

    monkeypatch.setattr(denoisers, "load", lambda path, images: Truth())
    scripts.psnr.main(
        *data, "", str(tmp_path / "psnr.zarr"), subset="S1", N=N, input_psnr=[10, 15, 30],
        count=6, seed=0, sets=["test"],
    )  # fmt: skip
    found = store.open_store(tmp_path / "psnr.zarr")
    assert list(found.set.values) == ["test"] and found.psnr.shape == (1, 3, 6)
    expected = np.broadcast_to(found.sigma.values[:, None], (1, 3, 6))
    np.testing.assert_allclose(found.variance, expected, rtol=1e-6)
    np.testing.assert_allclose(found.monte_carlo_error, expected**2, rtol=1e-6)
    # R-hat is 1.32, 1.18 and 1.03.
    assert found.mixed == pytest.approx(1 / 3)
    assert "67% of the posteriors have not mixed" in capsys.readouterr().out


def test_the_optimum_is_built_from_the_stored_distribution(tmp_path):
    original = open_source("disks", side=SIDE, images=9, seed=0)
    source = open_source("mixture", original=original, templates=2, sd=0.1, images=9, seed=0)
    dims = ("image", "channel", "y", "x")
    images = xr.Dataset(
        {"images": store.variable(dims, source.read(0, 9), "i"), **source.distribution}
    )
    split = xr.Dataset({"S1": store.variable("S1_image", [1, 2, 3], "i")})
    for name, dataset in (("images", images), ("split", split)):
        dataset.attrs = store.provenance(name, {})
        store.save(dataset, tmp_path / f"{name}.zarr")
    path = tmp_path / "denoiser.safetensors"
    scripts.reference.main(
        str(tmp_path / "images.zarr"), str(tmp_path / "split.zarr"), [], str(path),
        reference="optimum", subset="S1", N=3,
        distribution={"source": "mixture", "of": "x", "sd": 0.1},
    )  # fmt: skip
    found = denoisers.load(path, store.open_store(tmp_path / "images.zarr").images)
    torch.testing.assert_close(found.templates, torch.from_numpy(original.read(0, 2)))
    assert float(found.spread) == pytest.approx(0.1)
