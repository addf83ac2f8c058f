"""Fixed bases, their oracles and thresholds, and non-local means, against closed forms."""

import numpy as np
import pytest
import scipy.fft
import torch
from conftest import data_set
from gahb import bases, denoisers, store
from gahb.denoisers.references import threshold
from gahb.eigenbasis import eigenbasis
from gahb.images import to_float
from gahb.jacobian import Products, jacobian
from gahb.oracles import oracle_psnr
from gahb.psnr import psnr
from scripts.oracles import main


def some(count, side, seed=0, channels=1):
    return torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(seed))


def noisy(images, sigma, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return images + sigma * torch.randn(images.shape, generator=generator).to(images)


@pytest.mark.parametrize("name", ["dct", "wavelet"])
@pytest.mark.parametrize("side", [2, 8, 14, 24])
def test_bases_are_orthogonal(name, side):
    steps = bases.basis(name, side)
    images = some(side**2, side).double()
    found = bases.coefficients(images, steps)
    # Inner products are preserved, and images are recovered.
    flat, other = images.flatten(1), found.flatten(1)
    torch.testing.assert_close(other @ other.T, flat @ flat.T, atol=1e-9, rtol=0)
    torch.testing.assert_close(bases.combined(found, steps), images, atol=1e-12, rtol=0)


def test_cosines_are_the_discrete_cosine_transform():
    images = some(3, 8).double()
    found = bases.coefficients(images, bases.basis("dct", 8))
    expected = scipy.fft.dctn(images.numpy(), axes=(2, 3), norm="ortho")
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_wavelets_ignore_planes_except_at_the_border():
    """Four taps have two vanishing moments: a plane has no details where nothing wraps around."""
    y, x = np.mgrid[:16, :16].astype(float)
    (step, *_) = bases.basis("wavelet", 16)
    found = (step @ torch.from_numpy(3 + 2 * x - 5 * y) @ step.T).numpy()
    details = found.copy()
    details[:8, :8] = 0
    assert np.abs(details[:7, 8:15]).max() < 1e-10 and np.abs(details[8:15, :15]).max() < 1e-10
    assert np.abs(details[15]).max() > 1


def test_wavelets_of_an_odd_side_are_refused():
    with pytest.raises(ValueError, match="even number of pixels a side, found 25"):
        bases.basis("wavelet", 25)


def test_the_oracle_has_the_expected_error_of_its_shrinkage():
    """The mean over many noises of the squared error of the best factors in a random basis."""
    rng, sigma = np.random.default_rng(0), 0.3
    basis = np.linalg.qr(rng.normal(size=(12, 12)))[0]
    x = rng.normal(size=12)
    c = basis @ x
    shrunk = (c**2 / (c**2 + sigma**2)) * (c + sigma * rng.normal(size=(200_000, 12)))
    error = np.square(shrunk @ basis - x).mean()
    assert oracle_psnr(c, sigma) == pytest.approx(-10 * np.log10(error), abs=0.03)
    # If a basis is incomplete, the component outside its span is lost.
    error = np.square(shrunk[:, :5] @ basis[:5] - x).mean()
    found = oracle_psnr(c[:5], sigma, (np.square(x).sum(), 12))
    assert found == pytest.approx(-10 * np.log10(error), abs=0.03)


@pytest.mark.parametrize("name", ["dct", "wavelet"])
@pytest.mark.parametrize("sigma", [0.02, 0.2, 1])
def test_a_threshold_keeps_what_donoho_and_johnstone_promise(name, sigma):
    """Error below (2 ln d + 1) (sigma^2 + sum min(c_k^2, sigma^2)), above the oracle's."""
    y, x = np.mgrid[:16, :16] / 16
    image = torch.from_numpy(np.cos(2 * np.pi * x) * y + (x > 0.4)).float()[None, None]
    denoiser = threshold.build(threshold.fit(image, basis=name), image)
    clean = image.expand(400, -1, -1, -1)
    error = (denoiser(noisy(clean, sigma), sigma) - clean).square().flatten(1).sum(1).mean()
    c = bases.coefficients(image.double(), bases.basis(name, 16)).flatten().numpy()
    promised = (2 * np.log(256) + 1) * (sigma**2 + np.minimum(c**2, sigma**2).sum())
    assert 256 * 10 ** (-oracle_psnr(c, sigma) / 10) < error < promised


@pytest.mark.parametrize("name", ["dct", "wavelet"])
def test_thresholds_remove_noise_and_keep_the_mean(name):
    """The largest of d Gaussians is almost always below sigma sqrt(2 ln d)."""
    flat, sigma = torch.full((50, 3, 16, 16), 0.4), 0.1
    tensors = threshold.fit(flat, basis=name)
    found = threshold.build(tensors, flat)(noisy(flat, sigma), sigma)
    kept = 3 * int(tensors["kept"]) ** 2
    assert kept == {"dct": 3, "wavelet": 12}[name]
    error = (found - flat).square().flatten(1).sum(1).mean() / sigma**2
    # A few of 50 x 768 coefficients are slightly above the threshold.
    assert kept * 0.8 < error < kept * 1.2 + 2


def test_thresholds_have_derivatives_projections_in_the_basis():
    y, sigma = some(1, 8)[0].double(), 0.05
    denoiser = threshold.build(threshold.fit(y[None], basis="wavelet"), None).double()
    J = jacobian(denoiser, y, sigma)
    torch.testing.assert_close(J @ J, J, atol=1e-5, rtol=0)
    torch.testing.assert_close(J, J.T, atol=1e-5, rtol=0)
    assert 4 < J.trace() < 63
    v = torch.randn(5, 64, generator=torch.Generator().manual_seed(0)).double()
    torch.testing.assert_close(Products(denoiser, y, sigma).forward(v), v @ J.T, atol=1e-5, rtol=0)


@pytest.mark.parametrize("channels", [1, 3])
def test_nonlocal_means_of_repeated_patches(channels):
    """Many equal patches: nearly all noise is removed. Images do not influence each other."""
    stripes = torch.zeros(4, channels, 24, 24)
    stripes[..., ::4], stripes[..., 1::4] = 1, 1
    y, sigma = noisy(stripes, 0.1), 0.1
    denoiser = denoisers.built("nonlocal", {}, None)
    found = denoiser(y, sigma)
    assert (psnr(found, stripes) > 28).all()
    torch.testing.assert_close(denoiser(y[2:3], sigma), found[2:3])


def test_nonlocal_means_say_that_they_have_no_derivatives():
    denoiser, y = denoisers.built("nonlocal", {}, None), some(1, 8)[0]
    with pytest.raises(NotImplementedError, match="no derivatives"):
        eigenbasis(denoiser, y, y, 0.1)


@pytest.mark.parametrize(("side", "names"), [(8, ["dct", "wavelet"]), (9, ["dct"])])
def test_script_of_the_oracles(tmp_path, side, names):
    images = (255 * some(30, side, channels=3)).to(torch.uint8)
    chosen = np.array([20, 3, 17, 5])
    paths = [*data_set(tmp_path, images.numpy(), test=chosen), str(tmp_path / "oracles.zarr")]
    main(*paths, input_psnr=[10, 20, 30], sigma=[0.15, 0.1], count=3)
    found = store.open_store(paths[2])
    assert list(found.basis.values) == names and found.image.values.tolist() == [20, 3, 17]
    np.testing.assert_allclose(found.sigma, 10 ** (-found.input_psnr / 20))
    np.testing.assert_allclose(found.input_psnr, [10, 16.478, 20, 30], atol=1e-3)
    x = scipy.fft.dctn(to_float(images[3]).double().numpy(), axes=(1, 2), norm="ortho").ravel()
    error = (0.15**2 * x**2 / (x**2 + 0.15**2)).mean()
    one = found.psnr.sel(basis="dct", image=3).sel(sigma=0.15)
    assert float(one) == pytest.approx(-10 * np.log10(error))


def test_a_blank_image_has_the_finite_psnr_of_no_error():
    blank = torch.zeros(1, 1, 8, 8)
    assert oracle_psnr(np.zeros(64), 0.1) == pytest.approx(float(psnr(blank, blank)[0]), abs=1e-3)
