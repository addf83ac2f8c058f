"""Figure 5: disks, a family of five parameters, which the network does not denoise optimally.

The optimum projects on the five tangent vectors: mean squared error 5 sigma^2 / d, slope 1. The
network's slope is lower and its basis has more vectors, harmonics on and around the disk.
"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from gahb import measured
from gahb.figures import parts, style
from gahb.theory import fitted_slope, projection_psnr

#: Dimension of the family: centre (2), radius and two intensities.
DIMENSION = 5
#: In each of two rows.
EIGENVECTORS = 8


@style.sheet()
def draw(curves: xr.Dataset, basis: xr.Dataset, slope_range: tuple[float, float]) -> Figure:
    """PSNR curve beside the optimum, shrinkage factors and leading eigenvectors.

    Args:
        curves: psnr.zarr.
        basis: eigenbasis.zarr; the image of most contrast is shown, at the first noise level.
        slope_range: input PSNRs in dB between which the slope is fitted.
    """
    one = _shown(basis)
    below = parts.mosaic_height(style.PAGE, 1 + EIGENVECTORS, 2, parts.NOTE)
    figure = Figure((style.PAGE, 2.2 + below))
    top, bottom = figure.subfigures(2, 1, height_ratios=[2.2, below])
    left, right = top.subplots(1, 2)

    curve = parts.mean_psnr(curves, "test")
    slope, error = fitted_slope(curve.input_psnr, curve, *slope_range)
    parts.psnr_panel(left, [(curve, {"label": f"network, slope {slope:.3f} ± {error:.3f}"})])
    optimum = projection_psnr(10 ** (-curve.input_psnr / 20), DIMENSION, one.clean.size)
    left.plot(curve.input_psnr, optimum, "--", color="black", label=r"$5 \sigma^2 / d$, slope 1")
    left.legend(loc="upper left")

    parts.shrinkage_panel(right, [(one, {})])
    right.axvline(DIMENSION, color="black", linestyle="--", linewidth=0.8)
    right.set_title(rf"$\lambda_k > 1/2$ for {_kept(one)} ranks; tr $J$ = {float(one.trace):.1f}")

    first, second = np.arange(1, 2 * EIGENVECTORS + 1).reshape(2, -1)
    rows = [
        [(parts.photo(one.clean), "clean"), *parts.eigenvectors(one, first)],
        [(parts.photo(one.noisy), "noisy"), *parts.eigenvectors(one, second)],
    ]
    parts.mosaic(bottom.subplots(), rows, space=parts.NOTE)
    return figure


def _shown(basis: xr.Dataset) -> xr.Dataset:
    # Disk and background may have almost the same intensity.
    contrast = basis.clean.std(("channel", "y", "x")).values
    return basis.isel(image=contrast.argmax(), sigma=0)


def _kept(one: xr.Dataset) -> int:
    return int((one.shrinkage > 0.5).sum())


def numbers(curves: xr.Dataset, basis: xr.Dataset, slope_range) -> list[dict]:
    """PSNRs and slope, and how many dimensions are kept of the image shown."""
    one = _shown(basis)
    return [measured.curves(curves, *slope_range) | {"kept": _kept(one)} | measured.basis(one)]
