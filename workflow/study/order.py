"""Time stamps of results that were copied without Snakemake's records.

Without a record Snakemake compares time stamps, which `cp -r` and other programs set in any order.
Results record their inputs, so they are given time stamps in this order; results that differ from
what would be made now are still recomputed (`study.origins`).
"""

import os
import time
from pathlib import Path

from study.origins import origin

#: Files that record how they were made.
SAYING = (
    "**/*.zarr/zarr.json",
    "**/*.safetensors",
    "figures/*/*.png",
    "figures/*/*.html",
    "*.json",
)


def restore_order(folder: str) -> None:
    """Give each result below a folder a time stamp after those of its inputs."""
    paths = [path for pattern in SAYING for path in Path(folder).glob(pattern)]
    made_from = {str(p): list((origin(p) or {}).get("inputs", {})) for p in paths}
    depths: dict[str, int] = {}

    def depth(path: str) -> int:
        if path not in depths:
            depths[path] = 1 + max(map(depth, made_from.get(path, ())), default=0)
        return depths[path]

    begin = time.time() - max(map(depth, made_from), default=0)
    for path in map(Path, made_from):
        stamp = begin + depths[str(path)]
        for file in _of_one_job(path):
            os.utime(file, (stamp, stamp))


def _of_one_job(path: Path) -> list[Path]:
    """All outputs of the job that made a result, under the paths that Snakemake checks."""
    if path.name == "zarr.json":
        stamp = path.with_name(".snakemake_timestamp")
        return [path, *([stamp] if stamp.exists() else []), path.parent]
    return [path, *(path.with_suffix(e) for e in (".pdf", ".csv") if path.with_suffix(e).exists())]
