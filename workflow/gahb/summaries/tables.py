"""Tables of a study's numbers: a row for each denoiser and training set size.

NAME_low and NAME_high bound 95 % intervals over images or samples (`gahb.statistics`) or, for
several seeds, are the smallest and the largest value.
"""

import csv
import math
import statistics
from collections.abc import Iterable
from pathlib import Path

from gahb import store

#: Digits after the point for numbers other than cosines, fractions and slopes, which have three.
DIGITS = (
    {"dimension": 1, "loss": 5, "tau_gen": 0, "tau_mem": 0}
    | dict.fromkeys(
        [
            "train_psnr",
            "test_psnr",
            "best_test_psnr",
            "gap",
            "noisy_psnr",
            "denoised_psnr",
            "oracle_dct",
            "oracle_wavelet",
            "oracle_own",
            "optimum",
        ],
        2,
    )
    | {f"{which}_{name}": 6 for which in ("train", "test") for name in ("mse", "null", "expected")}
    | dict.fromkeys(["kl", "kl_between", "memory", "trace", "scaled_error", "flipd"], 1)
    | dict.fromkeys([f"coefficients_{b}" for b in ("own", "others", "dct", "wavelet")], 1)
)
#: Beginnings of the names of numbers that are missing if most samples diverged.
OF_SAMPLES = ("between", "ceiling", "closest", "memorized", "at_risk", "scale")
#: Numbers that do not depend on the seed of a training.
SAME = {"N", "sigma", "alpha", "minimax_slope", "image", "images", "images_seen", "noisy_psnr"} | {
    "samples",
    "closest_pair",
    "nearest_pair",
    "input_psnr",
    "optimum",
    "optimum_slope",
    "rhat",
    "optimum_error",
    "oracle_dct",
    "oracle_wavelet",
    "coefficients_dct",
    "coefficients_wavelet",
    "decay_dct",
    "decay_wavelet",
}


def over_seeds(rows: list[dict]) -> dict:
    """The medians of rows that differ only in their seed, in one row.

    Each median NAME comes with NAME_low and NAME_high, the smallest and the largest value. With n
    seeds this interval holds the median of infinitely many with probability 1 - 2^(1-n): it misses
    it only if all n lie on the same side. NaNs are left out. One row alone stays as it is.
    """
    if len(rows) == 1:
        return rows[0]
    found = {}
    for name in rows[0]:
        if name.endswith(("_low", "_high")):  # intervals over samples, replaced by those over seeds
            continue
        values = [row.get(name, math.nan) for row in rows]
        if name in SAME:
            found[name] = values[0]
        else:
            values = [value for value in values if not math.isnan(value)] or [math.nan]
            found[name] = statistics.median(values)
            found |= {f"{name}_low": min(values), f"{name}_high": max(values)}
    return found


def bounded(name: str, interval) -> dict:
    """An estimate with the bounds of its interval, if it has any."""
    estimate, low, high = map(float, interval)
    bounds = {} if math.isnan(low) else {f"{name}_low": low, f"{name}_high": high}
    return {name: estimate, **bounds}


def write(rows: list[dict], path: str | Path, columns: Iterable[str] = ()) -> None:
    """Write a line for each row, as CSV; by default with the columns that any row has."""
    with store.atomic(path) as partial, open(partial, "w", newline="") as file:
        names = list(columns) or list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows({name: _written(name, row[name]) for name in row} for row in rows)


def _written(name: str, value) -> str:
    if isinstance(value, float) and math.isnan(value):
        return "most diverged" if name.startswith(OF_SAMPLES) else ""
    name = name.removesuffix("_low").removesuffix("_high")
    digits = 2 if name.startswith(("below_", "above_")) else DIGITS.get(name, 3)
    return f"{value:.{digits}f}" if isinstance(value, float) else value
