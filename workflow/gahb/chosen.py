"""Images chosen by name: by a list of names, or by a pattern.

Imports neither numpy nor torch: planning reads lists, too.
"""

import csv
import os
from collections.abc import Sequence

from gahb.datasets.listing import matches

#: Endings of lists: a name on each line, or a table with a column `name`.
LISTS = (".txt", ".csv")


class ChoiceError(ValueError):
    """A choice with no name, an unknown name or a repeated one; the message says which."""


def is_list(choice: str) -> bool:
    """Whether a choice is the path of a list rather than a pattern."""
    return choice.lower().endswith(LISTS)


def read(path: str) -> list[str]:
    """The names in a list, in order: the lines of a .txt, or the column `name` of a .csv.

    Raises:
        ChoiceError: it cannot be read, has no such column or no name, or has one twice.
    """
    try:
        with open(os.path.expanduser(path), newline="", encoding="utf-8-sig") as file:
            if path.lower().endswith(".csv"):
                rows = csv.DictReader(file)
                if "name" not in (rows.fieldnames or ()):
                    raise ChoiceError(
                        f"{path}: its first line is {','.join(rows.fieldnames or ())!r}; it needs "
                        "a column name"
                    )
                found = [row["name"] or "" for row in rows]
            else:
                found = [line.rstrip("\r\n") for line in file]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ChoiceError(f"{path}: cannot be read as a list of names ({error})") from error
    found = [name for name in found if name]
    if not found:
        raise ChoiceError(f"{path}: names no image")
    seen = set()
    for name in found:
        if name in seen:
            raise ChoiceError(f"{path}: names {name!r} twice")
        seen.add(name)
    return found


def chosen(names: Sequence[str], choice: str) -> list[int]:
    """Indices of the chosen images: in the order of the list or, for a pattern, of the data set.

    Args:
        names: names of all images.
        choice: path of a list, or a pattern of names as `match` has.

    Raises:
        ChoiceError: as `read`; or a name belongs to no image or several, or no name matches.
    """
    if not is_list(choice):
        found = [i for i, name in enumerate(names) if matches(name, choice)]
        if not found:
            raise ChoiceError(f"found {choice!r}, which matches none of {len(names)} names")
        return found
    place, several = {}, set()
    for i, name in enumerate(names):
        if place.setdefault(name, i) != i:
            several.add(name)
    wanted = read(choice)
    unknown = [name for name in wanted if name not in place]
    if unknown:
        raise ChoiceError(
            f"{choice}: names {unknown[0]!r}, which is no image ({len(unknown)} unknown names of "
            f"{len(wanted)}); names are like {names[0]!r}"
        )
    if twice := [name for name in wanted if name in several]:
        raise ChoiceError(f"{choice}: names {twice[0]!r}, which is the name of several images")
    return [place[name] for name in wanted]
