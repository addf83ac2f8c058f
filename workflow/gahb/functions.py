"""The user's own modules, returned by a function."""

import importlib
import os
import sys

from torch import nn


def made_by(function: str, arguments: dict | None = None) -> nn.Module:
    """The module returned by the user's function.

    Args:
        function: "module:name", importable or in the working directory; it returns an nn.Module on
            (image, channel, y, x).
        arguments: arguments of the function, by name.

    Raises:
        ImportError, AttributeError: there is no such function.
        TypeError: it takes no such arguments, or does not return an nn.Module.
    """
    name, _, attribute = function.partition(":")
    if os.getcwd() not in sys.path:
        # At the end, so that a user's file hides no library.
        sys.path.append(os.getcwd())
    made = getattr(importlib.import_module(name), attribute)(**(arguments or {}))
    if not isinstance(made, nn.Module):
        raise TypeError(f"{function} returned {type(made).__name__}, which is not an nn.Module")
    return made
