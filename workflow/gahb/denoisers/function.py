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

    forward: (image, channel, y, x) -> same shape. Raises ValueError if the gradient of y is asked
        for and there is none.
    """

    def __init__(self, function: str, predicts: str, needs_sigma: bool):
        super().__init__()
        name, _, attribute = function.partition(":")
        if os.getcwd() not in sys.path:
            # At the end, so that a file of the user's hides no library.
            sys.path.append(os.getcwd())
        self.network = getattr(importlib.import_module(name), attribute)()
        if not isinstance(self.network, nn.Module):
            raise TypeError(f"{function} returned {type(self.network).__name__}, not an nn.Module")
        self.function, self.predicts, self.needs_sigma = function, predicts, needs_sigma

    def forward(self, y, *sigma):
        predicted = self.network(y, *sigma)
        if y.requires_grad and not predicted.requires_grad:
            raise ValueError(
                f"{self.function} returns something without a gradient with respect to y, which a "
                "Jacobian needs: does it detach y, or compute under no_grad?"
            )
        return predicted if self.predicts == "noise" else y - predicted


build = FromFunction
