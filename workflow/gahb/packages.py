"""Optional packages, installed with an extra such as `pip install gahb[workflow]`."""

import importlib


class Needed:
    """Placeholder of a package, which is imported when it is first used.

    Args:
        name: name of the package or one of its modules.
        extra: extra of gahb that installs it.

    Its attributes are those of the package. Raises ImportError if the package is missing, with the
    command that installs it.
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
