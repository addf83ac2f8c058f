"""The optimum: E[x | y] under the distribution of the images, where it is known.

It knows no training image and is thus the same for all sizes N and subsets. `denoisers.optima` says
for each source what is exact.
"""

import importlib
import inspect
from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from gahb.images import Members


def fit(
    training: Members,
    distribution: Mapping,
    *,
    steps: int = 300,
    chains: int = 2,
    contour: str | None = None,
) -> dict[str, torch.Tensor]:
    """The arguments of the optimum, named source.argument.

    Args:
        training: not used.
        distribution: the data set's `source`, its options and the arrays of its images.zarr.
        steps, chains: steps of each chain, and chains for each image, where the mean is found by
            Monte Carlo.
        contour: "known" for the oracle that is told the contour of C^alpha images.

    Raises:
        ValueError: the images have no contour.
    """
    source, given = distribution["source"], {**distribution, "steps": steps, "chains": chains}
    takes = inspect.signature(_optimum(source)).parameters
    kept = {name: np.asarray(given[name]) for name in takes if name in given}
    tensors = {f"{source}.{name}": torch.from_numpy(value) for name, value in kept.items()}
    if contour:
        if source != "calpha":
            raise ValueError(f"contour: found {contour!r}; {source} images have no contour")
        tensors["calpha.contour_known"] = torch.tensor(True)
    return tensors


def build(tensors: dict[str, torch.Tensor], training: Members) -> nn.Module:
    (source,) = {name.split(".")[0] for name in tensors}
    given = {name.split(".")[1]: tensor for name, tensor in tensors.items()}
    contour_known = given.pop("contour_known", False)
    optimum = _optimum(source)(**{k: v if v.ndim else v.item() for k, v in given.items()})
    if contour_known:
        return importlib.import_module("gahb.denoisers.optima.calpha").ContourKnown(optimum)
    return optimum


def _optimum(source: str) -> type:
    # Only the requested module is imported: a job depends on no other optimum's code.
    return getattr(importlib.import_module(f"gahb.denoisers.optima.{source}"), source.capitalize())
