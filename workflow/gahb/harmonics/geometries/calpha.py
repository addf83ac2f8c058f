"""Along the geometry: where eigenvectors of C^alpha images lie, and how they oscillate there.

The contour is a line through the rows at which the background changes. Within 1.5 pixels of it,

near = fraction of the energy sum_k lambda_k e_k^2 there / fraction of the pixels there, along = sum
lambda_k (t . grad e_k)^2 / sum lambda_k |grad e_k|^2,

with t the tangent of the contour there: 1/2 where they vary along it as much as across it.
"""

import numpy as np
import scipy.ndimage
import xarray as xr

FIELDS = {
    "near": ((), "energy of eigenvectors within 1.5 pixels of the contour, over that of others"),
    "near_null": (("draw",), "near, of the contours of other images"),
    "along": ((), "part of the gradient near the contour that is along it"),
    "along_null": (("draw",), "along, of the contours of other images"),
}
#: Pixels from the contour, and the standard deviation of the Gaussian that smooths its normal,
#: since rows are integers.
NEAR, SMOOTH = 1.5, 1.5


def geometry(data: xr.Dataset, index: np.ndarray, seed: int) -> np.ndarray:
    """Contours as in images.zarr: rows (image, x)."""
    return data.contour.isel(image=index).values


def distance(contour: np.ndarray) -> np.ndarray:
    """Distance of each pixel from the contour (x,), below it positive: (y, x), in pixels.

    The box that antialiases the edge moves the row of column x to x + 1/2.
    """
    side = len(contour)
    rows = np.concatenate([contour[:1], contour]).astype(float)
    columns = np.concatenate([[-0.5], np.arange(side) + 0.5])
    pixels = np.stack(np.mgrid[:side, :side], -1).reshape(-1, 1, 2).astype(float)
    corners = np.stack([rows, columns], 1)
    start, step = corners[:-1], np.diff(corners, axis=0)
    part = ((pixels - start) * step).sum(-1) / np.square(step).sum(-1)
    closest = start + part.clip(0, 1)[..., None] * step
    found = np.sqrt(np.square(pixels - closest).sum(-1).min(1)).reshape(side, side)
    line = np.interp(np.arange(side), columns, rows)
    return np.where(np.arange(side)[:, None] >= line, found, -found)


def measured(vectors, eigenvalues, own: np.ndarray, others: np.ndarray) -> dict[str, np.ndarray]:
    """The fields above; NaN if a contour lies outside the image."""
    weights = np.maximum(eigenvalues, 0)
    energy = np.tensordot(weights, np.square(vectors).sum(1), 1)
    dy, dx = np.gradient(vectors.astype(float), axis=(-2, -1))
    moments = [np.tensordot(weights, (a * b).sum(1), 1) for a, b in ((dy, dy), (dy, dx), (dx, dx))]
    found = np.array([_at(contour, energy, moments) for contour in (own, *others)]).T
    return {
        name: values
        for each, name in zip(found, ("near", "along"), strict=True)
        for name, values in ((name, each[0]), (f"{name}_null", each[1:]))
    }


def _at(contour, energy: np.ndarray, moments: list[np.ndarray]) -> tuple[float, float]:
    """near and along of one contour."""
    signed = distance(contour)
    band = np.abs(signed) <= NEAR
    if not band.any():
        return np.nan, np.nan
    normal = np.array(np.gradient(scipy.ndimage.gaussian_filter(signed, SMOOTH, mode="nearest")))
    ny, nx = normal / np.maximum(np.sqrt(np.square(normal).sum(0)), 1e-12)
    yy, yx, xx = moments
    along = (nx * nx * yy - 2 * nx * ny * yx + ny * ny * xx)[band].sum()
    whole = (yy + xx)[band].sum()
    return energy[band].mean() / energy.mean(), along / whole if whole else np.nan
