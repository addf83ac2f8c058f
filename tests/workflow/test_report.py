"""The report of the tiny study, opened in a browser, and how it is published."""

import csv
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from browser import in_chromium, opened
from conftest import ROOT, TINY, Study
from gahb.drawing import page
from study import figures
from unit.test_figures import eigenbasis_store

pytestmark = pytest.mark.slow

FIGURES = {
    f"results/figures/{study}/{figure}_{job['of']}.png"
    for study in TINY["run"]
    for figure in TINY["studies"][study]["figures"]
    for job in figures.all_of(TINY, study, figures.declared()[figure]["compares"])
}
PAGES = {"results/figures/photographs/eigenbasis_photo_cnn.html"}
SUMMARY = "results/summary.csv"

#: Opens each study and, for each result, the caption, the preview and the rule.
VISIT_REPORT = """
  const click = element => (element.click(), wait(50));
  const rows = () => all("nav tbody tr");
  const home = () => click(all("nav ol a")[0]);
  const menu = text => click(all("nav li > a").find(a => a.innerText.trim() == text));
  Object.assign(found, {studies: {}, captions: {}, figures: {}, pages: [], tables: {}, rules: {}});
  await menu("Workflow");
  found.graph = all("#rulegraph canvas, #rulegraph svg").map(g => g.getBoundingClientRect().height);
  found.text = all(".prose")[0].innerText;
  found.config = all(".prose details")[0].textContent;
  found.answer = all(".prose img")[0].naturalWidth;
  found.below = all("#rulegraph")[0].getBoundingClientRect().top
    - all(".prose")[0].getBoundingClientRect().bottom;
  found.clicked = {};
  for (let i = 0; i < all(".figures a").length; i++) {
    await click(all(".figures a")[i]);
    const path = app.state.resultPath;
    const shown = path.endsWith(".html") ? all("iframe").pop() : all("#app img").pop();
    found.clicked[path] = shown.src == results[path].data_uri && all("nav .prose").length;
    await home();
    await menu("Workflow");
  }
  for (const study of Object.keys(categories)) {
    await home();
    await menu(study);
    found.studies[study] = rows().length;
    for (let i = 0; i < found.studies[study]; i++) {
      await home();
      await menu(study);
      await click(rows()[i].querySelectorAll("a")[1]);
      const path = app.state.resultPath;
      found.captions[path] = all("nav .prose")[0].innerText;
      const eye = rows()[0].querySelector("a");
      if (eye.download) {
        found.tables[path] = atob(eye.href.split(",")[1]);
      } else {
        await click(eye);
        const image = all("#app img").pop();
        if (path.endsWith(".png")) found.figures[path] = image.complete && image.naturalWidth;
        else if (all("iframe").pop().src.startsWith("data:text/html")) found.pages.push(path);
      }
      await click(all("nav span a").pop());
      found.rules[path] = all("nav .source").length;
    }
  }
  await home();
  await menu("Statistics");
  await menu("About");
"""

#: Moves the slider to its end and chooses the last image.
VISIT_PAGE = """
  const state = () => [all("figcaption").pop().innerText, ...all("canvas").map(c => c.toDataURL())];
  found.first = state();
  all("input")[0].value = all("input")[0].max;
  all("input")[0].dispatchEvent(new Event("input"));
  found.last = state();
  all("select")[0].selectedIndex = all("select")[0].length - 1;
  all("select")[0].dispatchEvent(new Event("change"));
  found.other = state();
"""


@pytest.fixture(scope="module")
def visited(finished, tmp_path_factory) -> dict:
    """The findings of a visitor of the report who clicks on everything."""
    folder = tmp_path_factory.mktemp("report")
    # In a copy: another test may hold the lock of the study.
    shutil.copytree(finished.folder, folder / "run", ignore=shutil.ignore_patterns("locks"))
    Study(folder / "run", TINY).run("all", "--report", str(folder / "report.html"))
    return opened(folder / "report.html", folder / "visited.html", VISIT_REPORT)


@in_chromium
def test_every_figure_is_shown(visited):
    assert visited["figures"].keys() == FIGURES
    assert min(visited["figures"].values()) >= 600
    assert set(visited["pages"]) == PAGES


@in_chromium
def test_studies_are_listed_with_their_figures(visited):
    of = Counter(path.split("/")[2] for path in FIGURES | PAGES)
    assert visited["studies"] == of | Counter(Summary=1)
    assert all(visited["rules"].values())


@in_chromium
def test_the_first_page_opens_on_the_answer(finished, visited):
    """Picture and numbers, then every figure a click away, then the rules and the config."""
    assert visited["answer"] >= 600
    # A blank cell shows a non-breaking space.
    rows = [[cell.strip() for cell in line.split("\t")] for line in visited["text"].splitlines()]
    with (finished.folder / SUMMARY).open() as file:
        of_pairs = [row for row in csv.DictReader(file) if row["between"]]
    columns = ("study", "dataset", "denoiser", "N", "between", "ceiling", "closest_S1", "memorized")
    assert of_pairs and all([row[c] for c in columns] in rows for row in of_pairs)
    assert visited["clicked"] == dict.fromkeys(FIGURES | PAGES, 1)
    assert max(visited["graph"]) > 500 and visited["below"] >= 0
    for key in ("seed: 0", "calpha: {", '"schedule": "cosine"', "studies:"):
        assert key in visited["config"]


@in_chromium
def test_captions_hold_the_numbers(finished, visited):
    assert visited["captions"].keys() == FIGURES | PAGES | {SUMMARY}
    assert visited["tables"] == {SUMMARY: (finished.folder / SUMMARY).read_bytes().decode()}
    for path, caption in visited["captions"].items():
        if path in PAGES:  # their numbers agree with the figure
            continue
        shown = [[cell.strip() for cell in line.split("\t")] for line in caption.splitlines()]
        table = (finished.folder / path).with_suffix(".csv").read_text()
        assert all(row in shown for row in csv.reader(table.splitlines())), path
        assert "System Message" not in caption
        assert "{{" not in caption


@in_chromium
def test_an_eigenbasis_can_be_browsed(tmp_path):
    basis = eigenbasis_store(images=2)
    page.write(basis, tmp_path / "page.html")
    found = opened(tmp_path / "page.html", tmp_path / "visited.html", VISIT_PAGE)
    for state, image, rank in (("first", 0, 1), ("last", 0, 64), ("other", 1, 64)):
        size = abs(float(basis.clean_coefficients[image, 0, rank - 1]))
        words = found[state][0].split("\n")
        assert words == [f"eigenvector k = {rank}", f"λ = {1 / rank:.3f}", f"|⟨x, e⟩| = {size:.3f}"]
    changed = [a != b for a, b in zip(found["first"], found["last"], strict=True)]
    assert changed == [True, False, False, False, True]
    changed = [a != b for a, b in zip(found["last"], found["other"], strict=True)]
    assert changed == [True, True, True, True, False]


def test_published_by_one_command(tmp_path):
    """`make publish`, with an existing report, into a bare repository."""

    def git(*arguments, folder="work") -> str:
        command = ["git", "-C", str(tmp_path / folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    (tmp_path / "work/results/report").mkdir(parents=True)
    subprocess.run(["git", "init", "--bare", "-q", tmp_path / "origin"], check=True)
    git("init", "-q")
    git("config", "user.name", "Someone")
    git("config", "user.email", "someone@example.org")
    git("remote", "add", "origin", str(tmp_path / "origin"))
    for text in ("first", "second"):
        (tmp_path / "work/results/report/index.html").write_text(text)
        publish = [
            "make", "-f", ROOT / "Makefile", "-o", "report", f"BIN={Path(sys.executable).parent}",
            "publish",
        ]  # fmt: skip
        subprocess.run(publish, cwd=tmp_path / "work", check=True, capture_output=True)
        assert git("show", "gh-pages:index.html", folder="origin") == text
    assert git("ls-tree", "--name-only", "gh-pages", folder="origin").split() == [
        ".nojekyll", "index.html"
    ]  # fmt: skip
