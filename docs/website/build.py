"""Builds the documentation as static pages with search: `make site`, or python build.py FOLDER.

The pages are the Markdown files and notebooks of the repository, and an API made from docstrings.
They are copied into a separate folder, where links to files of the repository lead to pages that
show these files, and Sphinx turns that into HTML. Nothing is fetched.
"""

import ast
import base64
import functools
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from sphinx.cmd.build import build_main

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORKFLOW = ROOT / "workflow"

#: The menu. Pages of docs/ that no section names are in the last one.
MENU = {
    "Start here": [
        "docs/tutorial.notebook", "docs/howto", "docs/gallery/README", "docs/results", "docs/faq",
    ],
    "What was found": [
        "docs/findings", "docs/optimum", "docs/phase", "docs/architectures", "docs/comparison",
    ],
    "Your own study": [
        "docs/data", "docs/denoisers", "docs/training", "docs/config", "docs/staleness",
        "docs/cluster", "docs/own-model", "docs/library", "docs/library.notebook",
    ],
    "How it works": [
        "docs/method", "docs/architecture", "docs/extending", "api/index", "CONTRIBUTING",
        "CHANGELOG",
    ],
}  # fmt: skip

LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")
CODE = re.compile(r"(^ *(`{3,}).*?^ *\2 *$)", re.M | re.S)
LANGUAGES = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".smk": "python", ".sh": "bash"}


def build(out: Path) -> int:
    """Build the site in `out`, with warnings (dead links) as errors; Sphinx's exit status."""
    with tempfile.TemporaryDirectory() as folder:
        staged = Path(folder, "source")
        for page in pages():
            _put(staged, page)
        _front(staged)
        _api(staged)
        command = ["-q", "-W", "--keep-going", "-b", "html", "-c", HERE, "-d", f"{folder}/trees"]
        return build_main([*map(str, command), str(staged), str(out)])


def pages() -> list[Path]:
    """The Markdown files and notebooks of the repository that are documentation."""
    docs = ROOT / "docs"
    return sorted([*ROOT.glob("*.md"), *docs.rglob("*.md"), *docs.rglob("*.ipynb")])


def _put(staged: Path, page: Path) -> None:
    """Write a page with its links, and the files that it links to."""
    text = page.read_text()
    parts = CODE.split(_cells(staged, page, text) if page.suffix == ".ipynb" else text)
    # Each piece of code has two groups: all of it, and its fence.
    text = "".join(
        part if i % 3 else LINK.sub(lambda m: _link(staged, page, m), part)
        for i, part in enumerate(parts)
        if i % 3 != 2
    )
    _write(staged / _place(page), text)


def _place(page: Path) -> Path:
    """The place of a page, as in the repository; the README is the front page."""
    if page.suffix == ".ipynb":
        return page.relative_to(ROOT).with_suffix(".notebook.md")
    return Path("index.md") if page == ROOT / "README.md" else page.relative_to(ROOT)


def _cells(staged: Path, page: Path, notebook: str) -> str:
    """The cells of a notebook as Markdown, with their outputs."""
    parts = []
    for number, cell in enumerate(json.loads(notebook)["cells"]):
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        for shown, output in enumerate(cell.get("outputs", ())):
            if "text" in output:
                parts.append(f"```text\n{''.join(output['text'])}```")
                continue
            picture = staged / _place(page).with_name(f"{page.stem}-{number}-{shown}.png")
            picture.parent.mkdir(parents=True, exist_ok=True)
            picture.write_bytes(base64.b64decode(output["data"]["image/png"]))
            parts.append(f"```{{image}} {picture.name}\n```")
    return "\n\n".join(parts)


def _link(staged: Path, page: Path, found: re.Match) -> str:
    """A link to a page, to the API, or to a page that shows a file."""
    before, link, after = found.groups()
    if re.match(r"\w+:", link):
        return found[0]
    target = (page.parent / link).resolve()
    if target in pages():
        leads = staged / _place(target)
    elif _module(target) in _modules():
        return f"{before}#{_module(target)})"
    elif target.suffix in (".png", ".csv"):
        leads = staged / target.relative_to(ROOT)
        leads.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(target, leads)
    else:
        leads = _shown(staged, target)
    return f"{before}{os.path.relpath(leads, (staged / _place(page)).parent)}{after}"


def _shown(staged: Path, file: Path) -> Path:
    """A page that shows a file of the repository, or lists a folder."""
    name = file.relative_to(ROOT)
    leads = staged / "files" / f"{name}.md"
    if leads.exists():
        return leads
    if file.is_dir():
        leads = staged / "files" / name / "index.md"
        inside = sorted(f for f in file.iterdir() if not f.name.startswith(("_", ".")))
        text = "\n".join(
            f"- [{f.name}]({os.path.relpath(_shown(staged, f), leads.parent)})" for f in inside
        )
    else:
        language = LANGUAGES.get(file.suffix, "text")
        text = f"````{{code-block}} {language}\n{file.read_text()}\n````"
    _write(leads, f"---\norphan: true\n---\n\n# {name}\n\n{text}\n")
    return leads


def _front(staged: Path) -> None:
    """The menu, below the README."""
    named = [page for section in MENU.values() for page in section]
    others = [str(_place(page).with_suffix("")) for page in pages()]
    menu = {title: list(section) for title, section in MENU.items()}
    menu["How it works"] += [page for page in others if page not in (*named, "index")]
    with (staged / "index.md").open("a") as page:
        for title, section in menu.items():
            listed = "\n".join(section)
            page.write(f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n{listed}\n```\n")


def _api(staged: Path) -> None:
    """Write a page for each module of the science, and one for each folder with all its modules."""
    names = sorted({_page_of(module) for module in _modules()} - {"gahb"})
    for name in names:
        text = [f"{name}\n{'=' * len(name)}\n"]
        for module in _modules():
            if _page_of(module) == name:
                if module != name:
                    text.append(f"{module}\n{'-' * len(module)}\n")
                text.append(f".. automodule:: {module}\n   :members:\n   :ignore-module-all:\n")
        _write(staged / "api" / f"{name}.rst", "\n".join(text))
    listed = [f"- {{py:mod}}`{name}`: {_first_line(name)}" for name in names]
    menu = ["```{toctree}", ":hidden:", "", *names, "```"]
    head = ["# The Python API", "```{automodule} gahb", "```"]
    _write(staged / "api" / "index.md", "\n".join([*head, *listed, *menu]))


@functools.cache
def _modules() -> list[str]:
    """The modules of the science, without figures, which are alike and not useful elsewhere."""
    found = sorted(_module(file) for file in (WORKFLOW / "gahb").rglob("*.py"))
    return [name for name in found if not name.startswith(("gahb.figures", "gahb.drawing"))]


def _first_line(module: str) -> str:
    stem = WORKFLOW.joinpath(*module.split("."))
    file = stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")
    return ast.get_docstring(ast.parse(file.read_text())).split("\n")[0]


def _module(file: Path) -> str:
    """The full name of a module, given its file or folder; "" for other files."""
    if not file.is_relative_to(WORKFLOW) or file.suffix not in ("", ".py"):
        return ""
    parts = file.relative_to(WORKFLOW).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _page_of(module: str) -> str:
    """The page of a module: its own, or the page of its folder below gahb."""
    file = WORKFLOW.joinpath(*module.split("."))
    return module if file.is_dir() or file.parent.name == "gahb" else module.rpartition(".")[0]


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1])))
