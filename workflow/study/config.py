"""Reading and checking the config: every mistake is named before any job starts."""

import copy

import yaml
from jsonschema import Draft202012Validator, validators

from study import figures
from study.checks import mistakes_between
from study.entries import closest
from study.fingerprint import ROOT, defining

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
    references = sorted(defining(ROOT / "gahb" / "denoisers", "fit"))
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
    if error.validator == "additionalProperties":
        allowed = sorted(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(allowed))
        return [f"{path}: unknown key {u!r}{_meant(section, u, allowed)}" for u in unknown]
    if error.validator == "required":
        return [f"{path}: {error.message.replace(' property', ' key')}"]
    if error.validator in ("oneOf", "anyOf") and "description" in error.schema:
        allowed = error.schema["description"]
    elif error.validator == "pattern":
        allowed = f"must match {error.validator_value}"
    elif error.validator == "enum":
        names = list(map(str, error.validator_value))
        if error.instance in RENAMED.get(section, ()):
            return [f"{path}: found {error.instance!r}{_meant(section, error.instance, names)}"]
        allowed = f"must be one of {', '.join(names)}"
    else:
        allowed = error.message.removeprefix(repr(error.instance)).strip()
    about = error.schema.get("description") if isinstance(error.schema, dict) else None
    about = f" ({about})" if about and about != allowed else ""
    return [f"{path}: found {error.instance!r}; {allowed}{about}"]


def _meant(section: str, name: str, allowed: list[str]) -> str:
    new = RENAMED.get(section, {}).get(name)
    return f", which is now called {new!r}" if new else closest(name, allowed)
