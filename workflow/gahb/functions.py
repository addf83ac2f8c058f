"""Modules of the user's own: what a function of theirs returns."""

import importlib
import os
import sys

from torch import nn


def made_by(function: str, arguments: dict | None = None) -> nn.Module:
    """The module that a function elsewhere returns.

    Args:
        function: "module:name", importable or in the working directory; it returns an nn.Module on
            (image, channel, y, x).
        arguments: of the function, by name.

    Raises:
        ImportError, AttributeError: there is no such function.
        TypeError: it takes no such arguments, or does not return an nn.Module.
    """
    name, _, attribute = function.partition(":")
    if os.getcwd() not in sys.path:
        # At the end, so that a file of the user's hides no library.
        sys.path.append(os.getcwd())
    made = getattr(importlib.import_module(name), attribute)(**(arguments or {}))
    if not isinstance(made, nn.Module):
        raise TypeError(f"{function} returned {type(made).__name__}, which is not an nn.Module")
    return made
