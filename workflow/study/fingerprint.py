"""Fingerprints of code: what a script runs, blind to comments, docstrings and formatting.

Snakemake's own `code` trigger looks at the time stamp of the script file and at nothing that it
imports; this looks at the content of the script and of every module of the project that it reaches.
"""

import ast
import functools
import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Where the closed forms of training sets are, a file each.
REFERENCES = ROOT / "gahb" / "denoisers" / "references"
#: Where the optima of sources are, a file for each source that has one.
OPTIMA = ROOT / "gahb" / "denoisers" / "optima"
#: What is measured of images whose geometry is known, a file for each source of which it is.
GEOMETRIES = ROOT / "gahb" / "harmonics" / "geometries"


def fingerprint(script: str, *modules: str) -> str:
    """Hash of what `scripts/{script}` and the modules that it imports, directly or not, compute.

    Args:
        script: file name in workflow/scripts.
        modules: modules that it imports by a name from the config, for instance
            "gahb.datasets.calpha".
    """
    files = {ROOT / "scripts" / script, *(f for m in modules for f in _files(m))}
    reached = set()
    while files:
        file = files.pop()
        reached.add(file)
        files |= _imports(file) - reached
    digest = hashlib.sha256()
    for file in sorted(reached):
        digest.update(f"{file.relative_to(ROOT)}={_content(file)}\n".encode())
    return digest.hexdigest()[:16]


def defining(folder: Path, name: str) -> list[str]:
    """The modules in a folder that define a function `name`."""
    trees = {file.stem: ast.parse(file.read_bytes(), file) for file in folder.glob("*.py")}
    return [
        module
        for module, tree in trees.items()
        if any(isinstance(n, ast.FunctionDef) and n.name == name for n in tree.body)
    ]


def keywords(file: Path, name: str) -> dict[str, bool]:
    """The keyword arguments of the function `name` of a module, and whether each must be given."""
    (found,) = (
        node.args
        for node in ast.parse(file.read_bytes(), file).body
        if isinstance(node, ast.FunctionDef) and node.name == name
    )
    return {a.arg: d is None for a, d in zip(found.kwonlyargs, found.kw_defaults, strict=True)}


def constant(file: Path, name: str):
    """The value of a constant of a module, a literal; None if it has none of that name."""
    for node in ast.parse(file.read_bytes(), file).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    return None


def _files(module: str) -> set[Path]:
    """Files that importing `module` runs: its packages' __init__ and itself, if of the project."""
    parts = module.split(".")
    found = set()
    for depth in range(1, len(parts) + 1):
        stem = ROOT.joinpath(*parts[:depth])
        found |= {f for f in (stem.with_suffix(".py"), stem / "__init__.py") if f.is_file()}
    return found


@functools.cache
def _imports(file: Path) -> frozenset[Path]:
    found = set()
    for node in ast.walk(ast.parse(file.read_bytes(), file)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found.update(f for name in names for f in _files(name))
    return frozenset(found)


@functools.cache
def _content(file: Path) -> str:
    return hashlib.sha256(repr(_canonical(ast.parse(file.read_bytes(), file))).encode()).hexdigest()


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
