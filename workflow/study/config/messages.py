"""Mistakes in words: the path of the key, what was found, and what would be right."""

import datetime
import difflib
import re
from collections.abc import Iterable, Iterator

TYPES = {
    "string_type": "text",
    "int_type": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping of keys",
    "model_type": "a mapping of keys",
    "model_attributes_type": "a mapping of keys",
}
LIMITS = {
    "greater_than_equal": "must be at least {ge:g}",
    "greater_than": "must be above {gt:g}",
    "less_than_equal": "must be at most {le:g}",
    "less_than": "must be below {lt:g}",
    "multiple_of": "must be a multiple of {multiple_of:g}",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
}


class ConfigError(Exception):
    """The mistakes in the config, one line each."""

    def __init__(self, mistakes: list[str]):
        lines = "\n".join(f"  {mistake}" for mistake in mistakes)
        super().__init__(f"The config has {len(mistakes)} mistake(s):\n{lines}")


def explained(model, error: dict) -> Iterator[tuple[str, str]]:
    """(path, mistake) for each mistake in a pydantic error.

    Args:
        model: the Entry that was validated, from which paths start.
        error: an entry of `ValidationError.errors`.
    """
    kind, found, context = error["type"], error["input"], error.get("ctx", {})
    # What follows are the tags of unions, and "[key]" for the name of an entry.
    keys = [str(key) for key in error["loc"][:2]]
    path = ".".join(keys)
    if kind == "mistakes":  # for an entry within this one
        for inner, mistake in context["mistakes"]:
            yield ".".join(filter(None, (path, inner))), mistake
    elif kind in ("extra_forbidden", "invalid_key"):
        yield "", f"unknown key {keys[0]!r}{_meant(model, keys[0])}"
    elif kind == "missing":
        yield "", f"{keys[0]!r} is a required key"
    elif kind == "union_tag_not_found":
        yield path, f"{context['discriminator']} is a required key"
    elif kind == "union_tag_invalid":
        key = context["discriminator"].strip("'")
        yield f"{path}.{key}", f"found {found[key]!r}; {_choice(context['expected_tags'])}"
    elif error["loc"][2:] == ("[key]",):
        yield keys[0], f"found {found!r}; {_allowed(kind, found, context) or error['msg']}"
    else:
        field = model.model_fields[keys[0]] if keys else None
        # The meaning of a section differs from the meaning of its entries, which have names.
        listed = len(keys) < 2 or isinstance(error["loc"][1], int)
        about = " ".join(((field and listed and field.description) or "").split())
        if about and kind in ("meaning", "string_pattern_mismatch"):
            yield path, f"found {found!r}; {about}"
        else:
            allowed = _allowed(kind, found, context) or error["msg"]
            yield path, f"found {found!r}; {allowed}{f' ({about})' if about else ''}"


def _allowed(kind: str, found, context: dict) -> str:
    if kind in TYPES:
        return f"must be {TYPES[kind]}{_as_yaml_takes_it(kind, found)}"
    if kind == "too_short" and not found:
        return "must not be empty"
    if kind == "literal_error":
        return _choice(context["expected"])
    return LIMITS.get(kind, "").format(**context)


def _choice(expected: str) -> str:
    """The alternatives in pydantic's quoted list."""
    names = re.findall(r"'(.*?)'", expected)
    return f"must be one of {', '.join(names)}"


def _as_yaml_takes_it(kind: str, found) -> str:
    """The end of a message about a type, if YAML reads something else than was meant."""
    if kind == "string_type" and isinstance(found, int | float | datetime.date):
        return "; text that YAML reads as a number, a date or a boolean needs quotes"
    exponent = isinstance(found, str) and re.fullmatch(r"([+-]?[\d.]+)e([+-]?)(\d+)", found, re.I)
    if kind not in ("int_type", "float_type") or not exponent:
        return ""
    mantissa, sign, digits = exponent.groups()
    point = "" if "." in mantissa else ".0"
    return f"; YAML needs {mantissa}{point}e{sign or '+'}{digits}"


def _meant(model, key: str) -> str:
    if key in model.REMOVED:
        return f", which was removed: {model.REMOVED[key]}"
    return renamed(model, key) or closest(key, sorted(model.model_fields))


def renamed(model, name: str) -> str:
    """The end of a message about the old name of a key or value; "" for other names."""
    return f", which is now called {model.RENAMED[name]!r}" if name in model.RENAMED else ""


def closest(name: str, allowed: Iterable[str]) -> str:
    """The end of a message about an unknown name: the likely intended name, or all valid names."""
    allowed = list(allowed)
    close = difflib.get_close_matches(name, allowed)
    # The first letter is seldom mistyped.
    likely = max(close, key=lambda c: c[0] == name[0], default=None)
    return f"; did you mean {likely!r}?" if likely else f"; allowed are {', '.join(allowed)}"
