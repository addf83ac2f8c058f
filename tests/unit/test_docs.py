"""The pages of docs/ agree with the code."""

import ast
import csv
import importlib.util
import inspect
import re
import tomllib
from pathlib import Path

import pytest
import snakemake.exceptions
import yaml
from conftest import ROOT
from study import figures
from study.config import checked

FOLDERS = ("", "docs/**/", "studies/", "profiles/")
PAGES = [page for folder in FOLDERS for page in ROOT.glob(f"{folder}*.md")]
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
def test_generated_pages_are_current(generate, name):
    page = (ROOT / "docs" / name).read_text()
    assert page == generate.PAGES[name](), "`make docs` brings it up to date"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_numbers_agree_with_the_gallery(generate, page):
    assert page.read_text() == generate.numbered(page), "`make docs` brings them up to date"


@pytest.fixture
def numbered(generate, tmp_path, monkeypatch):
    """The result for a text if the gallery has one file, `a.csv`."""
    gallery = tmp_path / "docs" / "gallery"
    gallery.mkdir(parents=True)
    (gallery / "a.csv").write_text(
        "N,name,r,r_low,r_high\n10,one,-0.126,-0.2,0.001\n1000,two words,-0.001,,\n"
    )
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    page = tmp_path / "page.md"

    def made(text: str) -> str:
        page.write_text(text)
        page.write_text(once := generate.numbered(page))
        assert generate.numbered(page) == once
        return once

    return made


@pytest.mark.parametrize(
    ("marker", "number"),
    [
        ("a.csv N=10 {r:.2f}", "-0.13"),
        ("a.csv N=10.0 {r:.1f[]}", "-0.1 [-0.2, 0.0]"),
        ("a.csv N=1000 {r:.2f[]}", "0.00"),
        ("a.csv name='two words' {N:,} of {name}", "1,000 of two words"),
        ("a.csv N=10 {r:.0%}, {N=1000 r:.1%}", "-13 %, -0.1 %"),
    ],
)
def test_a_number_in_a_line_comes_from_its_file_row_and_column(numbered, marker, number):
    before, after = f"It is <!-- {marker} -->", "<!-- -->."
    number = number.replace("-", "\N{MINUS SIGN}")
    assert numbered(f"{before}old{after}") == f"{before}{number}{after}"


def test_a_table_has_a_line_for_each_row(numbered):
    markers = "<!-- a.csv | {name} | {N:,} | -->\n<!-- a.csv N=10 | again | {r:.1f} | -->\n"
    head = markers + "| a | b |\n|---|---|\n"
    made = "| one | 10 |\n| two words | 1,000 |\n| again | \N{MINUS SIGN}0.1 |\n"
    assert numbered(f"{head}| old | 1 |\n\nmore\n") == f"{head}{made}\nmore\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("is <!-- a.csv N=7 {r:.2f} -->0<!-- -->", "page.md: a.csv has no row with .*7.*10.*1000"),
        ("is <!-- a.csv N=10 {s:.2f} -->0<!-- -->", "page.md: a.csv has no column s: .*r_high"),
        ("is <!-- a.csv N=10 {N:.2f[]} -->0<!-- -->", "page.md: a.csv has no column N_"),
        ("is <!-- a.csv {r:.2f} -->0<!-- -->", "page.md: .*has 2 rows, not one"),
        ("is <!-- a.csv N=1000 {r_low:.2f} -->0<!-- -->", "page.md: .*not one with a value"),
        ("is <!-- b.csv {r:.2f} -->0<!-- -->", "page.md: .*b.csv"),
        ("is <!-- a.csv N=10 {r:.2f} -->0", "page.md: .*neither"),
        ("- <!-- a.csv N=10 {r:.2f} -->0<!-- --> is", "page.md: .*begins a line"),
    ],
)
def test_a_marker_that_leads_nowhere_is_named(numbered, text, said):
    with pytest.raises(ValueError, match=said):
        numbered(text)


def anchors(page) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
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


NEW = ROOT / "docs" / "extending.md"  # its files do not exist yet


@pytest.mark.parametrize("page", sorted({*PAGES} - {NEW}), ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_names_mentioned_on_pages_exist(page):
    text = page.read_text()
    for path in re.findall(r"`(?:workflow/)?((?:gahb|study|scripts|rules|schemas)/[\w./]*)`", text):
        assert "NAME" in path or (ROOT / "workflow" / path).exists(), path
    for line in re.findall(r"^from gahb.* import .*$", text, re.M):
        exec(line)


def test_the_script_for_manual_runs_takes_these_arguments():
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


def test_the_tests_named_on_the_page_of_cases_exist():
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


def test_the_numbers_in_the_paper_agree_with_the_gallery():
    page = (ROOT / "paper" / "paper.md").read_text()
    names, _, *rows = (line.strip("| ").split(" | ") for line in re.findall(r"^\|.*$", page, re.M))
    with open(ROOT / "docs" / "gallery" / "summary.csv") as file:
        known = [row for row in csv.DictReader(file) if row["study"] == "memorization"]
    assert rows == [[row[name] for name in names] for row in known] and len(rows) == 4


def test_the_paper_cites_all_entries_of_its_bibliography():
    page, entries = ((ROOT / "paper" / f"paper.{kind}").read_text() for kind in ("md", "bib"))
    assert set(re.findall(r"@(\w+)", page)) == set(re.findall(r"^@\w+\{(\w+),$", entries, re.M))


def test_the_citation_has_the_version_of_the_package():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    with open(ROOT / "pyproject.toml", "rb") as file:
        assert cited["version"] == tomllib.load(file)["project"]["version"]
    title = f"## {cited['version']} - {cited['date-released']}\n"
    assert title in (ROOT / "CHANGELOG.md").read_text()


def texts(path) -> list[str]:
    """The strings in a Python file, with … for inserted values."""

    def text(node) -> str:
        if isinstance(node, ast.JoinedStr):
            return "".join(map(text, node.values))
        return str(node.value) if isinstance(node, ast.Constant) else "…"

    nodes = ast.walk(ast.parse(path.read_text()))
    return [text(n) for n in nodes if isinstance(n, ast.JoinedStr | ast.Constant)]


def quoted(*sections: str) -> list[str]:
    """The messages in the headings of these sections of the FAQ."""
    found = re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", FAQ, re.M | re.S)
    chosen = "".join(text for title, text in found if title in sections)
    return re.findall(r"^### `(.*)`$", chosen, re.M)


def is_said(message: str, said: list[str]) -> bool:
    pattern = ".*".join(map(re.escape, message.strip("…").split("…")))
    return any(re.search(pattern, text, re.S) for text in said)


@pytest.mark.parametrize("message", quoted("The config", "Jobs"))
def test_messages_in_the_faq_are_in_the_code(message):
    said = [t for path in (ROOT / "workflow").rglob("*.py") for t in texts(path)]
    assert is_said(message, said)


@pytest.mark.parametrize("message", quoted("Snakemake"))
def test_messages_in_the_faq_are_snakemakes(message):
    assert is_said(message, texts(Path(snakemake.exceptions.__file__)))
