"""Options of references that have a value for each noise level."""

import math
from collections.abc import Mapping

import torch


def kept(option: float | Mapping[float, float]) -> dict[str, torch.Tensor]:
    """Noise levels (level,) and values (level,) of an option: one for all, or {sigma: value}."""
    values = option if isinstance(option, Mapping) else {1.0: option}
    return {
        "levels": torch.tensor(list(values), dtype=torch.float32),
        "values": torch.tensor(list(values.values()), dtype=torch.float32),
    }


def nearest(levels: torch.Tensor, sigma: float) -> int:
    """Place of the level that is nearest to sigma in its logarithm."""
    return int((levels.log() - math.log(sigma)).abs().argmin())
