"""Paths of data sets at which there is nothing."""

import os
from collections.abc import Container

from study.entries import root
from study.files import is_url


def _missing(config: dict) -> dict[str, str]:
    """The missing path of each data set in the studies that are run."""
    studies = [config["studies"][study] for study in config["run"] or config["studies"]]
    roots = dict(root(config, dataset) for study in studies for dataset in study["datasets"])
    paths = {name: entry["path"] for name, entry in roots.items() if "path" in entry}
    return {
        name: path
        for name, path in paths.items()
        if not is_url(path) and not os.path.exists(os.path.expanduser(path))
    }


def warnings(config: dict) -> list[str]:
    """A warning for each: results stay valid without these files, but a path may be mistyped."""
    found = []
    for name, path in _missing(config).items():
        made = os.path.exists(f"results/{name}/images.zarr")
        what = "what was made from it stays valid" if made else "its images cannot be made"
        found.append(f"datasets.{name}.path: {path} is not there; {what}")
    return found


def mistakes(config: dict, to_be_made: Container[str]) -> list[str]:
    """One line for each data set of `to_be_made` that cannot be made."""
    return [
        f"datasets.{name}.path: found {path!r}; there is no such file or folder"
        for name, path in _missing(config).items()
        if name in to_be_made
    ]
