"""Figure 3: what a denoiser does to one image, in the basis that it adapts to it.

Shrinkage factors and coefficients both decay fast; eigenvectors oscillate along contours and inside
uniform regions.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gahb import measured
from gahb.figures import parts, style

#: Most images shown, each in a block of its own.
IMAGES = 3
EIGENVECTORS = 10


@style.sheet()
def draw(basis: xr.Dataset) -> Figure:
    """Images, shrinkage factors, coefficients and eigenvectors, for each of the first images.

    Args:
        basis: eigenbasis.zarr; the first noise level is shown.
    """
    basis = basis.isel(sigma=0)
    count = min(basis.sizes["image"], IMAGES)
    below = parts.mosaic_height(style.PAGE, EIGENVECTORS, 1)
    figure = Figure((style.PAGE, count * (1.7 + below)))
    for i, block in enumerate(np.atleast_1d(figure.subfigures(count, 1))):
        top, bottom = block.subfigures(2, 1, height_ratios=[1.7, below])
        images, factors, coefficients = top.subplots(1, 3, width_ratios=[1.25, 1, 1])
        one = basis.isel(image=i)
        parts.mosaic(images, [parts.denoising(one)])
        parts.shrinkage_panel(factors, [(one, {})])
        coefficient_panel(coefficients, one)
        ranks = parts.spread_ranks(one, EIGENVECTORS)
        parts.mosaic(bottom.subplots(), [parts.eigenvectors(one, ranks)])
    return figure


def coefficient_panel(ax: Axes, basis: xr.Dataset) -> None:
    """Sizes of the coefficients of the clean image against rank, beside the noise level."""
    ax.loglog(basis["rank"], np.abs(basis.clean_coefficients), ".", color="C1", markersize=2)
    sigma = float(basis.sigma)
    ax.axhline(sigma, label=rf"$\sigma = {sigma:g}$", **parts.REFERENCE)
    ax.legend(loc="upper right")
    ax.set(xlabel="rank $k$", ylabel=r"coefficient $|\langle x, e_k \rangle|$")


def numbers(basis: xr.Dataset) -> list[dict]:
    """PSNRs, effective dimension and factors above 1, for each image shown."""
    rows = []
    for i in range(min(basis.sizes["image"], IMAGES)):
        one = basis.isel(sigma=0, image=i)
        rows.append(
            {
                "image": int(one.image),
                "noisy_psnr": parts.psnr(one.noisy, one.clean),
                "denoised_psnr": parts.psnr(one.denoised, one.clean),
                "above_1": int((one.shrinkage > 1).sum()),
                **measured.basis(one),
            }
        )
    return rows
