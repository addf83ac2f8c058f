"""The user's own closed form: a function of the training images.

It returns a torch.nn.Module that is called (y, sigma), sigma a number. The module is made again in
each job that uses it, and gets the parameters and buffers of the first time.
"""

import torch
from torch import nn

from gahb.denoisers.levels import Sigma, apart, several
from gahb.functions import made_by
from gahb.images import Members, to_float

#: Key under which the name of the function is kept, as bytes.
NAME = "closed_form"


class Own(nn.Module):
    """The user's module, called separately for each noise level.

    Args:
        module: (y, sigma) -> f(y), (image, channel, y, x), sigma a number.
    """

    blind = False

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module

    def forward(self, y: torch.Tensor, sigma: Sigma) -> torch.Tensor:
        if not several(sigma):
            return self.module(y, float(sigma))
        return apart(lambda part, _, level: self.module(part, level), y, sigma, sigma)


def fit(training: Members, *, closed_form: str) -> dict[str, torch.Tensor]:
    """Parameters and buffers of the module that the function returns, and its name.

    Args:
        training: the training set, passed to the function: it has a length, and a slice of it gives
            images (image, channel, y, x), bytes or floats in [0, 1].
        closed_form: "module:name", importable or in the working directory.

    Raises:
        ImportError, AttributeError, TypeError: as `gahb.functions.made_by`.
        ValueError: the module's output does not have the shape of its input.
    """
    module = made_by(closed_form, {"training": training})
    y = to_float(torch.as_tensor(training[:1]))
    found = module(y, 0.1)
    if found.shape != y.shape or not found.isfinite().all():
        raise ValueError(
            f"{closed_form} makes images of shape {tuple(y.shape)} into {tuple(found.shape)}, or "
            "into numbers that are not finite"
        )
    name = torch.tensor(list(closed_form.encode()), dtype=torch.uint8)
    return {NAME: name, **module.state_dict()}


def build(tensors: dict[str, torch.Tensor], training: Members) -> Own:
    state = dict(tensors)
    closed_form = bytes(state.pop(NAME).tolist()).decode()
    module = made_by(closed_form, {"training": training})
    module.load_state_dict(state)
    return Own(module)
