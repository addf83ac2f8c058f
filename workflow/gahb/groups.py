"""Groups of images that the split never divides: persons, scenes, videos."""

import csv
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath


class GroupError(ValueError):
    """Groups that cannot be determined; the message names the file or the pattern."""


def table(groups: str | Mapping) -> str | None:
    """Path of the CSV in the key `groups`; None if names alone determine the groups."""
    return os.path.expanduser(groups["csv"]) if "csv" in groups else None


def _by(groups: str | Mapping) -> str | None:
    return groups if isinstance(groups, str) else groups.get("pattern")


def of_names(names: Sequence[str], by: str | None, path: str | None) -> list[str]:
    """The group of each file.

    Args:
        names: names of the files, relative to their folder or in their archive.
        by: "folder", for the folder of each file, or a regular expression that is searched for in a
            name and whose only group is the group. Not used with a `path`.
        path: path of a CSV with the columns `name` and `group`, or None.

    Raises:
        GroupError: a name has no group.
    """
    if path is not None:
        listed = read(path)
        found = [listed.get(name) for name in names]
        missing = f"{path}: has no row for"
    elif by == "folder":
        return [PurePosixPath(name).parent.as_posix() for name in names]
    else:
        matches = [re.search(by, name) for name in names]
        found = [match and match[1] for match in matches]
        missing = f"the pattern {by!r} finds no group in"
    without = [name for name, group in zip(names, found, strict=True) if group is None]
    if without:
        raise GroupError(f"{missing} {without[0]!r} ({len(without)} of {len(names)} files)")
    return found


def sizes(groups: str | Mapping, names: Sequence[str]) -> list[int]:
    """Number of images in each group, by the key `groups`."""
    return [*Counter(of_names(names, _by(groups), table(groups))).values()]


def most_for_pairs(sizes: Sequence[int], test: int) -> int:
    """The most images for each network of a pair, since the test set takes whole groups.

    Args:
        sizes: images of each group; fewer, such as without near-duplicates, give no more.
        test: minimum number of images in the test set.
    """
    total, sums = sum(sizes), 1  # bit s: some groups have s images in total
    for size in sizes:
        sums |= sums << size
    taken = next((s for s in range(test, total) if sums >> s & 1), total)
    return (total - taken) // 2


def read(path: str) -> dict[str, str]:
    """The group of each name in a CSV.

    Raises:
        GroupError: it cannot be read, lacks a column, or gives a name two groups.
    """
    found = {}
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            columns = rows.fieldnames or []
            if not {"name", "group"} <= set(columns):
                raise GroupError(
                    f"{path}: its first line is {','.join(columns)!r}; it needs the columns name "
                    "and group"
                )
            for row in rows:
                name, group = row["name"], row["group"]
                if not name or not group:
                    raise GroupError(f"{path}, line {rows.line_num}: has no name or no group")
                if found.setdefault(name, group) != group:
                    raise GroupError(
                        f"{path}, line {rows.line_num}: {name!r} is in the group {group!r}, but "
                        f"above in {found[name]!r}"
                    )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise GroupError(f"{path}: cannot be read as a CSV file ({error})") from error
    return found


def mistakes(groups: str | Mapping, matching: Sequence[str] | None, every: Sequence[str]) -> str:
    """A mistake in the key `groups` that the config and a folder reveal; "" if there is none.

    Args:
        groups: the key.
        matching: names of the files that are used; None if only a job can list them.
        every: names of all files of the folder.
    """
    by, path = _by(groups), table(groups)
    try:
        if path is None and by != "folder" and re.compile(by).groups != 1:
            return f"found the pattern {by!r}; it needs one group in parentheses, as in '^(.+)_'"
        if path is not None:
            there = set(every)
            unknown = [name for name in read(path) if name not in there]
            if matching is not None and unknown:
                return (
                    f"{path}: names {unknown[0]!r}, and no such file is in the folder "
                    f"({len(unknown)} unknown names); names are relative to it"
                )
        of_names(matching or [], by, path)
    except re.error as error:
        return f"found the pattern {by!r}; it is not a regular expression ({error})"
    except GroupError as error:
        return str(error)
    return ""
