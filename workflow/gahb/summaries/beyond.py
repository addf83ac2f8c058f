"""Summary of beyond.zarr for a pair: medians over samples, with their intervals."""

import math

import numpy as np
import xarray as xr

from gahb.summaries.tables import bounded, over_seeds


def beyond(measured: xr.Dataset) -> dict:
    """`beyond` and its null `beyond_null`, for pairs only, and the `share` of the first network.

    There are no numbers if most samples diverged: the others say nothing.
    """
    found = {"beyond": "beyond_median", "beyond_null": "null_median"}
    medians = {name: measured[of].values for name, of in found.items() if of in measured}
    medians["share"] = measured.share_median[0].values
    if 2 * int(measured.diverged.sum()) > measured.sizes["sample"]:
        medians = dict.fromkeys(medians, np.full(3, math.nan))
    return {k: v for name, median in medians.items() for k, v in bounded(name, median).items()}


def over_seeds_of(pairs: list[xr.Dataset]) -> dict:
    """`beyond` over pairs that differ only in their seed; empty for no pairs."""
    return over_seeds([beyond(one) for one in pairs]) if pairs else {}


def ceiling(same: list[xr.Dataset]) -> dict:
    """The ceiling of `beyond`: its value for networks trained on the same images.

    Args:
        same: beyond.zarr of pairs that differ only in their seed; if none, there is no number.
    """
    each = [{"beyond_ceiling": beyond(one)["beyond"]} for one in same]
    return over_seeds(each) if same else {}
