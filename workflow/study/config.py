"""Reading and checking the config: every mistake is named before any job starts."""

import copy
import datetime
import re

import yaml
from jsonschema import Draft202012Validator, validators

from study import figures
from study.checks import mistakes_between
from study.entries import closest
from study.fingerprint import REFERENCES, ROOT, defining

SCHEMA = ROOT / "schemas" / "config.schema.yaml"
#: What keys and figures were called, by the section that they stand in.
RENAMED = {
    "": {"networks": "denoisers", "trainings": "training", "sampling": "samples"},
    "training": {"rate": "learning_rate"},
    "samples": {"samples": "count", "snapshots": "levels"},
    "psnr": {"images": "count"},
    "studies": {"networks": "denoisers", "rates": "slopes", "shuffled": "geometry"},
}


class ConfigError(Exception):
    """What is wrong with the config, one line for each mistake."""


def schema() -> dict:
    """The schema, with the names of the figures and references that are there."""
    found = yaml.safe_load(SCHEMA.read_text())
    definitions = found["$defs"]
    definitions["study"]["properties"]["figures"]["items"]["enum"] = sorted(figures.declared())
    references = sorted(defining(REFERENCES, "fit"))
    definitions["reference"]["properties"]["reference"]["enum"] = references
    return found


def checked(config: dict) -> dict:
    """A copy of `config` with the schema's defaults filled in.

    Raises:
        ConfigError: unknown keys, wrong values, names of nothing, impossible combinations.
    """
    config = copy.deepcopy(dict(config))
    errors = sorted(_Validator(schema()).iter_errors(config), key=lambda e: list(map(str, e.path)))
    mistakes = list(dict.fromkeys(m for e in errors for m in _explain(e)))
    mistakes = mistakes or mistakes_between(config)
    if mistakes:
        lines = "\n".join(f"  {m}" for m in mistakes)
        raise ConfigError(f"The config has {len(mistakes)} mistake(s):\n{lines}")
    return config


def _fill_defaults(validator, properties, instance, schema):
    if validator.is_type(instance, "object"):
        for name, subschema in properties.items():
            if "default" in subschema:
                instance.setdefault(name, copy.deepcopy(subschema["default"]))
    yield from Draft202012Validator.VALIDATORS["properties"](
        validator, properties, instance, schema
    )


_Validator = validators.extend(Draft202012Validator, {"properties": _fill_defaults})


def _explain(error) -> list[str]:
    """One line for each mistake: the key's path, what was found, what is allowed."""
    path = ".".join(map(str, error.absolute_path)) or "the top level"
    section = str(error.absolute_path[0]) if error.absolute_path else ""
    found = error.instance
    if error.validator == "additionalProperties":
        allowed = sorted(error.schema.get("properties", {}))
        unknown = sorted((key for key in found if key not in allowed), key=str)
        return [f"{path}: unknown key {u!r}{_meant(section, str(u), allowed)}" for u in unknown]
    if error.validator == "required":
        return [f"{path}: {error.message.replace(' property', ' key')}"]
    about = error.schema.get("description") if isinstance(error.schema, dict) else None
    if error.validator == "oneOf" and isinstance(found, dict):
        names = [name for one in error.validator_value for name in one["required"]]
        given = [name for name in names if name in found]
        return [f"{path}: found {' and '.join(given) or 'none of them'}; {about}"]
    if error.validator in ("oneOf", "anyOf", "pattern") and about:
        allowed = about
    elif error.validator == "pattern":
        allowed = f"must match {error.validator_value}"
    elif error.validator == "enum":
        names = list(map(str, error.validator_value))
        if found in RENAMED.get(section, ()):
            return [f"{path}: found {found!r}{_meant(section, found, names)}"]
        allowed = f"must be one of {', '.join(names)}"
    elif error.validator == "not":
        allowed = f"is taken: results/{found} holds something else"
    else:
        allowed = error.message.removeprefix(repr(found)).strip()
        allowed += _as_yaml_takes_it(found) if error.validator == "type" else ""
    about = f" ({about})" if about and about != allowed else ""
    return [f"{path}: found {found!r}; {allowed}{about}"]


def _as_yaml_takes_it(found) -> str:
    """The end of a message about a type, where YAML reads something else than was meant."""
    if isinstance(found, int | float | datetime.date):
        return "; text that YAML takes for a number, a date or a boolean needs quotes"
    number = isinstance(found, str) and re.fullmatch(r"([+-]?[\d.]+)e([+-]?)(\d+)", found, re.I)
    if not number:
        return ""
    mantissa, sign, exponent = number.groups()
    point = "" if "." in mantissa else ".0"
    return f"; YAML needs {mantissa}{point}e{sign or '+'}{exponent}"


def _meant(section: str, name: str, allowed: list[str]) -> str:
    new = RENAMED.get(section, {}).get(name)
    return f", which is now called {new!r}" if new else closest(name, allowed)
