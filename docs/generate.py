"""`make docs`: docs/config.md, the JSON schema, the picture in docs/architecture.md, and the
numbers from the CSVs of docs/gallery in all pages."""

import csv
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from functools import partial
from pathlib import Path

import yaml
from pydantic.json_schema import GenerateJsonSchema
from study.config.base import NAME
from study.config.denoisers import options, references
from study.config.whole import Config

ROOT = Path(__file__).resolve().parent.parent


class _Untitled(GenerateJsonSchema):
    def field_title_should_be_set(self, schema) -> bool:
        return False  # it would repeat the name of the key


SCHEMA = Config.model_json_schema(schema_generator=_Untitled)
SECTIONS, DEFINITIONS = SCHEMA["properties"], SCHEMA["$defs"]
TRAINING = DEFINITIONS["Training"]
KEYS = ("key", "allowed", "default", "meaning")

# workflow/schemas/config.schema.json


def schema_file() -> str:
    """The JSON schema for editors, a line for each definition."""
    head = {"$schema": GenerateJsonSchema.schema_dialect, **SCHEMA, "$defs": "DEFINITIONS"}
    del head["required"]  # config.yaml has them
    lines = [f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in DEFINITIONS.items()]
    return json.dumps(head).replace('"DEFINITIONS"', "{\n" + ",\n".join(lines) + "\n}") + "\n"


# docs/config.md


def config_page() -> str:
    """Every key of the config: its type, default and meaning, from the models."""
    parts = [
        "# Every key of the config",
        "`make docs` writes this page from the models in"
        " [workflow/study/config](../workflow/study/config), by which every config is checked\n"
        "before anything runs. Examples are from [config.yaml](../config.yaml).",
        "A config is `config.yaml`, overridden key by key by the files of `--configfile`.\n"
        "A key that is in neither has the default listed here; one without a default may be left"
        " out.\n"
        "Names of entries consist of letters, digits, `.` and `-`.",
        "An editor with a YAML language server (VS Code with the YAML extension of Red Hat, for"
        " example) completes keys and\n"
        "shows their meaning, if the first line of the file names the JSON schema, relative to"
        " the file:",
        "```yaml\n# yaml-language-server: $schema=workflow/schemas/config.schema.json\n```",
        "A file may lack sections, since `config.yaml` has them. An entry that only changes keys of"
        " one in `config.yaml` is right,\nthough the editor calls it incomplete.",
        _table(_keys({"properties": {name: SECTIONS[name] for name in ("seed", "run")}})),
        *_head("datasets", "More: [your own images](data.md)."),
        *_sources(),
        *_head("denoisers", "More: [your own denoiser](denoisers.md)."),
    ]
    trained, *others = _entries("denoisers")["oneOf"]
    for place in trained["oneOf"]:
        name = _resolved(place)["properties"]["architecture"]["const"]
        parts += _denoiser(f"architecture: {name}", place)
    for key, place in zip(
        ("weights", "function", "diffusers", "reference", "samples"), others, strict=True
    ):
        parts += _denoiser(key, place)
    parts += [
        _table(_references(), ("`reference`", "options")),
        *_head(
            "training",
            f"More: [training](training.md). In each, {_entries('training')['description']}.",
        ),
        _table(_keys(TRAINING)),
        *_head("studies", "Each figure is shown in the [gallery](gallery/README.md)."),
        _table(_keys(_entries("studies"))),
    ]
    for name in [name for name, section in SECTIONS.items() if "$ref" in section]:
        parts += [*_head(name), _table(_keys(_resolved(SECTIONS[name])))]
    return "\n\n".join(parts) + "\n"


def _entries(section: str) -> dict:
    """The schema of the entries of a section that have names."""
    return _resolved(SECTIONS[section]["patternProperties"][NAME])


def _head(name: str, more: str = "") -> list[str]:
    """Title, description and example of a section of the config."""
    found = re.search(rf"^{name}:.*\n(?:(?: .*)?\n)*", (ROOT / "config.yaml").read_text(), re.M)
    example = [f"```yaml\n{found[0].strip()}\n```"] if found else []
    described = " ".join(f"{_resolved(SECTIONS[name])['description']} {more}".split())
    return [f"## `{name}`", described, *example]


def _sources() -> list[str]:
    """The sources of images, and their keys; keys with the same meaning share a row."""
    sources, used_by = [], defaultdict(list)
    for name, place in _entries("datasets")["discriminator"]["mapping"].items():
        entry = _resolved({"$ref": place})
        rows = list(_keys(entry))
        top = ", ".join(sorted(row[0] for row in rows if "." not in row[0]))
        sources.append((f"`{name}`", entry["description"], top))
        for row in rows:
            used_by[row].append(f"`{name}`")
    rows = [(key, ", ".join(used), *rest) for (key, *rest), used in used_by.items()]
    return [
        _table(sources, ("`source`", "images", "further keys")),
        _table(sorted(rows), ("key", "of", *KEYS[1:])),
    ]


def _denoiser(title: str, place: dict) -> list[str]:
    entry = _resolved(place)
    described = " ".join(entry["description"].split())
    return [f"### `{title}`", described, _table(_keys(entry))]


def _references() -> list[tuple]:
    """The available closed forms, and the options of each."""
    rows = []
    for name in references():
        takes, calibrated = options(name, with_network=False)
        words = [f"`{key}`{' (**required**)' if must else ''}" for key, must in takes.items()]
        if calibrated in takes:
            words[[*takes].index(calibrated)] = f"`{calibrated}` or `calibrated` (**required**)"
        rows.append((f"`{name}`", ", ".join(words)))
    return rows


def _resolved(entry: dict) -> dict:
    """The definition that an entry refers to; keys next to the reference go first."""
    if "$ref" not in entry:
        return entry
    return {**DEFINITIONS[entry["$ref"].rpartition("/")[2]], **entry}


def _keys(entry: dict, prefix: str = "") -> Iterable[tuple]:
    """(key, value, default, meaning) of each key of an object, and of the objects in it."""
    for name, value in entry["properties"].items():
        if name in ("source", "architecture"):  # the kind of the entry
            continue
        needed = "**required**" if name in entry.get("required", ()) else ""
        default = _code(value["default"]) if "default" in value else needed
        meaning = _resolved(value).get("description", "")
        yield f"`{prefix}{name}`", _value(value), default, meaning
        for place in value.get("anyOf", [value]):
            if "$ref" in place:
                yield from _keys(_resolved(place), f"{prefix}{name}.")


def _value(entry: dict, plural: bool = False) -> str:
    """The allowed values, in words."""
    entry = _resolved(entry)
    if "anyOf" in entry:
        return " or ".join(_value(e) for e in entry["anyOf"])
    if "enum" in entry:
        return " or ".join(map(_code, entry["enum"]))
    if "const" in entry or entry["type"] == "null":
        return _code(entry.get("const"))
    names = {"string": "text", "boolean": "`true` or `false`", "object": "keys"}
    if plural:
        names = {"string": "names", "integer": "integers", "number": "numbers"}
    words = "odd " * ("not" in entry) + names.get(entry["type"], entry["type"])
    if "properties" in entry:
        words = "keys " + ", ".join(f"`{name}`" for name in entry["properties"])
    elif entry["type"] == "array":
        items, least = _value(entry["items"], plural=True), entry.get("minItems", 0)
        if least == entry.get("maxItems"):
            return f"two {items}"
        return f"list of {items}" + (f", at least {least}" if least > 1 else "")
    return words + _range(entry) + (f" like `{entry['pattern']}`" if "pattern" in entry else "")


def _range(entry: dict) -> str:
    limits = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    found = [f"{sign} {entry[name]:g}" for name, sign in limits.items() if name in entry]
    if "multipleOf" in entry:
        found.append(f"a multiple of {entry['multipleOf']}")
    return f" {' and '.join(found)}" if found else ""


def _code(value) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).strip()
    return f"`{text.removesuffix('...').strip()}`"


def _table(rows: Iterable[tuple], head: tuple = KEYS) -> str:
    rows = [[" ".join(cell.split()).replace("|", r"\|") for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


# docs/architecture.md


def picture() -> str:
    """The rules of the default study and their dependencies, as drawn by Snakemake."""
    with tempfile.TemporaryDirectory() as folder:
        asked = ["--rulegraph", "mermaid-js", "--directory", folder, "--", "all"]
        files = ["--snakefile", ROOT / "Snakefile", "--configfile", ROOT / "config.yaml"]
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", *files, *asked],
            env=os.environ | {"PYTHONHASHSEED": "0"},  # decides the order of the arrows
            text=True,
            capture_output=True,
        )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    drawn = done.stdout[done.stdout.index("flowchart") :].expandtabs(4)
    return re.sub(r" *style .*\n", "", drawn).strip()  # a color for each rule


def architecture_page() -> str:
    """docs/architecture.md with the current picture."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    return re.sub(r"```mermaid\n.*?```", f"```mermaid\n{picture()}\n```", page, flags=re.DOTALL)


# numbers of docs/gallery, in every page

# In a line, `<!-- FILE.csv KEY=VALUE {COLUMN:FORMAT} -->0.87<!-- -->`: the one row with this value
# (or these). Above a table, `<!-- FILE.csv KEY=VALUE | {COLUMN:FORMAT} | ... | -->`: a line of the
# table for each such row. FORMAT is Python's; after it, [] adds the interval from COLUMN_low and
# COLUMN_high. {KEY=VALUE COLUMN} takes rows with other values, in the same order.
WHERE = r"((?:[\w.]+=(?:'[^']*'|\S+) )*)"
MARKER = rf"<!-- (\S+\.csv) {WHERE}(.+?) -->"
NUMBER = re.compile(rf"({MARKER}).*?<!-- -->")
TABLE = re.compile(rf"((?:^{MARKER}\n)+\|.*\n\|.*\n)(?:\|.*\n)*", re.M)
FIELD = re.compile(rf"{{{WHERE}([^{{}}: ]+)(?::([^{{}}]*?)(\[\])?)?}}")
OPENING = re.compile(r"<!-- \S+\.csv ")


def numbered(page: Path) -> str:
    """A page with the current numbers of the gallery.

    Raises:
        ValueError: a marker is incomplete, or the file lacks its row or column.
    """
    try:
        text = TABLE.sub(_lines, page.read_text())
        text = NUMBER.sub(lambda match: f"{match[1]}{_only(match)}<!-- -->", text)
        if found := OPENING.search(NUMBER.sub("", TABLE.sub("", text))):
            raise ValueError(f"{found[0]}...: neither `<!-- -->` in its line nor a table follows")
        if found := re.search(r"^[\s>*-]*<!-- \S+\.csv [^|\n]*-->.+", text, re.M):
            raise ValueError(f"{found[0]}: begins a line, which ends the paragraph on GitHub")
    except (ValueError, OSError) as error:
        raise ValueError(f"{page.relative_to(ROOT)}: {error}") from error
    return text


def _lines(table: re.Match) -> str:
    made = (row for marker in re.findall(MARKER, table[1]) for row in _filled(*marker))
    return table[1] + "".join(f"{row}\n" for row in made)


def _only(marker: re.Match) -> str:
    values = _filled(*marker.groups()[1:])
    if len(values) > 1 or not values[0]:
        raise ValueError(f"{marker[1]} has {len(values)} rows, not one with a value")
    return values[0]


def _filled(file: str, where: str, template: str) -> list[str]:
    """A template filled in from each row of a file with the values of `where`."""
    with (ROOT / "docs" / "gallery" / file).open() as opened:
        rows = list(csv.DictReader(opened))
    columns = [
        _cells(file, rows, dict(word.split("=", 1) for word in shlex.split(where + own)), *column)
        for own, *column in FIELD.findall(template)
    ]
    return [FIELD.sub("{}", template).format(*cells) for cells in zip(*columns, strict=True)]


def _cells(file, rows: list[dict], where: dict, column: str, form: str, interval: str) -> list[str]:
    """A column as text, for the rows with these values."""
    ends = (f"{column}_low", f"{column}_high") if interval else ()
    if lacking := {*where, column, *ends} - rows[0].keys():
        raise ValueError(f"{file} has no column {', '.join(lacking)}: {', '.join(rows[0])}")
    found = [r for r in rows if all(_number(r[k]) == _number(v) for k, v in where.items())]
    if not found:
        there = [[row[name] for name in where] for row in rows]
        raise ValueError(f"{file} has no row with {where}: {there}")
    cells = [[_written(row[name], form) for name in (column, *ends)] for row in found]
    return [
        f"{text} [{', '.join(around)}]" if any(around) and {*around} != {text} else text
        for text, *around in cells
    ]


def _number(cell: str) -> Decimal | str:
    try:
        return Decimal(cell)
    except InvalidOperation:
        return cell


def _written(cell: str, form: str) -> str:
    """A cell in this format; words stay as they are, and no zero has a sign."""
    value = _number(cell)
    if isinstance(value, str):
        return value
    with localcontext(rounding=ROUND_HALF_UP):
        text = format(value, form)
    sign = "\N{MINUS SIGN}" if re.search("[1-9]", text) else ""
    return text.replace("-", sign).replace("%", " %")


PAGES = {
    "config.md": config_page,
    "architecture.md": architecture_page,
    "../workflow/schemas/config.schema.json": schema_file,
    **{
        os.path.relpath(page, ROOT / "docs"): partial(numbered, page)
        for folder in ("", "docs/**/", "studies/")
        for page in ROOT.glob(f"{folder}*.md")
        if OPENING.search(page.read_text())
    },
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (ROOT / "docs" / name).write_text(page())
