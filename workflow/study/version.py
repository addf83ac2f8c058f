"""The Snakemake versions with which the workflow is tested."""

import importlib.metadata

from packaging.specifiers import SpecifierSet

TESTED = SpecifierSet(">=9.27,<10")


def unknown_snakemake() -> list[str]:
    """A warning if the workflow is not tested with this version of Snakemake."""
    found = importlib.metadata.version("snakemake")
    if found in TESTED:
        return []
    return [f"Snakemake {found} is installed; this workflow is tested with versions {TESTED}"]
