"""The user's own denoiser, as returned by a function."""

from torch import nn

from gahb.denoisers.imported.conventions import (
    PARAMETRIZATIONS,
    SCHEDULES,
    Adapted,
    Convention,
)
from gahb.functions import made_by


def build(
    function: str,
    arguments: dict | None = None,
    parametrization: str | None = None,
    predicts: str | None = None,
    needs_sigma: bool | None = None,
    range: tuple[float, float] = (0, 1),
    schedule: str | list[float] | None = None,
    repeat_channels: int = 1,
) -> Adapted:
    """The module returned by the user's function, as a network that predicts the noise.

    Args:
        function, arguments: as `gahb.functions.made_by` takes them.
        parametrization: a key of PARAMETRIZATIONS.
        predicts, needs_sigma: in place of a parametrization: a value of PREDICTIONS, and whether
            the module is called (y, sigma), with sigma a number, rather than (y).
        range: the module's values for black and white.
        schedule: for a module that is told a step: "linear", "cosine" or A_t for each step; None
            takes the module's own `alphas_cumprod`.
        repeat_channels: how many times the channel of gray images is repeated for the module.

    Raises:
        ImportError, AttributeError, TypeError: as `made_by`.
        ValueError: a module that is told a step has no schedule.
    """
    module = made_by(function, arguments)
    if parametrization:
        told, predicts = PARAMETRIZATIONS[parametrization]
    else:
        told = "number" if needs_sigma else "nothing"
    steps = _steps(module, schedule, function) if told == "step" else None
    convention = Convention(told, predicts, tuple(range), steps, repeat_channels)
    return Adapted(module, convention, function)


def _steps(module: nn.Module, schedule, function: str) -> tuple[float, ...]:
    """A_t for each step t."""
    if isinstance(schedule, str):
        return SCHEDULES[schedule]()
    found = getattr(module, "alphas_cumprod", None) if schedule is None else schedule
    if found is None:
        raise ValueError(
            f"{function}: which noise is in step t? Give `schedule: linear` (DDPM), `schedule: "
            "cosine`, or return a module with the attribute `alphas_cumprod`"
        )
    return tuple(float(a) for a in found)
