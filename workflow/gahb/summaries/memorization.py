"""Summary of similarity.zarr: memorization and agreement.

Medians are over the samples for which neither network diverged.
"""

import math

import numpy as np
import xarray as xr

from gahb import statistics
from gahb.summaries.tables import bounded, over_seeds


def similarity(similarity: xr.Dataset) -> dict:
    """Median cosines, the fraction of memorized samples, and the number of diverged samples.

    There are no numbers if most samples diverged: the others say nothing. A single network has no
    `between`, and is trained on S1.
    """
    found, measured = counts(similarity), {}
    most = 2 * found["diverged"] > found["samples"]
    # In pixels and, with an embedding, in its features.
    for by in [by for by in ("", "_embedded") if f"closest{by}" in similarity]:
        between, memorized = f"between{by}", f"memorized{by}"
        if between in similarity:
            cosines = similarity[between]
            middle = (math.nan,) * 3 if most else statistics.median(cosines)
            measured |= bounded(between, middle)
        measured |= median(similarity[f"closest{by}"])
        # One network only: the two of a pair often make the same image, which counts once.
        judged = similarity[memorized].isel(subset=0).values
        part = (math.nan,) * 3 if most else statistics.fraction(judged[~np.isnan(judged)])
        measured |= bounded(memorized, part)
    return {**measured, "scale": math.nan if most else float(similarity.scale.median()), **found}


def risk(each: list[xr.Dataset]) -> dict:
    """Whether networks of one training set size are at risk of memorizing: `at_risk`, yes or no.
    Empty without held-out images, which show how often the rule is wrong.

    A network is at risk if the 95 % interval (Wilson's) of its memorized fraction lies above the
    fraction of held-out images that the same rule calls memorized. One seed at risk is enough. If
    no held-out image is called memorized, a single memorized sample means risk: an error on the
    safe side.

    Args:
        each: similarity.zarr of each seed; NaN if most samples of all diverged.
    """
    if not all("false_positives" in one for one in each):
        return {}
    found = []
    for one in each:
        memorized = one.memorized.isel(subset=0).values
        if not _most_diverged(memorized):
            low = statistics.fraction(memorized[~np.isnan(memorized)])[1]
            found.append(low > float(one.false_positives[0, 0]))
    return {"at_risk": ("no", "yes")[any(found)] if found else math.nan}


def ceiling(same: list[xr.Dataset]) -> dict:
    """The ceiling of `between`: the median cosine between networks trained on the same images.

    Args:
        same: similarity.zarr of pairs that differ only in their seed; if none, there is no number.
    """
    between = [s.between.values for s in same]
    medians = [math.nan if _most_diverged(b) else float(np.nanmedian(b)) for b in between]
    return over_seeds([{"ceiling": value} for value in medians]) if same else {}


def _most_diverged(values: np.ndarray) -> bool:
    """Whether most values are NaN, as for diverged samples: then the others say nothing."""
    return bool(2 * np.isnan(values).sum() > np.size(values))


def median(cosines: xr.DataArray) -> dict:
    """Median of a variable of similarity.zarr for the network of each subset; NaN if most samples
    diverged."""
    found = {}
    for subset in cosines.subset.values:
        values, name = cosines.sel(subset=subset).values, f"{cosines.name}_{subset}"
        if _most_diverged(values):
            found[name] = math.nan
            continue
        # Patches of one sample are not independent: no interval.
        of_samples = values.ndim == 1
        found |= (
            bounded(name, statistics.median(values))
            if of_samples
            else {name: float(np.nanmedian(values))}
        )
    return found


def counts(similarity: xr.Dataset) -> dict:
    """Number of samples of each network, and of those left out."""
    return {
        "samples": similarity.sizes["sample"],
        "diverged": int(similarity.diverged.sum()),
    }


def counted(similarity: xr.Dataset) -> tuple[int, int, int]:
    """Numbers of the first network's samples that are memorized, that ended, and that diverged."""
    memorized = similarity.memorized.isel(subset=0)
    ended = int(memorized.notnull().sum())
    return int(memorized.sum()), ended, memorized.size - ended
