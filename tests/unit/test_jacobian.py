"""Jacobians and eigenbases of linear maps and networks for which they are known."""

import numpy as np
import pytest
import torch
from gahb import denoisers
from gahb.denoisers import NetworkDenoiser
from gahb.denoisers.references.wiener import Wiener
from gahb.eigenbasis import eigenbasis, leading_eigenpairs
from gahb.jacobian import Products, jacobian

SHAPE = (1, 6, 6)
D = 36


def linear(matrix):
    """f(y) = M y as a denoiser of images."""
    return lambda y, sigma: (y.flatten(1) @ matrix.T).reshape(y.shape)


def orthogonal(seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(D, D, generator=generator, dtype=dtype))[0]


def image(seed, shape=SHAPE, dtype=torch.float64):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.fixture(params=["unet", "bfcnn"])
def denoiser(request):
    """A small network with norms that are neither 0 nor 1, in double precision."""
    sizes = {"unet": {"channels": 4, "blocks": 2}, "bfcnn": {"channels": 6, "layers": 5}}
    network = denoisers.initialized(request.param, 3, gain=0.7, **sizes[request.param])
    for i, (name, buffer) in enumerate(network.named_buffers()):
        if name.endswith("running_sd"):
            buffer.fill_(0.8 + 0.1 * i)
    return NetworkDenoiser(network).double()


@pytest.mark.parametrize("chunk", [1, 7, None])
def test_the_jacobian_of_a_linear_map_is_its_matrix(chunk):
    matrix = torch.randn(D, D, dtype=torch.float64)
    found = jacobian(linear(matrix), image(0), 0.1, chunk)
    torch.testing.assert_close(found, matrix)


def test_products_agree_with_the_dense_jacobian(denoiser):
    y = image(1, (1, 8, 8))
    products = Products(denoiser, y, 0.1)
    dense, vectors = products.dense(), torch.randn(5, 64, dtype=torch.float64)
    torch.testing.assert_close(products.forward(vectors), vectors @ dense.T)
    torch.testing.assert_close(products.transposed(vectors), vectors @ dense)
    torch.testing.assert_close(products.symmetric(vectors), vectors @ (dense + dense.T) / 2)
    torch.testing.assert_close(products.value, denoiser(y[None], 0.1)[0])


def test_the_zero_map_is_symmetric_and_linear():
    for keep in (None, 3):
        basis = eigenbasis(linear(torch.zeros(D, D).double()), image(0), image(1), 0.1, keep)
        assert (basis.shrinkage == 0).all()
        assert basis.trace == basis.asymmetry == basis.linearity == 0


def test_the_jacobian_of_a_network_agrees_with_finite_differences(denoiser):
    y, step = image(1, (1, 8, 8)), 1e-6
    directions = torch.eye(64, dtype=torch.float64).reshape(64, 1, 8, 8)
    with torch.no_grad():
        ahead, behind = (denoiser(y + a * step * directions, 0.1) for a in (1, -1))
    differences = ((ahead - behind) / (2 * step)).flatten(1).T
    torch.testing.assert_close(jacobian(denoiser, y, 0.1), differences, atol=1e-7, rtol=1e-6)


def test_a_projection():
    axes = orthogonal()[:, :5]
    x, y = axes @ torch.arange(1.0, 6, dtype=torch.float64), image(0).flatten()
    basis = eigenbasis(linear(axes @ axes.T), x.reshape(SHAPE), y.reshape(SHAPE), 0.1)
    np.testing.assert_allclose(basis.shrinkage, [1] * 5 + [0] * 31, atol=1e-12)
    assert basis.trace == pytest.approx(5)
    assert basis.asymmetry < 1e-12
    vectors = torch.from_numpy(basis.vectors[:5]).flatten(1)
    torch.testing.assert_close(vectors.T @ vectors, axes @ axes.T)
    # Nothing of x is lost: the error is the noise in the plane.
    np.testing.assert_allclose(np.square(basis.clean_coefficients[:5]).sum(), 55)
    np.testing.assert_allclose(
        basis.squared_error, np.square((axes.T @ y - axes.T @ x).numpy()).sum()
    )


def test_the_asymmetry_of_a_rotated_map():
    # Blocks ((a, b), (-b, a)): |J - J^T| / |J + J^T| = b / a, whatever the axes.
    block = torch.tensor([[3.0, 1.0], [-1.0, 3.0]], dtype=torch.float64)
    axes = orthogonal()
    matrix = axes @ torch.block_diag(*[block] * (D // 2)) @ axes.T
    for options in ({}, {"keep": 4}):
        basis = eigenbasis(linear(matrix), image(0), image(1), 0.1, **options)
        assert basis.asymmetry == pytest.approx(1 / 3)
        np.testing.assert_allclose(basis.shrinkage, 3.0)


def gaussian(sigma):
    axes = orthogonal(5)
    variances = torch.logspace(0, -3, D, dtype=torch.float64)
    mean = torch.zeros(SHAPE, dtype=torch.float64)
    denoiser = Wiener(mean, variances, axes)
    return denoiser, axes, variances, variances / (variances + sigma**2)


def test_a_wiener_filter():
    sigma = 0.2
    denoiser, axes, _, shrinkage = gaussian(sigma)
    y = image(1)
    basis = eigenbasis(denoiser, image(0), y, sigma)
    np.testing.assert_allclose(basis.shrinkage, shrinkage, atol=1e-10)
    np.testing.assert_allclose(basis.trace, shrinkage.sum())
    overlap = np.abs(basis.vectors.reshape(D, D) @ axes.numpy())
    np.testing.assert_allclose(overlap, np.eye(D), atol=1e-6)
    np.testing.assert_allclose(
        np.abs(basis.noisy_coefficients), (y.flatten() @ axes).abs(), atol=1e-6
    )
    denoised = (basis.shrinkage * basis.noisy_coefficients) @ basis.vectors.reshape(D, D)
    np.testing.assert_allclose(basis.denoised.ravel(), denoised)
    largest = np.abs(basis.vectors.reshape(D, D)).argmax(1)
    assert (basis.vectors.reshape(D, D)[np.arange(D), largest] > 0).all()


def test_sure_is_right_on_average():
    """The expected squared error of a Wiener filter is sigma^2 sum lambda_k."""
    sigma = 0.3
    denoiser, axes, variances, shrinkage = gaussian(sigma)
    generator = torch.Generator().manual_seed(0)
    sure, error = [], []
    for _ in range(300):
        x = axes @ (variances.sqrt() * torch.randn(D, generator=generator, dtype=torch.float64))
        y = x + sigma * torch.randn(D, generator=generator, dtype=torch.float64)
        basis = eigenbasis(denoiser, x.reshape(SHAPE), y.reshape(SHAPE), sigma)
        sure.append(basis.sure)
        error.append(basis.squared_error)
    expected = float(sigma**2 * shrinkage.sum())
    for found in (sure, error):
        assert abs(np.mean(found) - expected) < 4 * np.std(found) / 300**0.5
    assert abs(np.mean(np.subtract(sure, error))) < 4 * np.std(np.subtract(sure, error)) / 300**0.5


@pytest.mark.parametrize("block", [1, 3, 8])
@pytest.mark.parametrize("keep", [1, 10, D])
def test_leading_eigenpairs_agree_with_a_dense_decomposition(block, keep):
    axes = orthogonal(4)
    values = torch.linspace(-1.5, 2, D, dtype=torch.float64)
    matrix = axes @ torch.diag(values) @ axes.T
    found, vectors = leading_eigenpairs(lambda v: v @ matrix, image(0), keep, block=block)
    torch.testing.assert_close(found, values.flip(0)[:keep], atol=1e-6, rtol=0)
    torch.testing.assert_close(vectors @ vectors.T, torch.eye(keep, dtype=torch.float64))
    residual = vectors @ matrix - found[:, None] * vectors
    assert residual.norm(dim=1).max() <= 2e-4


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
@pytest.mark.parametrize("block", [2, 8])
@pytest.mark.parametrize("ranks", [0, 3, D])
def test_leading_eigenpairs_of_matrices_with_few_eigenvalues(ranks, block, precision):
    """Krylov subspaces of these end at once: 0, a projection, a multiple of the identity."""
    axes = orthogonal(4)[:, :ranks].to(precision)
    matrix = 0.9 * axes @ axes.T
    found, vectors = leading_eigenpairs(
        lambda v: v @ matrix, image(0, dtype=precision), 10, block=block
    )
    expected = torch.where(torch.arange(10) < ranks, 0.9, 0.0)
    torch.testing.assert_close(found.float(), expected, atol=1e-5, rtol=0)
    identity = torch.eye(10, dtype=precision)
    torch.testing.assert_close(vectors @ vectors.T, identity, atol=1e-5, rtol=0)
    residual = vectors @ matrix - found[:, None].to(precision) * vectors
    assert residual.norm(dim=1).max() <= 1e-4


@pytest.mark.parametrize("keep", [80, 100, 110])
@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_leading_eigenpairs_of_a_projection_on_many_dimensions(precision, keep):
    generator = torch.Generator().manual_seed(0)
    axes = torch.linalg.qr(torch.randn(900, 100, generator=generator, dtype=torch.float64))[0]
    axes, like = axes.to(precision), torch.zeros(900, dtype=precision)
    found, _ = leading_eigenpairs(lambda v: (v @ axes) @ axes.T, like, keep)
    expected = torch.where(torch.arange(keep) < 100, 1.0, 0.0)
    torch.testing.assert_close(found.float(), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_matrix_free_agrees_with_dense(precision):
    network = denoisers.initialized("bfcnn", 1, channels=8, layers=5, gain=0.7)
    denoiser = NetworkDenoiser(network).to(precision)
    x = image(0, (1, 16, 16), precision)
    y = x + 0.1 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).to(precision)
    dense = eigenbasis(denoiser, x, y, 0.1)
    free = eigenbasis(denoiser, x, y, 0.1, keep=20)
    scale = np.abs(dense.shrinkage).max()
    np.testing.assert_allclose(free.shrinkage, dense.shrinkage[:20], atol=1e-4 * scale)
    overlap = np.abs((free.vectors * dense.vectors[:20]).sum((1, 2, 3)))
    np.testing.assert_allclose(overlap, 1, atol=1e-4)
    np.testing.assert_allclose(free.noisy_coefficients, dense.noisy_coefficients[:20], atol=1e-2)
    assert abs(free.trace - dense.trace) < 4 * free.trace_error
    assert 0 < free.trace_error < 0.2 * abs(dense.trace)
    assert abs(free.asymmetry - dense.asymmetry) < 0.2 * dense.asymmetry
    assert dense.trace_error == 0
    np.testing.assert_allclose(free.denoised, dense.denoised)
    assert free.linearity < 1e-5


def test_the_error_bar_of_the_trace_is_honest():
    matrix = torch.randn(D, D, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = [
        eigenbasis(linear(matrix), image(0), image(1), 0.1, keep=3, seed=seed)
        for seed in range(100)
    ]
    z = np.array([(b.trace - float(matrix.trace())) / b.trace_error for b in found])
    assert abs(z.mean()) < 4 / 100**0.5
    # Student's t with 15 degrees of freedom: 1.07.
    assert 0.95 < z.std() < 1.2


@pytest.mark.parametrize("wrong", [{"keep": 0}, {"keep": 37}])
def test_impossible_requests_are_refused(wrong):
    with pytest.raises(ValueError, match="keep"):
        eigenbasis(linear(torch.eye(D).double()), image(0), image(1), 0.1, **wrong)


class Attention(torch.nn.Module):
    """Fused attention over the rows of an image, a branch on its values if it cannot be traced."""

    def __init__(self, traceable):
        super().__init__()
        self.mix, self.traceable = torch.nn.Linear(6, 18), traceable

    def forward(self, y, sigma):
        q, k, v = self.mix(y).chunk(3, -1)
        if not self.traceable and y.sum().item() == 0:
            return y
        return y + torch.nn.functional.scaled_dot_product_attention(3 * q, k, v)


@pytest.mark.parametrize("traceable", [True, False])
def test_fused_attention_has_leading_eigenpairs(traceable):
    torch.manual_seed(0)
    denoiser, y = Attention(traceable).requires_grad_(False), image(1, dtype=torch.float32)
    some, every = (eigenbasis(denoiser, y, y, 0.1, keep=keep) for keep in (5, None))
    np.testing.assert_allclose(some.shrinkage, every.shrinkage[:5], rtol=1e-4)
    vectors = torch.randn(3, D)
    products = Products(denoiser, y, 0.1)
    torch.testing.assert_close(products.forward(vectors), vectors @ products.dense().T)
