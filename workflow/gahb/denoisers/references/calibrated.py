"""Options of references that have a value for each noise level."""

import math
from collections.abc import Mapping

import torch

from gahb.denoisers.levels import Sigma, several


class Refused(ValueError):
    """A value of an option with which a reference is not what it says on these images."""


def kept(option: float | Mapping[float, float]) -> dict[str, torch.Tensor]:
    """Noise levels (level,) and values (level,) of an option: one for all, or {sigma: value}."""
    values = option if isinstance(option, Mapping) else {1.0: option}
    return {
        "levels": torch.tensor(list(values), dtype=torch.float32),
        "values": torch.tensor(list(values.values()), dtype=torch.float32),
    }


def nearest(levels: torch.Tensor, sigma: Sigma) -> torch.Tensor:
    """Place of the level that is nearest to sigma in its logarithm: a scalar, or (image,)."""
    logs = sigma.to(levels).log() if several(sigma) else levels.new_tensor(math.log(sigma))
    return (levels.log() - logs[..., None]).abs().argmin(-1)
