"""Summary of eigenbasis.zarr for a denoiser."""

import math

import numpy as np
import xarray as xr

from gahb import statistics
from gahb.decibels import LEAST
from gahb.summaries.tables import bounded


def basis(basis: xr.Dataset) -> dict:
    """Effective dimension and asymmetry, means over images and noise levels."""
    traces = basis.trace.mean("sigma") if "sigma" in basis.trace.dims else basis.trace
    dimension = bounded("dimension", statistics.mean(np.atleast_1d(traces)))
    return dimension | {"asymmetry": float(basis.asymmetry.mean())}


def denoising(basis: xr.Dataset) -> dict:
    """PSNRs in dB of one image of eigenbasis.zarr at one noise level, noisy and denoised."""
    found = {}
    for name in ("noisy", "denoised"):
        error = float(np.square(basis[name].values - basis.clean.values).mean())
        found[f"{name}_psnr"] = -10 * math.log10(max(error, LEAST))
    return found
