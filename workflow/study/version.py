"""Which Snakemake the workflow is tested with."""

import importlib.metadata

from packaging.specifiers import SpecifierSet

TESTED = SpecifierSet(">=9.27,<10")


def unknown_snakemake() -> list[str]:
    """A warning if this is another Snakemake than the ones that the workflow is tested with."""
    found = importlib.metadata.version("snakemake")
    if found in TESTED:
        return []
    return [f"Snakemake {found} is installed; this workflow is tested with versions {TESTED}"]
