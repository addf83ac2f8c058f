"""Summary of harmonics.zarr, for tables and figures.

Values are averaged over noise levels. NAME_p is the fraction of the null, including the measured
value, that is at least as large: for `harmonic` the same bases with their pixels permuted (small
for localized vectors, too), `signs_p` with random signs of their pixels (small for waves, not for
localized noise), and `mixed_p` with their vectors mixed (small for frequencies or places of their
own, not for smoothness), whose mean is `harmonic_mixed`; for `adaptive` images with each other's
bases; for `near`, `along` and `tangent` the geometry of other images.
"""

import math

import numpy as np
import xarray as xr

from gahb import statistics as intervals
from gahb.harmonics import adaptivity
from gahb.summaries.tables import bounded

#: Maximum number of permutations that give images each other's bases, and their seed.
DRAWS, SEED = 99, 0
#: Ranks after the tangent space of disks whose angular order counts.
BESIDE = slice(5, 15)


def measures(measured: xr.Dataset) -> dict:
    """Means over images with their intervals and p-values, for the available measures."""
    found = _tested(measured, "harmonic", measured.harmonic_null.sel(null="permuted"))
    for name in ("signs", "mixed"):
        null = measured.harmonic_null.sel(null=name).mean(("image", "sigma"))
        found[f"{name}_p"] = intervals.p_value(float(measured.harmonic.mean()), null)
    found["harmonic_mixed"] = float(null.mean())
    found["rising"] = float(measured.rising.mean())
    value, null = adaptive(measured)
    found |= {"adaptive": value, "adaptive_p": intervals.p_value(value, null)}
    for name in ("near", "along", "tangent"):
        if name in measured:
            found |= _tested(measured, name, measured[f"{name}_null"])
    if "outside_tangent" in measured:
        outside = intervals.mean(measured.outside_tangent.mean("sigma"))
        found |= bounded("outside_tangent", outside)
        found["angular_order"] = float(measured.angular_order.isel(rank=BESIDE).median())
    return {name: value for name, value in found.items() if not math.isnan(value)}


def adaptive(measured: xr.Dataset) -> tuple[float, np.ndarray]:
    """`adaptive` and its null (draw,), NaN for a single image."""
    counts = measured.coefficients.transpose("sigma", "of", "image").values
    value = np.mean([adaptivity.adaptive(each) for each in counts])
    return float(value), np.mean([adaptivity.swapped(each, DRAWS, SEED) for each in counts], 0)


def coefficients(measured: xr.Dataset) -> dict:
    """Mean numbers of coefficients that hold 95 % of an image in its own basis, the bases of other
    images and fixed ones; and exponents of the decay in its own basis and fixed ones."""
    counts = measured.coefficients.transpose("sigma", "of", "image").values
    same = np.eye(counts.shape[1], dtype=bool)
    found = {"coefficients_own": counts[:, same].mean(), "decay_own": measured.decay.mean()}
    if len(same) > 1:
        found["coefficients_others"] = counts[:, ~same].mean()
    for name in measured.fixed.values:
        for number in ("coefficients", "decay"):
            found[f"{number}_{name}"] = measured[f"{number}_fixed"].sel(fixed=name).mean()
    return {name: float(value) for name, value in found.items() if not math.isnan(value)}


def one_image(measured: xr.Dataset, image: int) -> dict:
    """`harmonic` and numbers of coefficients for one image, at the first noise level."""
    at = int(np.flatnonzero(measured.image.values == image)[0])
    one = measured.isel(sigma=[0])
    chosen = one.isel(image=[at])
    value = chosen.harmonic.item()
    found = {"harmonic": value}
    for name, null in (("harmonic", "permuted"), ("signs", "signs"), ("mixed", "mixed")):
        draws = chosen.harmonic_null.sel(null=null).squeeze()
        found[f"{name}_p"] = intervals.p_value(value, draws)
    counts = one.coefficients.isel(image=at, sigma=0).values
    found["coefficients_own"] = float(counts[at])
    if len(counts) > 1:
        found["coefficients_others"] = float(np.delete(counts, at).mean())
    for name in chosen.fixed.values:
        found[f"coefficients_{name}"] = float(chosen.coefficients_fixed.sel(fixed=name).squeeze())
    return {name: value for name, value in found.items() if not math.isnan(value)}


def _tested(measured: xr.Dataset, name: str, null: xr.DataArray) -> dict:
    """A measure with its interval over images, and its p-value."""
    value = measured[name].mean("sigma")
    p = intervals.p_value(float(value.mean()), null.mean(("image", "sigma")))
    return bounded(name, intervals.mean(value)) | {f"{name}_p": p}
