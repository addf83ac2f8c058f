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
import xarray as xr

from gahb import statistics as intervals
from gahb import store
from gahb.theory import LEAST
from gahb.theory import optimum as optima

#: Digits after the point of what is not a cosine, fraction or slope; these have three.
DIGITS = (
    {"dimension": 1, "loss": 5, "tau_gen": 0, "tau_mem": 0}
    | dict.fromkeys(
        ["train_psnr", "test_psnr", "best_test_psnr", "gap", "noisy_psnr", "denoised_psnr",
         "oracle_dct", "oracle_wavelet", "oracle_own", "optimum"], 2
    )
    | {f"{which}_{name}": 6 for which in ("train", "test") for name in ("mse", "null", "expected")}
    | dict.fromkeys(["kl", "kl_between", "memory", "trace", "scaled_error", "flipd"], 1)
    | dict.fromkeys([f"coefficients_{b}" for b in ("own", "others", "dct", "wavelet")], 1)
)  # fmt: skip
#: What the seed of a training does not change.
SAME = {"N", "sigma", "alpha", "minimax_slope", "image", "images", "images_seen", "noisy_psnr"} | {
    "samples", "closest_pair", "nearest_pair", "input_psnr", "optimum", "optimum_slope", "rhat",
    "optimum_error", "oracle_dct", "oracle_wavelet", "coefficients_dct", "coefficients_wavelet",
    "decay_dct", "decay_wavelet",
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
        values = [row.get(name, math.nan) for row in rows]
        if name in SAME:
            found[name] = values[0]
        else:
            values = [value for value in values if not math.isnan(value)] or [math.nan]
            found[name] = statistics.median(values)
            found |= {f"{name}_low": min(values), f"{name}_high": max(values)}
    return found


def curves(curves: xr.Dataset, low: float, high: float) -> dict:
    """Train and test PSNR, their gap, and the slope of the test curve, from psnr.zarr.

    Where no image is a training image, only those of the test set.

    Args:
        curves: the store.
        low, high: input PSNRs in dB between which the slope is fitted.
    """
    inside = (curves.input_psnr >= low - 1e-6) & (curves.input_psnr <= high + 1e-6)
    mean = curves.psnr.mean("image")
    between = {s: float(mean.sel(set=s)[inside.values].mean()) for s in mean.set.values}
    test_curves = curves.psnr.sel(set="test").transpose("sigma", "image")
    slope = intervals.slope(curves.input_psnr, test_curves, low, high)
    found = {f"{name}_psnr": value for name, value in between.items()}
    if "train" in between:
        found["gap"] = between["train"] - between["test"]
    return found | bounded("slope", slope)


def optimum(curves: xr.Dataset, optimum: xr.Dataset, low: float, high: float) -> dict:
    """What psnr.zarr of the optimum says of psnr.zarr of a denoiser of the same noisy images.

    `optimum` is the denoiser's test PSNR between input PSNRs of low and high dB and its mean
    distance there; `optimum_slope` the optimum's slope there, if it has three levels;
    `optimum_error` by how many dB the exact one may be higher, at most over the levels, and `rhat`
    whether its chains agree, if it has any.
    """
    best, own = optima.on_test_set(optimum), optima.on_test_set(curves)
    between = slice(low - 1e-6, high + 1e-6)
    inside, gap = (
        best.sel(input_psnr=between),
        optima.below(curves, optimum).sel(input_psnr=between),
    )
    # The optimum's images are few: their mean distance is far surer than their mean PSNR.
    found = {"optimum": float(own.sel(input_psnr=between).mean() + gap.mean())} if gap.size else {}
    if inside.sizes["input_psnr"] > 2:
        slope = intervals.slope(best.input_psnr, best, low, high)
        found |= bounded("optimum_slope", slope)
    if "rhat" in optimum:
        found["optimum_error"] = float(optima.above_measured(optimum).max())
        found["rhat"] = optima.rhat(optimum)
    return found | below_optimum(curves, optimum)


def below_optimum(curves: xr.Dataset, optimum: xr.Dataset, levels=optima.LEVELS) -> dict:
    """Mean dB below the optimum at those input PSNRs that both have, all of them if None."""
    below = optima.below(curves, optimum)
    return {
        name: value
        for p in below.input_psnr.values
        if levels is None or p in levels
        for name, value in bounded(
            f"below_optimum_{p:g}", intervals.mean(below.sel(input_psnr=p))
        ).items()
    }


def bounded(name: str, interval) -> dict:
    """An estimate with the bounds of its interval, where it has any."""
    estimate, low, high = map(float, interval)
    bounds = {} if math.isnan(low) else {f"{name}_low": low, f"{name}_high": high}
    return {name: estimate, **bounds}


def similarity(similarity: xr.Dataset) -> dict:
    """Median cosines, the part of samples that is memorized, and how many samples diverged.

    Where most samples diverged the others say nothing: there are no numbers of them. One network
    alone has no `between`, and is of S1.
    """
    found, measured = counts(similarity), {}
    most = 2 * found["diverged"] > found["samples"]
    # By pixels and, with an embedding, by its features.
    for by in [by for by in ("", "_embedded") if f"closest{by}" in similarity]:
        between, memorized = f"between{by}", f"memorized{by}"
        if between in similarity:
            cosines = similarity[between]
            measured |= {between: math.nan} if most else bounded(between, intervals.median(cosines))
        measured |= median(similarity[f"closest{by}"])
        # Of one network: two of a pair often make the same image, which counts once.
        judged = similarity[memorized].isel(subset=0).values
        part = (math.nan,) * 3 if most else intervals.fraction(judged[~np.isnan(judged)])
        measured |= bounded(memorized, part)
    return {**measured, "scale": math.nan if most else float(similarity.scale.median()), **found}


def risk(each: list[xr.Dataset]) -> dict:
    """Whether networks of one training set size are at risk of memorizing: `at_risk`, yes or no.

    At risk is one whose memorized part has a 95 % interval (Wilson's) above the part of held-out
    images that the same rule takes for memorized. One seed at risk is enough. A single memorized
    sample is, too, where no held-out image is taken for one: an error on the safe side.

    Args:
        each: similarity.zarr of each seed; NaN if most samples of all diverged.
    """
    found = []
    for one in each:
        memorized = one.memorized.isel(subset=0).values
        if not _most_diverged(memorized):
            low = intervals.fraction(memorized[~np.isnan(memorized)])[1]
            found.append(low > float(one.false_positives[0, 0]))
    return {"at_risk": ("no", "yes")[any(found)] if found else math.nan}


def ceiling(same: list[xr.Dataset]) -> dict:
    """What `between` can reach: the median cosine between networks trained on the same images.

    Args:
        same: similarity.zarr of pairs that differ in their seed alone; if none, there is no number.
    """
    between = [s.between.values for s in same]
    medians = [math.nan if _most_diverged(b) else float(np.nanmedian(b)) for b in between]
    return over_seeds([{"ceiling": value} for value in medians]) if same else {}


def _most_diverged(values: np.ndarray) -> bool:
    """Whether most are NaN, as numbers of diverged samples are: the others say nothing."""
    return bool(2 * np.isnan(values).sum() > np.size(values))


def median(cosines: xr.DataArray) -> dict:
    """Median of a variable of similarity.zarr, for the network of each subset; NaN where most
    samples diverged."""
    found = {}
    for subset in cosines.subset.values:
        values, name = cosines.sel(subset=subset).values, f"{cosines.name}_{subset}"
        if _most_diverged(values):
            found[name] = math.nan
            continue
        # Patches of one sample are not independent: no interval.
        of_samples = values.ndim == 1
        found |= (
            bounded(name, intervals.median(values))
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
    dimension = bounded("dimension", intervals.mean(np.atleast_1d(traces)))
    return dimension | {"asymmetry": float(basis.asymmetry.mean())}


def denoising(basis: xr.Dataset) -> dict:
    """PSNRs in dB of one image of eigenbasis.zarr at one noise level, noisy and denoised."""
    found = {}
    for name in ("noisy", "denoised"):
        error = float(np.square(basis[name].values - basis.clean.values).mean())
        found[f"{name}_psnr"] = -10 * math.log10(max(error, LEAST))
    return found


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
    digits = 2 if name.startswith("below_") else DIGITS.get(name, 3)
    return f"{value:.{digits}f}" if isinstance(value, float) else value
