"""Disks: the tangent space of their five-dimensional family, and eigenvectors outside it.

tangent = |T V^T|^2 / 5, with T an orthonormal basis of the derivatives of the generator by its five
parameters at the clean image, and V the five leading eigenvectors: the mean squared cosine of the
principal angles, 1 if they span the tangent space. outside_tangent = 1 - sum_k lambda_k |T e_k|^2 /
sum_k lambda_k, the part of the eigenvalues outside it.
"""

import numpy as np
import xarray as xr

from gahb.datasets.disks import parameters, render

FIELDS = {
    "tangent_cosine": (
        ("angle",),
        "cosine of a principal angle between the five leading eigenvectors and the tangent space",
    ),
    "tangent": ((), "mean squared cosine of these angles"),
    "tangent_null": (("draw",), "tangent, of the tangent spaces of other disks"),
    "outside_tangent": ((), "part of the leading eigenvalues that is outside the tangent space"),
    "angular_order": (("rank",), "oscillations around the centre of the disk"),
    "angular_share": (("rank",), "part of the energy around the centre that has this order"),
}
#: Dimension of the family, and step of the finite differences, in sides.
DIMENSION, STEP = 5, 1e-3
#: Highest order that is resolved.
ORDERS = 8


def geometry(data: xr.Dataset, index: np.ndarray, seed: int) -> np.ndarray:
    """Parameters of the disks, (image, 5), drawn again from the seed of the images."""
    return parameters(seed, index)


def tangents(values: np.ndarray, side: int) -> np.ndarray:
    """Orthonormal basis of the tangent space at the disk of these parameters: (5, y, x).

    The contrast only scales derivatives by the geometry, so they are taken at contrast 1.
    """
    at = np.append(values[:3], [1, 0])
    moved = [
        render([at + STEP * axis, at - STEP * axis], side)[:, 0].astype(float)
        for axis in np.eye(DIMENSION)[:3]
    ]
    disk = render([at], side)[0].astype(float)
    derivatives = np.concatenate([[(up - down) for up, down in moved], disk, 1 - disk])
    return np.linalg.svd(derivatives.reshape(DIMENSION, -1), full_matrices=False)[2].reshape(
        DIMENSION, side, side
    )


def measured(vectors, eigenvalues, own: np.ndarray, others: np.ndarray) -> dict[str, np.ndarray]:
    """The fields above, for gray images."""
    side = vectors.shape[-1]
    flat, weights = vectors.reshape(len(vectors), -1), np.maximum(eigenvalues, 0)
    spaces = np.array([tangents(each, side).reshape(DIMENSION, -1) for each in (own, *others)])
    inner = spaces @ flat.T
    leading = inner[..., :DIMENSION]
    cosines = np.linalg.svd(leading[0], compute_uv=False).clip(0, 1)
    tangent = np.square(leading).sum((1, 2)) / DIMENSION
    order, share = angular_orders(vectors, own[:2])
    return {
        "tangent_cosine": np.pad(cosines, (0, DIMENSION - len(cosines))),
        "tangent": tangent[0],
        "tangent_null": tangent[1:],
        "outside_tangent": 1 - (np.square(inner[0]).sum(0) @ weights) / (weights.sum() or 1),
        "angular_order": order,
        "angular_share": share,
    }


def angular_orders(vectors: np.ndarray, centre) -> tuple[np.ndarray, np.ndarray]:
    """The order m of each vector with the most energy in a Fourier series around the center, and
    its fraction of the energy of all orders: both (vector,).

    Energies are summed over rings a pixel wide that lie entirely inside the image.

    Args:
        vectors: (vector, channel, y, x).
        centre: row and column of the center, in sides.
    """
    side = vectors.shape[-1]
    y, x = np.mgrid[:side, :side] + 0.5 - side * np.reshape(centre, (2, 1, 1))
    ring, angle = np.hypot(y, x).round().astype(int), np.arctan2(y, x)
    rings = int(min(side * np.minimum(centre, 1 - np.array(centre))))
    energy = np.zeros((ORDERS + 1, len(vectors)))
    for r in range(1, rings + 1):
        on = ring == r
        # A ring of n pixels resolves fewer than n / 2 orders.
        for m in range(min(ORDERS, (on.sum() - 1) // 2) + 1):
            wave = np.exp(1j * m * angle[on]) / np.sqrt(on.sum())
            squares = np.square(np.abs(vectors[..., on] @ wave)).sum(1)
            energy[m] += squares * (2 if m else 1)
    whole = energy.sum(0)
    return energy.argmax(0).astype(float), energy.max(0) / np.where(whole > 0, whole, 1)
