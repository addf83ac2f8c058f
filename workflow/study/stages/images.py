"""From the sources of images to the training sets."""

from collections.abc import Mapping
from pathlib import Path

from gahb import groups
from gahb.alike import ALIKE
from gahb.chosen import is_list

from study.entries import chosen_parts, pattern, places, root
from study.files import listing, recorded
from study.stages.stage import Stage, content, derived_seed


def _images(config: dict, job: Mapping) -> dict:
    entry = dict(config["datasets"][job["dataset"]])
    own, made = places(entry), f"results/{job['dataset']}/images.zarr"
    for later in ("test", "duplicates", "mirrored", "groups", "private", "train", "held_out"):
        entry.pop(later, None)
    entry |= {key: listing(path) or recorded(made, key) for key, path in own.items()}
    if "images" in entry:
        entry["count"] = entry.pop("images")
    path, known = entry.pop("path", None), entry.pop("sha256", None)
    if path is not None:
        # The content of the files counts, not their location. Results outlive the files.
        found = known or listing(path, pattern(entry))
        entry["files"] = found or recorded(made)
        if entry.get("count") is None:
            return entry  # nothing is drawn at random
    return {**entry, "seed": derived_seed(config, "images", job["dataset"])}


def unshuffled(config: dict, job: Mapping) -> dict:
    """The data set that is divided: for a shuffled one, its original."""
    return {"dataset": root(config, job["dataset"])[0]}


def dropped(config: dict, job: Mapping) -> list[dict]:
    """The data set whose near-duplicates are dropped, if any are."""
    name, entry = root(config, job["dataset"])
    return [{"dataset": name}] if entry.get("duplicates") else []


def table(config: dict, job: Mapping) -> list[Path]:
    """The CSV of the groups of a data set, if there is one."""
    path = groups.table(root(config, job["dataset"])[1].get("groups", ""))
    return [Path(path)] if path else []


def lists(config: dict, job: Mapping) -> list[Path]:
    """The lists of names by which a data set chooses images, in the order of their parts."""
    chosen = chosen_parts(root(config, job["dataset"])[1]).values()
    return [Path(by).expanduser() for by in chosen if isinstance(by, str) and is_list(by)]


def _chosen(entry: dict) -> dict[str, dict]:
    """How each part of the split is chosen. The content of a list counts, not its location."""
    found = {}
    for part, by in chosen_parts(entry).items():
        if isinstance(by, dict):
            found[part] = {"place": "held_out" if part == "test" else "train"}
        elif is_list(by):
            found[part] = {"list": content(Path(by).expanduser())}
        else:
            found[part] = {"match": by}
    return found


def _split(config: dict, job: Mapping) -> dict:
    # A shuffled data set is split like its original.
    name, entry = root(config, job["dataset"])
    used = {
        "test": entry["test"],
        "without_duplicates": bool(entry.get("duplicates")),
        "seed": derived_seed(config, "split", name),
    }
    if chosen := _chosen(entry):
        used |= {"chosen": chosen, "test": 0 if "held_out" in entry else entry["test"]}
    if "groups" in entry:
        by = entry["groups"]
        used["groups"] = by if isinstance(by, str) else by.get("pattern")
        # The content of the table counts, not its location.
        used["table_content"] = next(map(content, table(config, job)), None)
    return used


def _redundancy(config: dict, job: Mapping) -> dict:
    entry = root(config, job["dataset"])[1]
    return {
        # Images drawn by the workflow are independent: similarity is due to chance.
        "of_files": "path" in entry,
        "threshold": entry.get("duplicates") or ALIKE,
        "mirrored": entry.get("mirrored", True),
    }


#: The sources of files, any of which may be in a place of its own.
OF_FILES = ("archive", "arrays", "folder", "hdf5", "idx", "lmdb", "parquet", "tensors", "zarr")


def _sources(config: dict, job: Mapping) -> list[str]:
    entry = config["datasets"][job["dataset"]]
    return [f"gahb.datasets.{name}" for name in (entry["source"], *OF_FILES * bool(places(entry)))]


STAGES = {
    "fetched": Stage("fetched", lambda config, job: {"sha256": job["sha256"]}),
    "images": Stage(
        "images",
        _images,
        _sources,
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
