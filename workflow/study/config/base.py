"""Building blocks of the config's models: the entry, and shared types."""

import re
from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from study.config.messages import explained
from study.files import code_file


class Entry(BaseModel):
    """Keys of the config, each with its type, default and meaning, and conditions on them.

    A key whose default is MISSING stays absent unless it is given.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,  # true is no number, and "5" is not 5
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )
    #: New names of keys and values.
    RENAMED: ClassVar[dict[str, str]] = {}
    #: Removed keys, and the reasons.
    REMOVED: ClassVar[dict[str, str]] = {}

    def mistakes(self) -> Iterator[tuple[str, str]]:
        """(key, mistake) for keys that contradict one another; the key "" is the entry itself."""
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _all_mistakes(cls, value, handler):
        """The entry, or an error with all its mistakes in words."""
        try:
            entry = handler(value)
        except ValidationError as error:
            mistakes = [m for e in error.errors(include_url=False) for m in explained(cls, e)]
        else:
            mistakes = [*entry.mistakes()]
        if mistakes:
            raise PydanticCustomError("mistakes", "mistakes", {"mistakes": mistakes})
        return entry


def _integral(value):
    """1000 for 1.0e+3, the only way to write it that YAML reads as a number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def integer(**limits):
    return Annotated[int, Field(**limits), BeforeValidator(_integral)]


def _as_written(value, check):
    """10 stays 10: values are hashed as text, in which 10.0 differs."""
    check(value)
    return value


def number(**limits):
    return Annotated[float, Field(**limits), WrapValidator(_as_written)]


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise PydanticCustomError("odd", "must be odd")
    return value


OddInteger = Annotated[
    integer(ge=1), AfterValidator(_odd), Field(json_schema_extra={"not": {"multipleOf": 2}})
]


def _unique(values: list) -> list:
    if len(set(values)) < len(values):
        raise PydanticCustomError("unique", "has the same entry twice")
    return values


def _increasing(values: list) -> list:
    if values != sorted(values):
        raise PydanticCustomError("increasing", "must increase")
    return values


Increasing = AfterValidator(_increasing)


def several(item, least: int = 1, most: int | None = None):
    """The type of a list of `least` to `most` different items."""
    return Annotated[
        list[item],
        Field(min_length=least, max_length=most, json_schema_extra={"uniqueItems": True}),
        AfterValidator(_unique),
    ]


def _one_of(value, check):
    """One error for a union: the meaning of the key says more than an error for each member."""
    try:
        return check(value)
    except ValidationError:
        raise PydanticCustomError("meaning", "is none of the alternatives") from None


OneOf = WrapValidator(_one_of)

NAME = r"^[A-Za-z0-9][A-Za-z0-9.-]*$"


def _name(value: str) -> str:
    if not re.match(NAME, value):
        rule = "a name has letters, digits, dots and hyphens, the first a letter or digit"
        raise PydanticCustomError("name", rule)
    if value == "figures":
        raise PydanticCustomError("name", "is taken: results/figures holds something else")
    return value


Name = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": NAME})]


def _installed(function: str) -> str:
    if code_file(function) is None:
        where = "no such module is in the working directory or installed"
        raise PydanticCustomError("module", where)
    return function


#: module:name of a user's function, which is not imported.
Function = Annotated[
    str,
    Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$"),
    AfterValidator(_installed),
]

Count = integer(ge=1)
Side = integer(ge=8)
