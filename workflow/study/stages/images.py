"""From the sources of images to the training sets."""

from collections.abc import Mapping
from pathlib import Path

from study import expected, groups
from study.entries import pattern, root
from study.files import is_url, listing, name_of, recorded
from study.stage import Artifact, Stage, derived_seed

#: |cosine| above which images are near-duplicates where the config says none: the paper's.
ALIKE = 0.95


def _entry(config: dict, job: Mapping) -> dict:
    return config["datasets"][job["dataset"]]


def _images(config: dict, job: Mapping) -> dict:
    entry = dict(_entry(config, job))
    for later in ("test", "duplicates", "groups"):
        entry.pop(later, None)
    if "images" in entry:
        entry["count"] = entry.pop("images")
    path, known = entry.pop("path", None), entry.pop("sha256", None)
    if path is not None:
        # What the files are counts, not where they lie. Results outlive the files.
        found = known or listing(path, pattern(entry))
        entry["files"] = found or recorded(images.path.format(**job))
        if entry.get("count") is None:
            return entry  # of which nothing is drawn at random
    return {**entry, "seed": derived_seed(config, "images", job["dataset"])}


def _made_from(config: dict, job: Mapping) -> list[Artifact]:
    """The images that a shuffled data set is made from, or the file of a URL."""
    entry = _entry(config, job)
    if "of" in entry:
        return [Artifact("images", {"dataset": entry["of"]})]
    if is_url(entry.get("path", "")):
        file = {"sha256": entry["sha256"], "file": name_of(entry["path"])}
        return [Artifact("fetched", file)]
    return []


def _unshuffled(config: dict, job: Mapping) -> list[Artifact]:
    return [Artifact("images", {"dataset": root(config, job["dataset"])[0]})]


def _duplicates_of(config: dict, job: Mapping) -> list[Artifact]:
    """The near-duplicates, where they are dropped: those of the unshuffled images."""
    name, entry = root(config, job["dataset"])
    return [Artifact("duplicates", {"dataset": name})] if entry.get("duplicates") else []


def _table(config: dict, job: Mapping) -> list[Path]:
    """The CSV of the groups, whose content counts, wherever it lies."""
    path = groups.table(root(config, job["dataset"])[1].get("groups", ""))
    return [Path(path)] if path else []


def _grouped(config: dict, job: Mapping) -> dict:
    name, entry = root(config, job["dataset"])
    key = entry.get("groups", "")
    return {
        "by": key if isinstance(key, str) else key.get("pattern"),
        "test": entry["test"],
        "seed": derived_seed(config, "split", name),
    }


fetched = Stage(
    "fetched",
    writes={"fetched": "data/{sha256}/{file}"},
    uses=lambda config, job: {"sha256": job["sha256"]},
)
images = Stage(
    "images",
    writes={"images": "results/{dataset}/images.zarr"},
    reads={"made_from": _made_from},
    uses=_images,
    imports=lambda config, job: [f"gahb.datasets.{_entry(config, job)['source']}"],
    expected=expected.images,
)
duplicates = Stage(
    "duplicates",
    writes={"duplicates": "results/{dataset}/duplicates.zarr"},
    reads={"images": "images"},
    uses=lambda config, job: {"threshold": _entry(config, job)["duplicates"]},
    expected=expected.duplicates,
    threads=2,
)
split = Stage(
    "split",
    writes={"split": "results/{dataset}/split.zarr"},
    # A shuffled data set is split as the one that it is a version of.
    reads={"images": _unshuffled, "duplicates": _duplicates_of},
    uses=lambda config, job: {
        "test": root(config, job["dataset"])[1]["test"],
        "seed": derived_seed(config, "split", root(config, job["dataset"])[0]),
    },
)
grouped = Stage(
    "grouped",
    makes=("groups",),
    writes={"split": split.path},
    reads={"images": _unshuffled, "duplicates": _duplicates_of, "table": _table},
    uses=_grouped,
    script="grouped.py",
)
redundancy = Stage(
    "redundancy",
    writes={"redundancy": "results/{dataset}/redundancy.zarr"},
    reads={"images": _unshuffled, "split": "split"},
    uses=lambda config, job: {
        # Of what is made by the workflow images are independent: likeness is chance.
        "of_files": "path" in root(config, job["dataset"])[1],
        "threshold": root(config, job["dataset"])[1].get("duplicates") or ALIKE,
    },
    expected=expected.duplicates,
    threads=2,
    script="redundancy.py",
)

STAGES = (fetched, images, duplicates, split, grouped, redundancy)
