"""Parts of data set entries: crops, patches, groups, and places of images."""

from typing import Annotated

from pydantic import MISSING, Field

from study.config.base import Count, Entry, integer, number, several

Range = Annotated[list[integer()], Field(min_length=2, max_length=2)]
Scales = Annotated[
    several(number(gt=0, le=1)),
    Field(description="Pictures are rescaled by each of these before patches are cut."),
]
Match = Annotated[
    str | None,
    Field(
        description='Pattern of the names that are used, as in "train/*.jpg"; all of them if null.'
    ),
]


class Crop(Entry):
    """Rows and columns of a picture; all of them if not given."""

    rows: Range | MISSING = MISSING
    """First pixel, and the one after the last."""
    columns: Range | MISSING = MISSING
    """First pixel, and the one after the last."""

    def mistakes(self):
        if not self.model_fields_set:
            yield "", "give rows, columns or both"


class Patches(Entry):
    """How patches are cut from pictures."""

    stride: Count = 8
    """Pixels between neighboring patches."""
    scales: Scales = [1]


class GroupPattern(Entry):
    """Groups by the names of files."""

    pattern: str
    """Regular expression with one group in parentheses."""


class GroupTable(Entry):
    """Groups from a table."""

    csv: str
    """Path of a table with the columns name and group."""


class Place(Entry):
    """Images in a place of their own, prepared like the others."""

    path: Annotated[str, Field(min_length=1)]
    """File or folder, in any form that a source of images reads; its content determines the
    source."""
