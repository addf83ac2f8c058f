"""The numbers of a study: what its stores measure, and tables of them.

PSNRs are means in dB over the noise levels between which slopes are fitted; medians are over the
samples of which neither network's diverged.
"""

import csv
from collections.abc import Iterable
from pathlib import Path

import xarray as xr

from gahb import store
from gahb.theory import fitted_slope

#: Digits after the point of what is no cosine, part or slope; these have three.
DIGITS = {"dimension": 1, "loss": 5} | dict.fromkeys(
    ["train_psnr", "test_psnr", "best_test_psnr", "gap", "noisy_psnr", "denoised_psnr"], 2
)


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


def median(cosines: xr.DataArray) -> dict:
    """Median of a variable of similarity.zarr, for the network of each side."""
    each = cosines.median([dim for dim in cosines.dims if dim != "side"])
    return {f"{cosines.name}_{side}": float(each.sel(side=side)) for side in ("S1", "S2")}


def counts(similarity: xr.Dataset) -> dict:
    """How many samples there are of each network, and how many are left out."""
    return {
        "samples": similarity.sizes["sample"],
        "diverged": int(similarity.diverged.sum()),
    }


def basis(basis: xr.Dataset) -> dict:
    """Effective dimension and asymmetry, means over images and noise levels of eigenbasis.zarr."""
    return {"dimension": float(basis.trace.mean()), "asymmetry": float(basis.asymmetry.mean())}


def write(rows: list[dict], path: str | Path, columns: Iterable[str] = ()) -> None:
    """A table with a line for each row, as CSV; by default with the columns of the first row."""
    with store.whole(path) as partial, open(partial, "w", newline="") as file:
        writer = csv.DictWriter(file, list(columns) or list(rows[0]))
        writer.writeheader()
        writer.writerows({name: _written(name, row[name]) for name in row} for row in rows)


def _written(name: str, value) -> str:
    return f"{value:.{DIGITS.get(name, 3)}f}" if isinstance(value, float) else value
