"""Figure 5: disks, a family of five parameters, which the network does not denoise optimally.

The optimum projects on the five tangent vectors: mean squared error 5 sigma^2 / d, slope 1. The
network's slope is lower and its basis has more vectors, harmonics on and around the disk.
"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from gahb.figures import parts, style
from gahb.theory import fitted_slope, projection_psnr

#: Dimension of the family: centre (2), radius and two intensities.
DIMENSION = 5
ROWS, COLUMNS = 2, 8


@style.sheet()
def draw(curves: xr.Dataset, basis: xr.Dataset, slope_range: tuple[float, float]) -> Figure:
    """PSNR curve beside the optimum, shrinkage factors and leading eigenvectors.

    Args:
        curves: psnr.zarr.
        basis: eigenbasis.zarr; the first image and noise level are shown.
        slope_range: input PSNRs in dB between which the slope is fitted.
    """
    one = basis.isel(image=0, sigma=0).compute()
    below = parts.mosaic_height(style.PAGE, COLUMNS, ROWS, parts.NOTE)
    figure = Figure((style.PAGE, 2.2 + below))
    top, bottom = figure.subfigures(2, 1, height_ratios=[2.2, below])
    images, left, right = top.subplots(1, 3, width_ratios=[0.35, 1, 1])
    parts.mosaic(images, [[tile] for tile in parts.denoising(one)], space=parts.NOTE)

    curve = parts.mean_psnr(curves, "test")
    slope, error = fitted_slope(curve.input_psnr, curve, *slope_range)
    optimum = projection_psnr(10 ** (-curve.input_psnr / 20), DIMENSION, one.sizes["rank"])
    parts.psnr_panel(left, [(curve, {"label": f"network, slope {slope:.3f} ± {error:.3f}"})])
    left.plot(curve.input_psnr, optimum, "--", color="black", label=r"$5 \sigma^2 / d$, slope 1")
    left.legend(loc="lower right")
    parts.shrinkage_panel(right, [(one, {})])
    right.axvline(DIMENSION, color="black", linestyle="--", linewidth=0.8)
    kept = int((one.shrinkage > 0.5).sum())
    right.set_title(rf"$\lambda_k > 1/2$ for {kept} ranks; $\sum_k \lambda_k = {one.trace:.1f}$")

    ranks = np.arange(1, ROWS * COLUMNS + 1).reshape(ROWS, COLUMNS)
    rows = [parts.eigenvectors(one, row) for row in ranks]
    parts.mosaic(bottom.subplots(), rows, space=parts.NOTE)
    return figure
