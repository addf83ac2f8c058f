"""The basis in which a denoiser shrinks: eigendecomposition of its Jacobian (section 1, figure 3).

A bias-free network is locally linear, f(y) = J(y) y. With J close to symmetric,

    f(y) = sum_k lambda_k(y) <y, e_k(y)> e_k(y),

shrinkage by lambda_k in an orthonormal basis adapted to y. tr J = sum_k lambda_k is the effective
dimension, and SURE = 2 sigma^2 tr J + |y - f(y)|^2 - sigma^2 d estimates |f(y) - x|^2.
"""

import dataclasses

import numpy as np
import torch


def jacobian(denoiser, y: torch.Tensor, chunk: int = 64) -> torch.Tensor:
    """Dense Jacobian of `denoiser` at one image by reverse mode, `chunk` rows at a time.

    Args:
        denoiser: f on (image, channel, y, x).
        y: one image (channel, y, x).
        chunk: rows computed together; bounds the memory.

    Returns: (d, d), d = y.numel(); entry (i, j) is df_i / dy_j.
    """
    value, pullback = torch.func.vjp(lambda image: denoiser(image[None])[0], y)
    d = value.numel()
    rows = torch.empty(d, d, dtype=y.dtype, device=y.device)
    for start in range(0, d, chunk):
        stop = min(start + chunk, d)
        cotangents = torch.zeros(stop - start, d, dtype=y.dtype, device=y.device)
        cotangents[torch.arange(stop - start), torch.arange(start, stop)] = 1
        (block,) = torch.func.vmap(pullback)(cotangents.reshape(-1, *value.shape))
        rows[start:stop] = block.reshape(stop - start, d)
    return rows


@dataclasses.dataclass
class Eigenbasis:
    """How a denoiser treats one noisy image.

    shrinkage: (rank,), eigenvalues lambda_k of (J + J^T) / 2, decreasing.
    vectors: (rank, channel, y, x), orthonormal eigenvectors e_k.
    clean_coefficients, noisy_coefficients: (rank,), <x, e_k> and <y, e_k>.
    denoised: (channel, y, x), f(y).
    trace: tr J, the effective dimension.
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
    asymmetry: float
    linearity: float
    sure: float
    squared_error: float


def eigenbasis(
    denoiser, clean: torch.Tensor, noisy: torch.Tensor, sigma: float, chunk: int = 64
) -> Eigenbasis:
    """The eigenbasis of `denoiser` at `noisy` = `clean` + sigma z, both (channel, y, x).

    The denoiser computes in the images' precision; the decomposition is in float64. The sign of an
    eigenvector is such that its largest entry is positive.
    """
    matrix = jacobian(denoiser, noisy, chunk).double()
    with torch.no_grad():
        denoised = denoiser(noisy[None])[0].double()
    x, y = clean.double().flatten(), noisy.double().flatten()
    values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
    values, vectors = values.flip(0), vectors.flip(1)
    peak = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
    vectors = vectors * peak.sign()
    trace = float(values.sum())
    residual = denoised.flatten() - y
    return Eigenbasis(
        shrinkage=values.cpu().numpy(),
        vectors=vectors.T.reshape(-1, *clean.shape).cpu().numpy(),
        clean_coefficients=(vectors.T @ x).cpu().numpy(),
        noisy_coefficients=(vectors.T @ y).cpu().numpy(),
        denoised=denoised.cpu().numpy(),
        trace=trace,
        asymmetry=float((matrix - matrix.T).norm() / (matrix + matrix.T).norm()),
        linearity=float((matrix @ y - denoised.flatten()).norm() / denoised.norm()),
        sure=float(2 * sigma**2 * trace + residual.square().sum() - sigma**2 * y.numel()),
        squared_error=float((denoised.flatten() - x).square().sum()),
    )
