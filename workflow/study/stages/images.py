"""From the sources of images to the training sets."""

from collections.abc import Mapping
from pathlib import Path

from gahb import groups

from study.entries import pattern, root
from study.files import listing, recorded
from study.stages.stage import Stage, content, derived_seed

#: |cosine| above which images are near-duplicates where the config says none: the paper's.
ALIKE = 0.95


def _images(config: dict, job: Mapping) -> dict:
    entry = dict(config["datasets"][job["dataset"]])
    for later in ("test", "duplicates", "mirrored", "groups", "private"):
        entry.pop(later, None)
    if "images" in entry:
        entry["count"] = entry.pop("images")
    path, known = entry.pop("path", None), entry.pop("sha256", None)
    if path is not None:
        # The content of the files counts, not where they lie. Results outlive the files.
        found = known or listing(path, pattern(entry))
        entry["files"] = found or recorded(f"results/{job['dataset']}/images.zarr")
        if entry.get("count") is None:
            return entry  # of which nothing is drawn at random
    return {**entry, "seed": derived_seed(config, "images", job["dataset"])}


def table(config: dict, dataset: str) -> Path | None:
    """The CSV of the groups of a data set, if there is one."""
    path = groups.table(root(config, dataset)[1].get("groups", ""))
    return path and Path(path)


def _split(config: dict, job: Mapping) -> dict:
    # A shuffled data set is split as the one that it is a version of.
    name, entry = root(config, job["dataset"])
    used = {
        "test": entry["test"],
        "without_duplicates": bool(entry.get("duplicates")),
        "seed": derived_seed(config, "split", name),
    }
    if "groups" in entry:
        by, listed = entry["groups"], table(config, job["dataset"])
        used["groups"] = by if isinstance(by, str) else by.get("pattern")
        # The content of the table counts, wherever it lies.
        used["table_content"] = listed and content(listed)
    return used


def _redundancy(config: dict, job: Mapping) -> dict:
    entry = root(config, job["dataset"])[1]
    return {
        # Images that the workflow draws are independent: likeness is chance.
        "of_files": "path" in entry,
        "threshold": entry.get("duplicates") or ALIKE,
        "mirrored": entry.get("mirrored", True),
    }


STAGES = {
    "fetched": Stage("fetched", lambda config, job: {"sha256": job["sha256"]}),
    "images": Stage(
        "images",
        _images,
        lambda config, job: [f"gahb.datasets.{config['datasets'][job['dataset']]['source']}"],
    ),
    "duplicates": Stage(
        "duplicates",
        lambda config, job: {
            "threshold": config["datasets"][job["dataset"]]["duplicates"],
            "mirrored": config["datasets"][job["dataset"]]["mirrored"],
        },
    ),
    "split": Stage("split", _split),
    "redundancy": Stage("redundancy", _redundancy),
}
