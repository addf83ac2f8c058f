"""Summary of psnr.zarr for a denoiser.

PSNRs are means in dB over the noise levels between which slopes are fitted.
"""

import xarray as xr

from gahb import statistics
from gahb.summaries.tables import bounded


def curves(curves: xr.Dataset, low: float, high: float) -> dict:
    """Train and test PSNR, their gap, and the slope of the test curve, from psnr.zarr.

    If there are no training images, only values on the test set.

    Args:
        curves: the store.
        low, high: input PSNRs in dB between which the slope is fitted.
    """
    inside = (curves.input_psnr >= low - 1e-6) & (curves.input_psnr <= high + 1e-6)
    mean = curves.psnr.mean("image")
    between = {s: float(mean.sel(set=s)[inside.values].mean()) for s in mean.set.values}
    test_curves = curves.psnr.sel(set="test").transpose("sigma", "image")
    slope = statistics.slope(curves.input_psnr, test_curves, low, high)
    found = {f"{name}_psnr": value for name, value in between.items()}
    if "train" in between:
        found["gap"] = between["train"] - between["test"]
    return found | bounded("slope", slope)
