"""Options of references with a value for each noise level."""

import math
from collections.abc import Mapping

import torch

from gahb.denoisers.levels import Sigma, several


class Refused(ValueError):
    """A value of an option for which a reference is undefined on these images."""


def kept(option: float | Mapping[float, float]) -> dict[str, torch.Tensor]:
    """Noise levels (level,) and values (level,) of an option: one for all, or {sigma: value}."""
    values = option if isinstance(option, Mapping) else {1.0: option}
    return {
        "levels": torch.tensor(list(values), dtype=torch.float32),
        "values": torch.tensor(list(values.values()), dtype=torch.float32),
    }


def nearest(levels: torch.Tensor, sigma: Sigma) -> torch.Tensor:
    """Index of the level nearest to sigma on a logarithmic scale: a scalar, or (image,)."""
    logs = sigma.to(levels).log() if several(sigma) else levels.new_tensor(math.log(sigma))
    return (levels.log() - logs[..., None]).abs().argmin(-1)
