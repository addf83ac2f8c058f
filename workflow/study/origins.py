"""How results were made, compared with the present config and code.

Snakemake keeps a record of how each file was made. It cannot know about a file whose record is
lost, nor about an older file put in place of a newer one. So each result carries its origin: the
values and the code of its job, and the content of the job's inputs.
"""

import functools
import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import safetensors

#: Maximum number of characters shown of a value.
MOST = 80
#: Results declared up to date by `snakemake --touch`.
KEPT = Path(".snakemake", "kept.json")
#: Folder of files that say how results differ from what would be made now.
MARKERS = Path(".snakemake", "stale")


def content(path: str | Path) -> str | None:
    """Hash of the data in a store, by its zarr.json, or in a file of weights; None for others."""
    return _said(str(path)).get("content")


def origin(path: str | Path) -> dict | None:
    """The parameters with which a result was made; None if it has no record."""
    parameters = _said(str(path)).get("parameters")
    return json.loads(parameters) if isinstance(parameters, str) else parameters


def _said(path: str) -> dict:
    try:
        return _read(path, os.stat(path).st_mtime_ns)
    except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError):
        return {}


@functools.lru_cache(1000)
def _read(path: str, _changed: int) -> dict:
    """A result's own record: its `parameters` and, for data, the hash of its `content`."""
    if path.endswith(".safetensors"):
        with safetensors.safe_open(path, "np") as file:
            return json.loads(file.metadata()["gahb"])
    if path.endswith(".png"):
        from PIL import Image

        with Image.open(path) as image:
            return json.loads(image.text["gahb"])
    text = Path(path).read_text()
    if path.endswith(".html"):
        text = re.search(r'id="origin">(.*?)</script>', text)[1]
    found = json.loads(text)
    return found.get("attributes", found)


def unlike(path: str, job: Mapping, values: Mapping, code: str) -> list[str]:
    """How a result differs from what would be made now, in words; empty if it does not.

    Args:
        path: path of the result, which may be missing.
        job: the wildcards of its rule.
        values, code: values and code of its job, from the present config and code.
    """
    before = origin(path)
    if before is None:
        return []
    now = {"values": json.loads(json.dumps(values)), "code": code}
    said = differences(before, now)
    if before.get("job", job) != job:
        said.append(f"it was made as another result: {before['job']}")
    for name, made_from in before.get("inputs", {}).items():
        if content(name) not in (None, made_from):
            said.append(f"{name} is not the one that it was made from")
    return said


def marker(path: str, job: Mapping, values: Mapping, code: str) -> list[str]:
    """A file newer than a result that differs from what would be made now, otherwise empty.

    As an input of the result's rule it makes the job stale, whatever Snakemake's records say.
    """
    said = unlike(path, job, values, code)
    if not said or kept().get(path) == _difference(path, values, code):
        return []
    file = MARKERS / path.replace("/", "-")
    file.parent.mkdir(parents=True, exist_ok=True)
    # Never the same content: Snakemake considers an input with a known checksum unchanged.
    file.write_text(f"{path}: {'; '.join(said)} ({time.time_ns()})")
    newer = max(time.time(), os.stat(path).st_mtime + 1)
    os.utime(file, (newer, newer))
    return [str(file)]


def kept() -> dict[str, str]:
    """Hash of the accepted difference, by result."""
    try:
        return json.loads(KEPT.read_text())
    except (OSError, ValueError):
        return {}


def kept_lines(paths: Iterable[str]) -> list[str]:
    """A line for each of these results that was declared up to date but records otherwise."""
    listed = kept()
    return sorted(f"  {path}" for path in paths if path in listed)


def keep(results: Iterable[tuple[str, Mapping, Mapping, str]]) -> None:
    """Accept results as up to date, as `snakemake --touch` requests.

    Args:
        results: path, wildcards, values and code of each, from the present config and code.
    """
    found = kept() | {
        path: _difference(path, *now) for path, job, *now in results if unlike(path, job, *now)
    }
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps(found, indent=0))


def _difference(path: str, values: Mapping, code: str) -> str:
    """Hash of the origin of a result and of what would be made now."""
    sides = json.dumps([origin(path), values, code], sort_keys=True)
    return hashlib.sha256(sides.encode()).hexdigest()[:16]


def differences(before: Mapping, now: Mapping) -> list[str]:
    """How the values and the code of a job differ from earlier ones, in words."""
    said = []
    old, new = (dict(_flat(side["values"])) for side in (before, now))
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            said.append(_change(key, old.get(key), new.get(key)))
    (code, files), (code_now, files_now) = (_code(side["code"]) for side in (before, now))
    if code != code_now:
        said.append("the code that it runs has changed")
    names = sorted(k for k in files.keys() | files_now.keys() if files.get(k) != files_now.get(k))
    said += [f"{'the style sheet' if n.endswith('.mplstyle') else n} has changed" for n in names]
    return list(dict.fromkeys(said))


def _code(code: str) -> tuple[str, dict[str, str]]:
    """The fingerprint of the code, and the hashes of the files named in it."""
    _, fingerprint, *files = code.split()
    return fingerprint, dict(file.rsplit("=", 1) for file in files)


def _change(key: str, old, new) -> str:
    """How one config value has changed, in words."""
    if key.endswith("seed"):  # derived, so the numbers tell nothing
        return "the seed has changed"
    if key == "files":
        return "the files that it is made from have changed"
    if all(isinstance(v, list) and v and all(isinstance(e, dict) for e in v) for v in (old, new)):
        changes = {"added": (new, old), "removed": (old, new)}
        parts = [
            f"{key} {how}: {_apart(*sides)}"
            for how, sides in changes.items()
            if any(entry not in sides[1] for entry in sides[0])
        ]
        return "; ".join(parts) or f"the order of {key} has changed"
    return f"{key} was {_short(old)}, is {_short(new)}"


def _apart(entries: list[dict], others: list[dict]) -> str:
    """The keys in which entries differ from `others`, in words like "N = 50"."""
    said = []
    for entry in entries:
        if entry not in others:
            words = {k: v for k, v in entry.items() if not isinstance(v, dict | list)}
            unlike = {k: v for k, v in words.items() if all(o.get(k) != v for o in others)}
            said.append(" ".join(f"{k} = {v}" for k, v in (unlike or words).items()))
    return _short(", ".join(dict.fromkeys(said)), str)


def _short(value, written: Callable = repr) -> str:
    text = written(value)
    return text if len(text) <= MOST else f"{text[:MOST]} ..."


def _flat(values: dict, prefix: str = ""):
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
