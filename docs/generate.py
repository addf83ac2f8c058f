"""Writes docs/config.md and the picture in docs/architecture.md from the code (`make docs`)."""

import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import yaml
from study import figures
from study.config import schema
from study.stages import STAGES
from study.stale import planned

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = schema()
SECTIONS, DEFINITIONS = SCHEMA["properties"], SCHEMA["$defs"]
KEYS = ("key", "allowed", "default", "meaning")

# docs/config.md


def config_page() -> str:
    """Every key of the config: its type, default and description, from the schema."""
    parts = [
        "# Every key of the config",
        "Made by `make docs` from [workflow/schemas/config.schema.yaml]"
        "(../workflow/schemas/config.schema.yaml), by which every config is checked\n"
        "before anything runs. Examples are from [config.yaml](../config.yaml).",
        "A config is `config.yaml` with the files of `--configfile` laid over it, key by key.\n"
        "What is in none has the default that stands here; a key that has none may be left out.\n"
        "Names of entries consist of letters, digits, `.` and `-`.",
        _table([r for r in _keys(SCHEMA) if r[0] in ("`seed`", "`run`")]),
        *_head("datasets", "More: [your own images](data.md)."),
        *_sources(),
        *_head("denoisers", "More: [your own denoiser](denoisers.md)."),
    ]
    architectures = DEFINITIONS["trained"]["properties"]["architecture"]["enum"]
    kinds = {f"architecture: {name}": name for name in architectures}
    for key, kind in (kinds | {k: k for k in ("weights", "function", "reference")}).items():
        parts += [f"### `{key}`", DEFINITIONS[kind]["description"]]
        required = DEFINITIONS["trained"]["required"] if "architecture" in key else (key,)
        parts.append(_table(_keys(DEFINITIONS[kind], required=required)))
    parts += [
        *_head("training", "More: [training](training.md). In each, "
               f"{DEFINITIONS['recipe']['description']}."),
        _table(_keys(DEFINITIONS["recipe"])),
        *_head("studies"),
        _table(_keys(DEFINITIONS["study"])),
        _table(_figures(), ("figure", "shows", "is drawn from")),
    ]  # fmt: skip
    for name in [name for name, section in SECTIONS.items() if "properties" in section]:
        parts += [*_head(name), _table(_keys(SECTIONS[name]))]
    return "\n\n".join(parts) + "\n"


def _head(name: str, more: str = "") -> list[str]:
    """Title, description and example of a section of the config."""
    found = re.search(rf"^{name}:.*\n(?:(?: .*)?\n)*", (ROOT / "config.yaml").read_text(), re.M)
    example = [f"```yaml\n{found[0].strip()}\n```"] if found else []
    return [f"## `{name}`", f"{SECTIONS[name]['description']} {more}".strip(), *example]


def _sources() -> list[str]:
    """The sources of images, and their keys: those that mean the same are one row."""
    names = DEFINITIONS["dataset"]["properties"]["source"]["enum"]
    sources, used_by = [], defaultdict(list)
    for name in names:
        rows = list(_keys(DEFINITIONS[name]))
        top = ", ".join(row[0] for row in rows if "." not in row[0])
        sources.append((f"`{name}`", DEFINITIONS[name]["description"], top))
        for row in rows:
            used_by[row].append(f"`{name}`")
    rows = [(key, ", ".join(used), *rest) for (key, *rest), used in used_by.items()]
    return [
        _table(sources, ("`source`", "images", "further keys")),
        _table(sorted(rows), ("key", "of", *KEYS[1:])),
    ]


def _figures() -> list[tuple]:
    """The figures, what each shows, and the stores that it is drawn from."""
    return [
        (f"`{name}`", declared["title"], ", ".join(f"`{kind}.zarr`" for kind in declared["reads"]))
        for name, declared in figures.declared().items()
    ]


def _resolved(entry: dict) -> dict:
    """The schema that an entry refers to; what stands beside the reference goes first."""
    if "$ref" not in entry:
        return entry
    found = DEFINITIONS[entry["$ref"].rpartition("/")[2]]
    return _resolved({**found, **{k: v for k, v in entry.items() if k != "$ref"}})


def _keys(entry: dict, prefix: str = "", required: Iterable[str] = ()) -> Iterable[tuple]:
    """(key, value, default, meaning) of each key of an object, and of the objects in it."""
    for name, value in entry.get("properties", {}).items():
        value = _resolved(value)
        if "const" in value:  # which kind of entry it is
            continue
        needed = "**required**" if name in (*entry.get("required", ()), *required) else ""
        default = _code(value["default"]) if "default" in value else needed
        yield f"`{prefix}{name}`", _value(value), default, value.get("description", "")
        if "null" in value.get("type", ()):
            yield from _keys(value, f"{prefix}{name}.")


def _value(entry: dict, plural: bool = False) -> str:
    """What is allowed, in words."""
    entry = _resolved(entry)
    if "enum" in entry:
        return " or ".join(map(_code, entry["enum"]))
    if "const" in entry or entry.get("type") == "null":
        return _code(entry.get("const"))
    if "anyOf" in entry:
        return "; ".join(_value(e) for e in entry["anyOf"])
    types = entry["type"] if isinstance(entry["type"], list) else [entry["type"]]
    names = {"string": "text", "boolean": "`true` or `false`", "object": "keys", "array": "list"}
    if plural:
        names = {"string": "names", "integer": "integers", "number": "numbers"}
    words = [names.get(t, t) for t in types if t != "null"]
    if types == ["object"] and "properties" in entry:
        words = ["keys " + ", ".join(f"`{name}`" for name in entry["properties"])]
    if "array" in types:
        if "prefixItems" in entry:
            words = ["two numbers"]
        else:
            words = [f"list of {_value(entry['items'], plural=True)}"]
            least = entry.get("minItems", 0)
            words[0] += f", at least {least}" if least > 1 else ""
    words[0] += _range(entry) + (f" like `{entry['pattern']}`" if "pattern" in entry else "")
    return " or ".join(words + ["`null`"] * ("null" in types))


def _range(entry: dict) -> str:
    limits = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    found = [f"{sign} {entry[name]}" for name, sign in limits.items() if name in entry]
    return f" {' and '.join(found)}" if found else ""


def _code(value) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).strip()
    return f"`{text.removesuffix('...').strip()}`"


def _table(rows: Iterable[tuple], head: tuple = KEYS) -> str:
    rows = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


# docs/architecture.md

#: Every kind of store, and its path.
STORES = {
    kind: path
    for name, stage in STAGES.items()
    for kind, path in stage.writes.items()
    if not name.startswith("figure_")
}
#: Beside the default study: images that are fetched, images in groups, and other denoisers.
MORE = {
    "datasets": {
        "fetched": {
            "source": "arrays", "side": 8,
            "path": "https://example.org/a.npy", "sha256": sha256().hexdigest(),
        },
        "in-groups": {
            "source": "archive", "side": 8, "groups": "folder",
            "path": "https://example.org/a.zip", "sha256": sha256().hexdigest(),
        },
    },
    "denoisers": {
        "imported": {"function": "torch.nn:Identity", "predicts": "denoised"},
        "wiener": {"reference": "wiener"},
    },
    "studies": {
        "more": {
            "datasets": ["fetched", "in-groups"], "denoisers": ["imported", "wiener"],
            "sizes": [1],
            "figures": ["psnr_curves"],
        }
    },
}  # fmt: skip


#: A job of each stage after the denoiser, whether a figure reads its store or not.
JOB = {"dataset": "calpha-2", "denoiser": "unet", "subset": "S1", "N": 1, "seed": 0,
       "study": "theories"}  # fmt: skip


def picture() -> str:
    """The rules and the stores between them, as Mermaid, from the jobs that a dry run lists.

    Of the stores that a rule reads, those that another one of them is made from have no arrow.
    """
    forms = {kind: re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for kind, path in STORES.items()}
    reads, writes = defaultdict(set), defaultdict(set)
    for rule, said in planned(_dry_run()):
        for direction, found in (("input", reads), ("output", writes)):
            paths = said.get(direction, "").split(", ")
            found[rule] |= {k for p in paths for k, form in forms.items() if form.fullmatch(p)}

    def above(kind: str, seen: frozenset = frozenset()) -> set[str]:
        """The stores that a store is made from, directly or not."""
        parents = {p for rule in writes if kind in writes[rule] for p in reads[rule]} - seen
        return parents.union(*(above(p, seen | parents) for p in parents))

    # Figures that are drawn from the same stores share a box.
    boxes = defaultdict(list)
    for rule in sorted((reads.keys() | writes.keys()) - {"all"}):
        boxes[tuple(sorted(reads[rule])) if rule.startswith("figure_") else rule].append(rule)
    stores = [kind for kind in STORES if any(kind in w for w in writes.values())]
    lines = ["flowchart TD"]
    names = {
        kind: Path(STORES[kind])
        .name.replace("{file}", "file of a URL")
        .replace("_{of}", "")
        .replace("-{study}", "")
        for kind in stores
    }
    lines += [f'    {kind}[("{names[kind]}")]:::store' for kind in stores]
    for rules in boxes.values():
        name = f"rule_{rules[0]}"
        lines.append(f'    {name}["{"<br>".join(rules)}"]:::rule')
        read = reads[rules[0]]
        hidden = set().union(*(above(k) - {k} for k in read - writes[rules[0]]))
        lines += [f"    {kind} --> {name}" for kind in stores if kind in read - hidden]
        lines += [f"    {name} --> {kind}" for kind in stores if kind in writes[rules[0]]]
    lines.append("    classDef rule fill:#fff3d6,stroke:#b8860b,color:#000")
    lines.append("    classDef store fill:#e3edf7,stroke:#4a6fa5,color:#000")
    return "\n".join(lines)


def _dry_run() -> str:
    """What snakemake would do for the default study and `MORE`, in a folder with no results."""
    stages = [s for s in STAGES.values() if "{subset}" in s.path and "denoiser" in s.reads]
    asked = [stage.path.format(**JOB) for stage in stages]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "more.yaml")
        config.write_text(yaml.safe_dump(MORE))
        command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile",
                   "--directory", folder, "--configfile", ROOT / "config.yaml", config,
                   "--dry-run", "--", "all", *asked]  # fmt: skip
        done = subprocess.run(command, text=True, capture_output=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return done.stdout


def architecture_page() -> str:
    """docs/architecture.md with the picture of now."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    return re.sub(r"```mermaid\n.*?```", f"```mermaid\n{picture()}\n```", page, flags=re.DOTALL)


PAGES = {"config.md": config_page, "architecture.md": architecture_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (ROOT / "docs" / name).write_text(page())
