"""A denoiser of the user's own: what a function of theirs returns."""

import importlib
import os
import sys

from torch import nn


class FromFunction(nn.Module):
    """A module made by a function elsewhere, as a network that predicts the noise.

    Args:
        function: "module:name", importable or in the working directory; it is called without
            arguments and returns an nn.Module on (image, channel, y, x).
        predicts: what that module returns, "denoised" f(y) or "noise" y - f(y).
        needs_sigma: it is called (y, sigma), sigma a number, and not (y).

    Raises:
        ImportError, AttributeError: there is no such function.
        TypeError: it returns no nn.Module.
    """

    def __init__(self, function: str, predicts: str, needs_sigma: bool):
        super().__init__()
        name, _, attribute = function.partition(":")
        if os.getcwd() not in sys.path:
            # At the end, so that a file of the user's hides no library.
            sys.path.append(os.getcwd())
        self.network = getattr(importlib.import_module(name), attribute)()
        if not isinstance(self.network, nn.Module):
            raise TypeError(f"{function} returned {type(self.network).__name__}, no nn.Module")
        self.predicts, self.needs_sigma = predicts, needs_sigma

    def forward(self, y, *sigma):
        predicted = self.network(y, *sigma)
        return predicted if self.predicts == "noise" else y - predicted


build = FromFunction
