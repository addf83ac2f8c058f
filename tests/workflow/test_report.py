"""The report of the tiny study, opened in a browser, and how it is published."""

import csv
import html
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, TINY
from study.config import checked
from study.plan import Plan

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FIGURES = {f"{figure}.png" for figure in Plan(checked(TINY)).figures()}
SUMMARY = "results/summary.csv"

#: Runs before the page does: keeps whatever it complains of.
LISTEN = """<script>
const complaints = [];
console.error = (...said) => complaints.push(said.join(" "));
addEventListener("error", e => complaints.push(e.message || e.target.outerHTML), true);
addEventListener("unhandledrejection", e => complaints.push(String(e.reason)));
</script>"""

#: Runs at the end: clicks through the page and writes down what it finds.
VISIT = """<script>
const found = {studies: {}, captions: {}, figures: {}, tables: {}, rules: {}};
const wait = milliseconds => new Promise(done => setTimeout(done, milliseconds));
const visit = async () => {
  await wait(500);
  const all = selector => [...document.querySelectorAll(selector)];
  const click = element => (element.click(), wait(50));
  const rows = () => all("nav tbody tr");
  const home = () => click(all("nav ol a")[0]);
  const menu = text => click(all("nav li > a").find(a => a.innerText.trim() == text));
  await menu("Workflow");
  found.graph = all("#rulegraph canvas, #rulegraph svg").map(g => g.getBoundingClientRect().height);
  found.text = all(".prose")[0].innerText;
  found.links = all(".prose a").map(link => link.href);
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
        found.figures[path] = image.complete ? image.naturalWidth : 0;
      }
      await click(all("nav span a").pop());
      found.rules[path] = all("nav .source").length;
    }
  }
  await home();
  await menu("Statistics");
  await menu("About");
};
visit().catch(error => complaints.push(error.stack)).finally(() => {
  found.complaints = complaints;
  found.loaded = performance.getEntriesByType("resource").map(e => e.name.slice(0, 80));
  const written = document.createElement("pre");
  written.id = "found";
  written.innerText = JSON.stringify(found);
  document.body.replaceChildren(written);
});
</script>"""


@pytest.fixture(scope="module")
def report(finished, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    finished.run("all", "--report", str(path))
    return path


@pytest.fixture(scope="module")
def visited(report) -> dict:
    """What a visitor finds who clicks on everything."""
    head, tail = report.read_text().split("<head>", 1)
    tail, end = tail.rsplit("</body>", 1)
    page = report.with_name("visited.html")
    page.write_text(f"{head}<head>{LISTEN}{tail}{VISIT}</body>{end}")
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        f"--user-data-dir={report.parent / 'profile'}", "--virtual-time-budget=60000", "--dump-dom",
        page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    found = re.search('<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stdout[-2000:] + done.stderr
    return json.loads(html.unescape(found[1]))


in_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium is installed; on Debian: apt-get install chromium"
)


@in_chromium
def test_nothing_is_complained_of_and_nothing_loaded(visited):
    assert visited["complaints"] == []
    assert [url for url in visited["loaded"] if not url.startswith(("data:", "blob:"))] == []


@in_chromium
def test_every_figure_is_shown(visited):
    assert visited["figures"].keys() == FIGURES
    assert min(visited["figures"].values()) >= 600


@in_chromium
def test_studies_are_listed_with_their_figures(visited):
    assert visited["studies"] == {
        study: len(TINY["studies"][study]["figures"]) for study in TINY["run"]
    } | {"Summary": 1}
    assert all(visited["rules"].values())


@in_chromium
def test_the_first_page_has_the_config_and_the_rule_graph(visited):
    assert max(visited["graph"]) > 500
    config = visited["text"].partition("The config")[2]
    assert visited["links"] == ["https://arxiv.org/abs/2310.02557"]
    for key in ("seed: 0", "calpha: {", '"schedule": "cosine"', "studies:"):
        assert key in config


@in_chromium
def test_captions_hold_the_numbers(finished, visited):
    assert visited["captions"].keys() == FIGURES | {SUMMARY}
    assert visited["tables"] == {SUMMARY: (finished.folder / SUMMARY).read_bytes().decode()}
    for path, caption in visited["captions"].items():
        shown = [[cell.strip() for cell in line.split("\t")] for line in caption.splitlines()]
        table = (finished.folder / path).with_suffix(".csv").read_text()
        assert all(row in shown for row in csv.reader(table.splitlines())), path
        assert "System Message" not in caption
        assert "{{" not in caption


def test_published_by_one_command(tmp_path):
    """`make publish`, with a report that is made already, into a bare repository."""

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
