"""Closed forms of a training set against brute force, and their files."""

import gc
import weakref

import numpy as np
import pytest
import torch
from conftest import data_set
from gahb import denoisers, store
from gahb.denoisers.references import memorizer, wiener
from gahb.denoisers.references.memorizer import Memorizer
from gahb.denoisers.references.wiener import Wiener
from gahb.eigenbasis import eigenbasis
from gahb.images import Members
from gahb.jacobian import Products, jacobian
from scipy.special import logsumexp, softmax

SHAPE = (1, 3, 4)
NAMES = ["memorizer", "wiener"]


def some(count, seed=0, shape=SHAPE):
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(seed))


def brute_force(images, y, sigma):
    """The posterior mean, all distances at once, in double precision."""
    x, y = images.double().flatten(1).numpy(), y.double().flatten(1).numpy()
    squared = np.square(y[:, None] - x).sum(2)
    return torch.from_numpy(softmax(-squared / (2 * sigma**2), axis=1) @ x).reshape(-1, *SHAPE)


class Counted:
    """Images that are read when indexed; counts how many blocks are held at once."""

    nbytes = 2**40  # as if there were too many to keep

    def __init__(self, images):
        self.images, self.blocks, self.most = images, [], 0

    def __len__(self):
        return len(self.images)

    def __getitem__(self, which):
        block = self.images[which].clone()
        self.blocks = [b for b in self.blocks if b() is not None] + [weakref.ref(block)]
        self.most = max(self.most, len(self.blocks))
        return block


# The memorizer.


@pytest.mark.parametrize("block", [1, 3, 50, 64, None])
@pytest.mark.parametrize("sigma", [0.01, 0.2, 5.0])
def test_the_memorizer_is_the_posterior_mean_in_blocks_of_any_size(sigma, block):
    images, y = some(50), some(9, 1).double()
    for kept in (images, Counted(images)):
        found = Memorizer(kept, block)(y, sigma)
        torch.testing.assert_close(found, brute_force(images, y, sigma), atol=1e-10, rtol=0)


def test_bytes_are_images_in_the_unit_interval():
    images, y = (255 * some(50)).to(torch.uint8), some(9, 1)
    found = Memorizer(images, 7).double()
    assert found.training_set.few.dtype == torch.uint8
    expected = brute_force(images.float() / 255, y, 0.2)
    torch.testing.assert_close(found(y.double(), 0.2), expected, atol=1e-7, rtol=0)


@pytest.mark.parametrize("sigma", [0.05, 0.3, 3.0])
def test_the_memorizer_is_miyasawas_formula_of_the_mixture(sigma):
    """f(y) - y = sigma^2 grad log p of the training images blurred by N(0, sigma^2)."""
    images, y = some(7).double(), some(1, 5).double()

    def log_density(y):
        squared = np.square(images.flatten(1).numpy() - y).sum(1)
        return logsumexp(-squared / (2 * sigma**2))

    flat, step = y.flatten().numpy(), 1e-5
    score = [
        (log_density(flat + step * e) - log_density(flat - step * e)) / (2 * step)
        for e in np.eye(12)
    ]
    found = Memorizer(images)(y, sigma).flatten().numpy()
    np.testing.assert_allclose(found - flat, sigma**2 * np.array(score), atol=1e-6)


def test_the_memorizer_returns_its_images_at_little_noise():
    images = some(7)
    noisy = images + 0.01 * torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(Memorizer(images)(noisy, 0.01), images)
    mean = images.mean(0, keepdim=True).expand_as(images)
    torch.testing.assert_close(Memorizer(images)(noisy, 1e4), mean, atol=1e-5, rtol=0)


@pytest.mark.parametrize("block", [1, 4, 40])
def test_the_memorizers_jacobian_is_the_posterior_covariance(block):
    """J = Cov(x | y) / sigma^2, by reverse mode, by forward mode and matrix-free."""
    images, y, sigma = some(40), some(1, 1)[0].double(), 0.4
    denoiser = Memorizer(images, block)
    x = images.double().flatten(1)
    weights = torch.from_numpy(softmax(-(x - y.flatten()).square().sum(1) / (2 * sigma**2)))
    centered = x - weights @ x
    expected = (centered.T * weights) @ centered / sigma**2
    torch.testing.assert_close(jacobian(denoiser, y, sigma), expected, atol=1e-10, rtol=0)
    unit = torch.eye(12, dtype=torch.float64)
    pushed = Products(denoiser, y, sigma, 5).forward(unit)
    torch.testing.assert_close(pushed, expected, atol=1e-10, rtol=0)
    free = eigenbasis(denoiser, y, y, sigma, keep=4)
    leading = torch.linalg.eigvalsh(expected).flip(0)[:4]
    np.testing.assert_allclose(free.shrinkage, leading, atol=1e-4 * float(leading[0]))


def test_a_large_training_set_is_never_held():
    images = Counted(some(60))
    denoiser, y = Memorizer(images, 3), some(4, 1)
    denoiser(y, 0.3)
    products = Products(denoiser, y[0], 0.3)
    products.dense()
    products.forward(torch.eye(12))
    gc.collect()
    assert images.most <= 4  # the one in use, the next one, and those being exchanged


# Wiener's filter.


def test_wiener_is_the_best_linear_denoiser():
    """Its squared error is sum v sigma^2 / (v + sigma^2) over the variances v."""
    variances, sigma = torch.logspace(0, -2, 12), 0.3
    axes = torch.linalg.qr(torch.randn(12, 12, generator=torch.Generator().manual_seed(0)))[0]
    denoiser = Wiener(some(1)[0], variances, axes)
    z, noise = torch.randn(2, 40000, 12, generator=torch.Generator().manual_seed(1))
    x = some(1) + (z * variances.sqrt() @ axes.T).reshape(-1, *SHAPE)
    y = x + sigma * noise.reshape(x.shape)
    error = (denoiser(y, sigma) - x).square().flatten(1).sum(1).mean()
    expected = (variances * sigma**2 / (variances + sigma**2)).sum()
    torch.testing.assert_close(error, expected, rtol=0.02, atol=0)


@pytest.mark.parametrize("count", [1, 2, 7, 12, 13, 100])
def test_wiener_of_a_training_set_is_the_dense_formula(count, monkeypatch):
    monkeypatch.setattr(wiener, "BLOCK", 8)
    images, y, sigma = some(count), some(5, 1), 0.15
    x = images.double().flatten(1)
    mean = x.mean(0)
    C = (x - mean).T @ (x - mean) / count
    gain = C @ torch.linalg.inv(C + sigma**2 * torch.eye(12))
    expected = (mean + (y.double().flatten(1) - mean) @ gain).reshape(y.shape)
    tensors = wiener.fit(images)
    assert tensors["axes"].shape == (12, min(count, 12))
    found = Wiener(**tensors)
    torch.testing.assert_close(found(y, sigma).double(), expected, atol=1e-5, rtol=0)
    # Its Jacobian is the gain, matrix-free as well.
    torch.testing.assert_close(jacobian(found, y[0], sigma).double(), gain, atol=1e-5, rtol=0)
    free = eigenbasis(found, y[0], y[0], sigma, keep=3)
    leading = torch.linalg.eigvalsh(gain).flip(0)[:3]
    np.testing.assert_allclose(free.shrinkage, leading, atol=2e-4)


# Both.


@pytest.fixture
def images(tmp_path):
    """The images of a data set, in a store."""
    values = (255 * some(40, shape=(1, 4, 4))).to(torch.uint8).numpy()
    return store.open_store(data_set(tmp_path, values)[0]).images


@pytest.mark.parametrize("name", NAMES)
def test_references_come_back_from_a_file_without_their_images(name, images, tmp_path):
    members = np.array([30, 2, 17, 5, 9])
    training = Members(images, members)
    tensors = denoisers.fit(name, training)
    path = tmp_path / "denoiser.safetensors"
    denoisers.save_reference(tensors, path, name, members)
    loaded, y = denoisers.load(path, images), torch.rand(3, 1, 4, 4)
    fitted = torch.from_numpy(images.values[members])
    expected = {"memorizer": memorizer, "wiener": wiener}[name].build(tensors, fitted)
    torch.testing.assert_close(loaded(y, 0.3), expected(y, 0.3))
    assert not loaded.blind
    exact = denoisers.load(path, images, torch.float64)(y.double(), 0.3)
    assert exact.dtype == torch.float64
    torch.testing.assert_close(exact.float(), loaded(y, 0.3))
    with pytest.raises(ValueError, match=r"denoiser\.safetensors: .*needs the images"):
        denoisers.load(path)


def test_members_are_read_in_their_order(images):
    members = np.array([7, 3, 3, 39])
    some_of_them = Members(images, members)
    assert len(some_of_them) == 4 and some_of_them.nbytes == 4 * 16
    assert np.array_equal(some_of_them[:], images.values[members])
    assert np.array_equal(some_of_them[1:3], images.values[[3, 3]])
    assert np.array_equal(some_of_them[np.array([3, 0])], images.values[[39, 7]])
