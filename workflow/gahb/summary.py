"""The numbers of a study: what its stores measure, and tables of them.

PSNRs are means in dB over the noise levels between which slopes are fitted; medians are over the
samples of which neither network's diverged.
"""

import csv
import math
import statistics
from collections.abc import Iterable
from pathlib import Path

import torch
import xarray as xr

from gahb import store
from gahb.psnr import psnr
from gahb.theory import fitted_slope

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
    slope, error = fitted_slope(curves.input_psnr, mean.sel(set="test"), low, high)
    return {
        "train_psnr": train,
        "test_psnr": test,
        "gap": train - test,
        "slope": slope,
        "slope_error": error,
    }


def similarity(similarity: xr.Dataset) -> dict:
    """Median cosines, the part of samples that is memorized, and how many samples diverged."""
    return {
        "between": float(similarity.between.median()),
        **median(similarity.closest),
        "memorized": float(similarity.memorized.mean()),
        **counts(similarity),
    }


def ceiling(same: list[xr.Dataset]) -> dict:
    """What `between` can reach: the median cosine between networks trained on the same images.

    Args:
        same: similarity.zarr of pairs that differ in their seed alone; if none, there is no number.
    """
    return over_seeds([{"ceiling": float(s.between.median())} for s in same]) if same else {}


def median(cosines: xr.DataArray) -> dict:
    """Median of a variable of similarity.zarr, for the network of each subset."""
    each = cosines.median([dim for dim in cosines.dims if dim != "subset"])
    return {f"{cosines.name}_{s}": float(each.sel(subset=s)) for s in ("S1", "S2")}


def counts(similarity: xr.Dataset) -> dict:
    """How many samples there are of each network, and how many are left out."""
    return {
        "samples": similarity.sizes["sample"],
        "diverged": int(similarity.diverged.sum()),
    }


def basis(basis: xr.Dataset) -> dict:
    """Effective dimension and asymmetry, means over images and noise levels of eigenbasis.zarr."""
    return {"dimension": float(basis.trace.mean()), "asymmetry": float(basis.asymmetry.mean())}


def denoising(basis: xr.Dataset) -> dict:
    """PSNRs in dB of one image of eigenbasis.zarr at one noise level, noisy and denoised."""
    clean, noisy, denoised = (
        torch.from_numpy(basis[name].values)[None] for name in ("clean", "noisy", "denoised")
    )
    return {"noisy_psnr": float(psnr(noisy, clean)), "denoised_psnr": float(psnr(denoised, clean))}


def write(rows: list[dict], path: str | Path, columns: Iterable[str] = ()) -> None:
    """A table with a line for each row, as CSV; by default with the columns of the first row."""
    with store.atomic(path) as partial, open(partial, "w", newline="") as file:
        writer = csv.DictWriter(file, list(columns) or list(rows[0]))
        writer.writeheader()
        writer.writerows({name: _written(name, row[name]) for name in row} for row in rows)


def _written(name: str, value) -> str:
    name = name.removesuffix("_low").removesuffix("_high")
    return f"{value:.{DIGITS.get(name, 3)}f}" if isinstance(value, float) else value
