r"""The basis in which a denoiser shrinks: eigendecomposition of its Jacobian (section 3, figure 3).

A bias-free network is locally linear, f(y) = J(y) y. With J close to symmetric,

.. math:: f(y) = \sum_k \lambda_k(y)\, \langle y, e_k(y)\rangle\, e_k(y),

shrinkage by lambda_k in an orthonormal basis adapted to y. tr J = sum_k lambda_k is the effective
dimension, and SURE = 2 sigma^2 tr J + |y - f(y)|^2 - sigma^2 d estimates |f(y) - x|^2.

The basis is computed from the dense Jacobian or, for images whose d x d Jacobian is too large, only
its leading part from products with J and J^T.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import torch

from gahb.jacobian import Products


def leading_eigenpairs(
    product: Callable,
    like: torch.Tensor,
    keep: int,
    seed: int = 0,
    block: int | None = None,
    tolerance: float = 1e-4,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The largest eigenvalues of a symmetric matrix and their vectors, by block Krylov subspaces.

    The basis is kept orthogonal without restarts, and grows until every residual |S e - lambda e|
    is below `tolerance` times the largest |lambda|.

    Args:
        product: (vector, d) -> (vector, d), the rows times the matrix.
        like: a tensor of d entries, whose type and device are used.
        keep: number of eigenpairs.
        seed: seed of the starting block.
        block: vectors multiplied at a time; also how many eigenvectors of a repeated eigenvalue are
            certain to be found.

    Returns: eigenvalues (keep,), decreasing, and vectors (keep, d), orthonormal.
    """
    d = like.numel()
    block = min(block or (8 if like.device.type == "cpu" else 16), d)
    generator = torch.Generator().manual_seed(seed)

    def randoms() -> torch.Tensor:
        return torch.randn(block, d, generator=generator, dtype=torch.float64).to(like)

    new = randoms()
    basis, image = new[:0], new[:0]
    check_at, exhausted, before = keep + block, False, None
    while True:
        while len(basis) < min(check_at, d):
            new, all_new = _directions(new, basis, randoms)
            exhausted |= not all_new
            basis, new = torch.cat([basis, new]), product(new)
            image = torch.cat([image, new])
        # Growing steps, so that checking for convergence costs less than the products.
        check_at = len(basis) + max(2 * block if exhausted else block, len(basis) // 16)
        projected = (basis @ image.T).double()
        values, mixing = torch.linalg.eigh((projected + projected.T) / 2)
        largest = values.abs().max()
        values, mixing = values.flip(0)[:keep], mixing.flip(1)[:, :keep].T.to(like)
        vectors = mixing @ basis
        residual = (mixing @ image - values[:, None].to(like) * vectors).norm(dim=1).max()
        settled = residual <= tolerance * largest
        if exhausted:  # new directions may have more of the same eigenvalues
            moved = torch.inf if before is None else (values - before).abs().max()
            settled = settled and moved <= tolerance * largest
        if settled or len(basis) == d:
            return values, vectors
        before = values


def _directions(new: torch.Tensor, basis: torch.Tensor, randoms: Callable):
    """Directions (vector, d), orthonormal and orthogonal to the basis, and whether all of `new`
    were new. Random vectors replace those that, up to rounding, already lie in the span of the
    basis."""
    size = new.norm(dim=1, keepdim=True)
    new = new - (new @ basis.T) @ basis
    is_new = new.norm(dim=1, keepdim=True) > 1e-4 * size
    new = torch.where(is_new, new / size, randoms())[: basis.shape[1] - len(basis)]
    for _ in range(3):  # once is not enough in finite precision
        new = new - (new @ basis.T) @ basis
        new = torch.linalg.qr(new.T)[0].T
    return new, is_new.all()


def deflated_probes(
    products: Products, values: torch.Tensor, vectors: torch.Tensor, seed: int, probes: int = 16
) -> tuple[float, float, float]:
    """Hutchinson estimates of the trace and the asymmetry of J, without forming it.

    The part of the trace due to leading eigenvectors is exact; random signs orthogonal to them
    estimate the rest (Hutch++; Meyer, Musco, Musco & Woodruff, 2021).

    Returns: tr J, its standard error, and |J - J^T| / |J + J^T| (Frobenius).
    """
    generator = torch.Generator().manual_seed(seed)
    signs = torch.randint(2, (probes, vectors.shape[1]), generator=generator).to(vectors) * 2 - 1
    rest = signs - (signs @ vectors.T) @ vectors
    forward, transposed = products.forward(signs).double(), products.transposed(signs).double()
    # Orthogonal to the eigenvectors, the rest r of a probe s has <r, J r> = <r, (J + J^T) s> / 2.
    tail = (rest * (forward + transposed)).sum(1) / 2
    return (
        float(values.sum() + tail.mean()),
        float(tail.std() / probes**0.5),
        _ratio((forward - transposed).norm(), (forward + transposed).norm()),
    )


@dataclasses.dataclass
class Eigenbasis:
    """The eigenbasis of a denoiser at one noisy image.

    shrinkage: (rank,), eigenvalues lambda_k of (J + J^T) / 2, decreasing.
    vectors: (rank, channel, y, x), orthonormal eigenvectors e_k.
    clean_coefficients, noisy_coefficients: (rank,), <x, e_k> and <y, e_k>.
    denoised: (channel, y, x), f(y).
    trace: tr J, the effective dimension.
    trace_error: standard error of the trace; 0 where it is exact.
    asymmetry: |J - J^T| / |J + J^T| (Frobenius).
    linearity: |J y - f(y)| / |f(y)|, 0 for a bias-free network.
    sure, squared_error: SURE and |f(y) - x|^2, sums over pixels.
    """

    shrinkage: np.ndarray
    vectors: np.ndarray
    clean_coefficients: np.ndarray
    noisy_coefficients: np.ndarray
    denoised: np.ndarray
    trace: float
    trace_error: float
    asymmetry: float
    linearity: float
    sure: float
    squared_error: float


@torch.no_grad()
def eigenbasis(
    denoiser,
    clean: torch.Tensor,
    noisy: torch.Tensor,
    sigma: float,
    keep: int | None = None,
    chunk: int | None = None,
    seed: int = 0,
) -> Eigenbasis:
    """The eigenbasis of `denoiser` at `noisy` = `clean` + sigma z, both (channel, y, x).

    The denoiser computes in the images' precision; the dense decomposition is in float64. The sign
    of an eigenvector is such that its largest entry is positive.

    Args:
        denoiser: f, called denoiser(y, sigma).
        sigma: the noise level.
        keep: number of leading eigenpairs, from products with J and J^T alone, with estimates of
            the trace and the asymmetry; None computes all from the dense Jacobian.
        chunk: products with J or J^T computed at a time, which bounds the memory.
        seed: seed of the random vectors of the matrix-free method.

    Raises:
        ValueError: `keep` is not in [1, d].
    """
    d = noisy.numel()
    if keep is not None and not 1 <= keep <= d:
        raise ValueError(f"keep = {keep} eigenpairs must be between 1 and the {d} pixels")
    products = Products(denoiser, noisy, sigma, chunk)
    value = products.value
    x, y, denoised = (a.double().flatten() for a in (clean, noisy, value))
    if keep is None:
        matrix = products.dense().double()
        del products  # frees memory for the decomposition
        applied = matrix @ y
        values, vectors, asymmetry = _decomposed(matrix)
        trace, trace_error = float(values.sum()), 0.0
    else:
        values, vectors = leading_eigenpairs(products.symmetric, noisy, keep, seed)
        trace, trace_error, asymmetry = deflated_probes(products, values, vectors, seed)
        applied, vectors = products.forward(noisy[None])[0].double(), vectors.double()
    vectors = vectors * vectors.gather(1, vectors.abs().argmax(1, keepdim=True)).sign()
    return Eigenbasis(
        shrinkage=values.cpu().numpy(),
        vectors=_images(vectors, clean),
        clean_coefficients=(vectors @ x).cpu().numpy(),
        noisy_coefficients=(vectors @ y).cpu().numpy(),
        denoised=value.cpu().numpy(),
        trace=trace,
        trace_error=trace_error,
        asymmetry=asymmetry,
        linearity=_ratio((applied - denoised).norm(), denoised.norm()),
        sure=float(2 * sigma**2 * trace + (denoised - y).square().sum() - sigma**2 * d),
        squared_error=float((denoised - x).square().sum()),
    )


def _decomposed(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, float]:
    """Eigenvalues (rank,), decreasing, and eigenvectors (rank, d) of the symmetric part of J, and
    the asymmetry of J. Overwrites the matrix."""
    asymmetry = _ratio((matrix - matrix.T).norm(), (matrix + matrix.T).norm())
    values, vectors = torch.linalg.eigh(matrix.add_(matrix.T.clone()).div_(2))
    return values.flip(0), vectors.flip(1).T, asymmetry


def _ratio(part: torch.Tensor, whole: torch.Tensor) -> float:
    """part / whole, two norms; 0 if both are 0."""
    return float(part / whole) if part else 0.0


def _images(vectors: torch.Tensor, like: torch.Tensor) -> np.ndarray:
    """(vector, d) -> (vector, channel, y, x)."""
    return vectors.reshape(-1, *like.shape).cpu().numpy()
