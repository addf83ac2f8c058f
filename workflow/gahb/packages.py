"""Packages that come with an extra, as `pip install gahb[workflow]`, and that a part needs."""

import importlib


class Needed:
    """Stands for a package, which is imported when it is first used.

    Args:
        name: of the package or a module of it.
        extra: of gahb, with which it is installed.

    Its attributes are those of the package. Raises ImportError if that is not installed, and says
    what installs it.
    """

    def __init__(self, name: str, extra: str = "workflow"):
        self._name, self._extra = name, extra

    def __getattr__(self, attribute: str):
        try:
            module = importlib.import_module(self._name)
        except ImportError as error:
            raise ImportError(
                f"{error}; this part of gahb needs it: pip install 'gahb[{self._extra}]'"
            ) from error
        return getattr(module, attribute)
