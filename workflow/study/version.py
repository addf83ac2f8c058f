"""Which Snakemake the workflow is tested with."""

import importlib.metadata
import re

TESTED = (9, 27)


def unknown_snakemake() -> list[str]:
    """A warning if this is another Snakemake than the ones that the workflow is tested with."""
    found = importlib.metadata.version("snakemake")
    major, minor = map(int, re.match(r"(\d+)\.(\d+)", found).groups())
    if major == TESTED[0] and minor >= TESTED[1]:
        return []
    return [
        f"Snakemake {found} is installed; this workflow is tested with {TESTED[0]}.{TESTED[1]} and "
        f"later versions of {TESTED[0]}"
    ]
