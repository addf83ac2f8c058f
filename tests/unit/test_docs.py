"""The pages of docs/ agree with the code."""

import ast
import importlib.util
import inspect
import re
from pathlib import Path

import pytest
import snakemake.exceptions
import yaml
from conftest import ROOT
from study import figures
from study.config import checked

PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
FAQ = (ROOT / "docs" / "faq.md").read_text()


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name", ["config.md", "architecture.md", "../workflow/schemas/config.schema.json"]
)
def test_pages_that_are_made_from_the_code_are_current(generate, name):
    page = (ROOT / "docs" / name).read_text()
    assert page == generate.PAGES[name](), "`make docs` brings it up to date"


def anchors(page) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith(("http:", "https:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


NEW = ROOT / "docs" / "extending.md"  # its files are not there yet


@pytest.mark.parametrize("page", sorted({*PAGES} - {NEW}), ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_names_of_the_code_that_pages_speak_of_are_there(page):
    text = page.read_text()
    for path in re.findall(r"`(?:workflow/)?((?:gahb|study|scripts|rules|schemas)/[\w./]*)`", text):
        assert "NAME" in path or (ROOT / "workflow" / path).exists(), path
    for line in re.findall(r"^from gahb.* import .*$", text, re.M):
        exec(line)


def test_the_script_that_is_run_by_hand_takes_these_arguments():
    (example,) = re.findall(r"^```python\n(from scripts.*?)^```$", NEW.read_text(), re.M | re.S)
    (call,) = (node for node in ast.walk(ast.parse(example)) if isinstance(node, ast.Call))
    exec(example.partition("\n")[0], names := {})
    inspect.signature(names["main"]).bind(**{keyword.arg: None for keyword in call.keywords})


def test_the_config_of_the_readme_is_valid():
    page = (ROOT / "README.md").read_text()
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.M | re.S)
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    for section, value in yaml.safe_load(example).items():
        config[section] = config[section] | value if section in config else value
    config = checked(config)
    shown = [
        list(figures.all_of(config, study, figures.declared()[figure]["compares"]))
        for study in config["run"]
        for figure in config["studies"][study]["figures"]
    ]
    assert sum(map(len, shown)) == 9


def test_the_tests_that_the_page_of_cases_names_are_there():
    page = (ROOT / "docs" / "cases.md").read_text()
    there, file, found = {}, "", 0
    for path in (ROOT / "tests").rglob("test_*.py"):
        there[path.name] = there.get(path.name, "") + path.read_text()
    for line in re.findall(r"^\| [^*|].* \|$", page, re.M)[2:]:
        for name in re.findall(r"`(\w+(?:\.py)?)`", line.rpartition(" | ")[2]):
            file = name if name.endswith(".py") else file
            assert name in there if name == file else f"def {name}(" in there[file], name
            found += 1
    assert found > 40


def texts(path) -> list[str]:
    """The texts in a file of Python, with … for what is filled in."""

    def text(node) -> str:
        if isinstance(node, ast.JoinedStr):
            return "".join(map(text, node.values))
        return str(node.value) if isinstance(node, ast.Constant) else "…"

    nodes = ast.walk(ast.parse(path.read_text()))
    return [text(n) for n in nodes if isinstance(n, ast.JoinedStr | ast.Constant)]


def quoted(*sections: str) -> list[str]:
    """The messages that are headings of these sections of the FAQ."""
    found = re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", FAQ, re.M | re.S)
    chosen = "".join(text for title, text in found if title in sections)
    return re.findall(r"^### `(.*)`$", chosen, re.M)


def is_said(message: str, said: list[str]) -> bool:
    pattern = ".*".join(map(re.escape, message.strip("…").split("…")))
    return any(re.search(pattern, text, re.S) for text in said)


@pytest.mark.parametrize("message", quoted("The config", "Jobs"))
def test_messages_of_the_faq_are_said_by_the_code(message):
    said = [t for path in (ROOT / "workflow").rglob("*.py") for t in texts(path)]
    assert is_said(message, said)


@pytest.mark.parametrize("message", quoted("Snakemake"))
def test_messages_of_the_faq_are_said_by_snakemake(message):
    assert is_said(message, texts(Path(snakemake.exceptions.__file__)))
