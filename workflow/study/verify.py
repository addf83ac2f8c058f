"""`python -m study.verify [FOLDER]`: check every store and every file of weights of the results.

Reads everything and lists faults, a line each. The exit status is 1 if there are any. Stores made
with other versions of numpy or torch, or on another device than others of their kind, are counted:
last digits may differ.
"""

import contextlib
import importlib.metadata
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import safetensors
from gahb import store
from tqdm import tqdm

INSTALLED = {name: importlib.metadata.version(name) for name in ("numpy", "torch")}


def broken(folder: Path) -> list[str]:
    """Faults of the stores and weights below `folder`, in words."""
    found = []
    for path in tqdm(sorted(folder.rglob("*.zarr")), unit="stores", disable=None):
        found += store.problems(path)
    for path in sorted(folder.rglob("*.safetensors")):
        try:
            with safetensors.safe_open(path, "np") as file:
                names = file.keys()
                damaged = [n for n in names if not np.isfinite(file.get_tensor(n)).all()]
        except Exception as error:
            found.append(f"{path}: cannot be read ({error})")
        else:
            found += [f"{path}: {name} is not finite" for name in damaged]
    return found


def made_otherwise(folder: Path) -> list[str]:
    """Lines on how many stores below `folder` were made by other versions of numpy and torch, and
    on stores of one kind made on several devices."""
    versions, devices = Counter(), defaultdict(Counter)
    for path in folder.rglob("*.zarr"):
        with contextlib.suppress(store.StoreError):
            attributes = store.open_store(path).attrs
            versions.update((name, attributes.get(f"version_{name}")) for name in INSTALLED)
            if "device" in attributes:
                devices[path.name][attributes["device"]] += 1
    return [
        f"{folder}: {count} stores were made with {name} {version}, {INSTALLED[name]} is installed"
        for (name, version), count in sorted(versions.items(), key=str)
        if version != INSTALLED[name]
    ] + [
        f"{folder}: stores {name} were made on several devices: "
        + ", ".join(f"{count} on {device}" for device, count in found.most_common())
        for name, found in sorted(devices.items())
        if len(found) > 1
    ]


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "results")
    if not folder.is_dir():
        sys.exit(f"{folder}: no such folder")
    found = broken(folder)
    print(*(found or [f"{folder}: every store is whole"]), *made_otherwise(folder), sep="\n")
    sys.exit(bool(found))
