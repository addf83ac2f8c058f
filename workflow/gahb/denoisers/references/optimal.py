"""The optimum: E[x | y] under the distribution that the images are from, where it is known.

It knows no training image, so that it is the same for all sizes N and subsets. `gahb.truths` says
of each source what is exact.
"""

import importlib
import inspect
from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from gahb.images import Members
from gahb.truths import truth


def fit(
    training: Members,
    known: Mapping,
    *,
    steps: int = 300,
    chains: int = 2,
    contour: str | None = None,
) -> dict[str, torch.Tensor]:
    """The arguments of the truth, each named source.argument.

    Args:
        training: not used.
        known: the data set's `source`, its options and what its images.zarr knows.
        steps, chains: of each chain and for each image, where the mean is found by Monte Carlo.
        contour: "known" for the oracle that is told the contour of C^alpha images.

    Raises:
        ValueError: the images have no contour.
    """
    source, given = known["source"], {**known, "steps": steps, "chains": chains}
    takes = inspect.signature(truth(source)).parameters
    kept = {name: np.asarray(given[name]) for name in takes if name in given}
    tensors = {f"{source}.{name}": torch.from_numpy(value) for name, value in kept.items()}
    if contour:
        if source != "calpha":
            raise ValueError(f"contour: found {contour!r}; {source} images have no contour")
        tensors["calpha.told"] = torch.tensor(True)
    return tensors


def build(tensors: dict[str, torch.Tensor], training: Members) -> nn.Module:
    (source,) = {name.split(".")[0] for name in tensors}
    given = {name.split(".")[1]: tensor for name, tensor in tensors.items()}
    told = given.pop("told", False)
    found = truth(source)(**{k: v if v.ndim else v.item() for k, v in given.items()})
    return importlib.import_module("gahb.truths.calpha").Told(found) if told else found
