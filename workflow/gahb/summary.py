"""The numbers of a study: what its stores measure, and tables of them.

PSNRs are means in dB over the noise levels between which slopes are fitted; medians are over the
samples of which neither network's diverged. NAME_low and NAME_high bound 95 % intervals over images
or samples (`gahb.statistics`) or, of several seeds, are the smallest and the largest.
"""

import csv
import math
import statistics
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from gahb import statistics as intervals
from gahb import store
from gahb.psnr import psnr

#: Digits after the point of what is no cosine, part or slope; these have three.
DIGITS = {"dimension": 1, "loss": 5} | dict.fromkeys(
    ["train_psnr", "test_psnr", "best_test_psnr", "gap", "noisy_psnr", "denoised_psnr"], 2
)
#: What the seed of a training does not change.
SAME = {"N", "alpha", "minimax_slope", "image", "images", "images_seen", "noisy_psnr"} | {
    "samples", "closest_pair", "nearest_pair",
}  # fmt: skip


def over_seeds(rows: list[dict]) -> dict:
    """The medians of rows that differ in their seed alone, in one row.

    Beside each median NAME stand NAME_low and NAME_high, the smallest and the largest value. With n
    seeds this interval holds the median of infinitely many with probability 1 - 2^(1-n): it misses
    it only if all n lie on the same side. NaNs are left out. One row alone stays as it is.
    """
    if len(rows) == 1:
        return rows[0]
    found = {}
    for name in rows[0]:
        if name.endswith(("_low", "_high")):  # over samples, which those over seeds replace
            continue
        values = [row[name] for row in rows]
        if name in SAME:
            found[name] = values[0]
        else:
            values = [value for value in values if not math.isnan(value)] or [math.nan]
            found[name] = statistics.median(values)
            found |= {f"{name}_low": min(values), f"{name}_high": max(values)}
    return found


def curves(curves: xr.Dataset, low: float, high: float) -> dict:
    """Train and test PSNR, their gap, and the slope of the test curve, from psnr.zarr.

    Args:
        curves: the store.
        low, high: input PSNRs in dB between which the slope is fitted.
    """
    inside = (curves.input_psnr >= low - 1e-6) & (curves.input_psnr <= high + 1e-6)
    mean = curves.psnr.mean("image")
    train, test = (float(mean.sel(set=s)[inside.values].mean()) for s in ("train", "test"))
    test_curves = curves.psnr.sel(set="test").transpose("sigma", "image")
    slope = intervals.slope(curves.input_psnr, test_curves, low, high)
    found = {"train_psnr": train, "test_psnr": test, "gap": train - test}
    return found | _bounded("slope", slope)


def _bounded(name: str, interval) -> dict:
    """An estimate with the bounds of its interval, where it has any."""
    estimate, low, high = map(float, interval)
    bounds = {} if math.isnan(low) else {f"{name}_low": low, f"{name}_high": high}
    return {name: estimate, **bounds}


def similarity(similarity: xr.Dataset) -> dict:
    """Median cosines, the part of samples that is memorized, and how many samples diverged.

    Where most samples diverged the others say nothing: there are no numbers of them.
    """
    found = counts(similarity)
    names = ["between", "closest_S1", "closest_S2", "memorized", "scale"]
    if 2 * found["diverged"] > found["samples"]:
        return dict.fromkeys(names, math.nan) | found
    # Of one network: those of a pair often make the same image, so that two count no more than one.
    memorized = similarity.memorized.isel(subset=0).values
    return {
        **_bounded("between", intervals.median(similarity.between)),
        **median(similarity.closest),
        **_bounded("memorized", intervals.fraction(memorized[~np.isnan(memorized)])),
        "scale": float(similarity.scale.median()),
        **found,
    }


def ceiling(same: list[xr.Dataset]) -> dict:
    """What `between` can reach: the median cosine between networks trained on the same images.

    Args:
        same: similarity.zarr of pairs that differ in their seed alone; if none, there is no number.
    """
    return over_seeds([{"ceiling": float(s.between.median())} for s in same]) if same else {}


def median(cosines: xr.DataArray) -> dict:
    """Median of a variable of similarity.zarr, for the network of each subset."""
    found = {}
    for subset in ("S1", "S2"):
        values, name = cosines.sel(subset=subset).values, f"{cosines.name}_{subset}"
        # Patches of one sample are not independent: no interval.
        of_samples = values.ndim == 1
        found |= (
            _bounded(name, intervals.median(values))
            if of_samples
            else {name: float(np.nanmedian(values))}
        )
    return found


def counts(similarity: xr.Dataset) -> dict:
    """How many samples there are of each network, and how many are left out."""
    return {
        "samples": similarity.sizes["sample"],
        "diverged": int(similarity.diverged.sum()),
    }


def basis(basis: xr.Dataset) -> dict:
    """Effective dimension and asymmetry, means over images and noise levels of eigenbasis.zarr."""
    traces = basis.trace.mean("sigma") if "sigma" in basis.trace.dims else basis.trace
    dimension = _bounded("dimension", intervals.mean(np.atleast_1d(traces)))
    return dimension | {"asymmetry": float(basis.asymmetry.mean())}


def denoising(basis: xr.Dataset) -> dict:
    """PSNRs in dB of one image of eigenbasis.zarr at one noise level, noisy and denoised."""
    clean, noisy, denoised = (
        torch.from_numpy(basis[name].values)[None] for name in ("clean", "noisy", "denoised")
    )
    return {"noisy_psnr": float(psnr(noisy, clean)), "denoised_psnr": float(psnr(denoised, clean))}


def write(rows: list[dict], path: str | Path, columns: Iterable[str] = ()) -> None:
    """A table with a line for each row, as CSV; by default with the columns that any row has."""
    with store.atomic(path) as partial, open(partial, "w", newline="") as file:
        names = list(columns) or list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows({name: _written(name, row[name]) for name in row} for row in rows)


def _written(name: str, value) -> str:
    if isinstance(value, float) and math.isnan(value):
        return "most diverged"
    name = name.removesuffix("_low").removesuffix("_high")
    return f"{value:.{DIGITS.get(name, 3)}f}" if isinstance(value, float) else value
