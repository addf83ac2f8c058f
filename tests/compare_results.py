"""`python tests/compare_results.py BEFORE AFTER`: are two folders of results equal?

Every array, file of weights and table of BEFORE is looked up in AFTER, possibly under a new name:
`optimal` is now called `optimum`.
The exit status is 1 if anything is missing or differs in a bit.
"""

import csv
import re
import sys
from pathlib import Path

import numpy as np
import safetensors.numpy
import xarray as xr

PATHS = {r"/optimal/": "/optimum/"}


def renamed(path: str) -> str:
    for old, new in PATHS.items():
        path = re.sub(old, new, path)
    return path


def arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a store, a file of weights or a table, by name."""
    if path.suffix == ".zarr":
        opened = xr.open_zarr(path)
        return {str(name): v.values for name, v in opened.variables.items()}
    if path.suffix == ".safetensors":
        return safetensors.numpy.load_file(path)
    with open(path) as file:
        rows = list(csv.DictReader(file))
    return {k: np.array([row[k] for row in rows]) for k in rows[0]}


def differences(before: Path, after: Path) -> list[str]:
    kinds = ("*.zarr", "*.safetensors", "*.csv")
    found, count = [], 0
    for path in sorted(p for kind in kinds for p in before.rglob(kind)):
        other = after / renamed(f"/{path.relative_to(before)}")[1:]
        if not other.exists():
            found.append(f"{other}: is missing")
            continue
        new = arrays(other)
        for name, values in arrays(path).items():
            count += 1
            if name not in new:
                found.append(f"{other}: has no {name}")
            elif not np.array_equal(values, new[name], equal_nan=values.dtype.kind == "f"):
                found.append(f"{other}: {name} differs")
    print(f"{count} arrays compared, {len(found)} differences")
    return found


if __name__ == "__main__":
    found = differences(*map(Path, sys.argv[1:]))
    print(*found, sep="\n")
    sys.exit(bool(found))
