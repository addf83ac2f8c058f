"""Fingerprints of the code that a script runs, ignoring comments, docstrings and formatting.

Snakemake's own `code` trigger looks at the time stamp of the script file and ignores its imports;
this looks at the content of the script and of every module of gahb that it reaches. The planning,
`study`, is not part of it, because it does not affect results.
"""

import ast
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: The closed forms of training sets, one file each.
REFERENCES = ROOT / "gahb" / "denoisers" / "references"
#: The optima of sources, one file for each source that has one.
OPTIMA = ROOT / "gahb" / "denoisers" / "optima"
#: Measurements on images whose geometry is known, one file for each such source.
GEOMETRIES = ROOT / "gahb" / "harmonics" / "geometries"
#: The files behind each fingerprint computed in this process.
_REACHED: dict[str, list[Path]] = {}


def code(script: str, modules: Iterable[str], files: Iterable[Path] = ()) -> str:
    """A fingerprint of a job's code, which changes if and only if the code does.

    Args:
        script: name of the file in workflow/scripts, without its ending.
        modules: modules that it imports by a name from the config, such as "gahb.datasets.calpha".
        files: other files that are part of its code; each is named in the result.
    """
    project = _reached(script, tuple(modules))
    digest = hashlib.sha256()
    for file in project:
        digest.update(f"{file.relative_to(ROOT)}={content(file)}\n".encode())
    files = [file.resolve() for file in files]
    named = [f"{file.name}={content(file)}" for file in files]
    found = " ".join(["code", digest.hexdigest()[:16], *named])
    _REACHED[found] = [*project, *files]
    return found


def reached() -> dict[str, dict[str, tuple[str, str]]]:
    """The files behind each `code` of this process, with hashes of their text and of the part that
    counts."""
    return {
        found: {str(file): (written(file), content(file)) for file in files}
        for found, files in _REACHED.items()
    }


@functools.cache
def _reached(script: str, modules: tuple[str, ...]) -> list[Path]:
    """The script and the modules of gahb that it imports, directly or not."""
    files = {ROOT / "scripts" / f"{script}.py", *(f for m in modules for f in _files(m))}
    found = set()
    while files:
        file = files.pop()
        found.add(file)
        files |= _imports(file) - found
    return sorted(found)


def defining(folder: Path, name: str) -> list[str]:
    """The modules in a folder that define a function `name`."""
    trees = {file.stem: ast.parse(file.read_bytes(), file) for file in folder.glob("*.py")}
    return [
        module
        for module, tree in trees.items()
        if any(isinstance(n, ast.FunctionDef) and n.name == name for n in tree.body)
    ]


def keywords(file: Path, name: str) -> dict[str, bool]:
    """The keyword arguments of the function `name` of a module, and whether each is required."""
    (found,) = (
        node.args
        for node in ast.parse(file.read_bytes(), file).body
        if isinstance(node, ast.FunctionDef) and node.name == name
    )
    return {a.arg: d is None for a, d in zip(found.kwonlyargs, found.kw_defaults, strict=True)}


def constant(file: Path, name: str):
    """The literal value of a module's constant; None if there is none of this name."""
    for node in ast.parse(file.read_bytes(), file).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    return None


def _files(module: str) -> set[Path]:
    """Files run by importing `module`, if it is part of gahb: its packages' __init__ and itself."""
    parts = module.split(".")
    found = set()
    if parts[0] != "gahb":
        return found
    for depth in range(1, len(parts) + 1):
        stem = ROOT.joinpath(*parts[:depth])
        found |= {f for f in (stem.with_suffix(".py"), stem / "__init__.py") if f.is_file()}
    return found


@functools.cache
def _imports(file: Path) -> frozenset[Path]:
    found = set()
    for node in ast.walk(ast.parse(_read(file), file)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found.update(f for name in names for f in _files(name))
    return frozenset(found)


@functools.cache
def _read(file: Path) -> bytes:
    """A file's bytes, read once, so that all hashes are of the same version."""
    return file.read_bytes()


def written(file: Path) -> str:
    """Hash of a file's text."""
    return hashlib.sha256(_read(file)).hexdigest()[:16]


@functools.cache
def content(file: Path) -> str:
    """Hash of the part of a file that counts: for a module of the project, its code."""
    if file.suffix != ".py" or ROOT not in file.parents:
        return written(file)
    tree = repr(_canonical(ast.parse(_read(file), file)))
    return hashlib.sha256(tree.encode()).hexdigest()[:16]


def _canonical(node):
    """A syntax tree as nested tuples, without docstrings, positions and empty fields.

    Empty fields are left out because newer versions of Python add some.
    """
    if isinstance(node, ast.AST):
        fields = [(name, _canonical(value)) for name, value in ast.iter_fields(node)]
        return type(node).__name__, tuple((n, v) for n, v in fields if v not in (None, ()))
    if isinstance(node, list):
        return tuple(_canonical(n) for n in node if not _is_docstring(n))
    return (node,) if node is None or isinstance(node, list | tuple) else node


def _is_docstring(node) -> bool:
    """A bare string is a docstring or a comment: it computes nothing."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
