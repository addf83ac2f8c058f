"""`python -m study.written FILE ...`: mistakes in a config's text that YAML would hide.

YAML keeps the last of two entries with the same name, and snakemake does not say which file cannot
be read, nor where.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml


def mistakes_in(files: Iterable[str | Path]) -> list[str]:
    """A message for each mistake, with file and line; missing files have none."""
    return [line for file in map(Path, files) if file.is_file() for line in _mistakes(file)]


def _mistakes(file: Path) -> Iterator[str]:
    try:
        text = file.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        yield f"{file}: is not UTF-8 text ({error})"
    except yaml.YAMLError as error:
        if not _is_json(text):  # JSON may contain tabs
            mark = getattr(error, "problem_mark", None)
            problem = getattr(error, "problem", None) or error
            where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
            hint = "; text with a colon needs quotes" if "mapping values" in str(problem) else ""
            yield f"{file}{where}: is not valid YAML: {problem}{hint}"
    else:
        for key, line, first in _repeated(root, set()):
            yield f"{file}, line {line}: a second entry {key!r}; the first is in line {first}"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _repeated(node: yaml.Node | None, seen: set[int]) -> Iterator[tuple[str, int, int]]:
    """(key, line, line of the first) for each key that occurs twice in a mapping."""
    if not isinstance(node, yaml.CollectionNode) or id(node) in seen:  # an alias
        return
    seen.add(id(node))
    lines = {}
    for item in node.value:
        key, value = item if isinstance(node, yaml.MappingNode) else (None, item)
        if isinstance(key, yaml.ScalarNode):
            line = key.start_mark.line + 1
            if key.value in lines:
                yield key.value, line, lines[key.value]
            lines.setdefault(key.value, line)
        yield from _repeated(value, seen)


if __name__ == "__main__":
    if found := mistakes_in(sys.argv[1:]):
        sys.exit("\n".join(found))
    print("It is valid YAML, and no entry occurs twice.")
