"""The documentation as a site: complete, from the repository alone, and readable on a phone."""

import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from browser import LISTEN, VISIT, in_chromium, visited
from conftest import ROOT

pytestmark = pytest.mark.slow

#: Opens each page in a frame as wide as a phone, once its formulas are typeset.
VISIT_PAGES = """
  const frame = document.createElement("iframe");
  frame.width = 390;
  frame.height = 844;
  document.body.append(frame);
  found.pages = {};
  for (const page of PAGES) {
    await new Promise(done => { frame.onload = done; frame.src = page; });
    const inside = frame.contentWindow, root = inside.document.documentElement;
    const count = selector => root.querySelectorAll(selector).length;
    if (inside.MathJax) await inside.MathJax.startup.promise;
    if (page.includes("?q=")) while (!count("#search-results li")) await wait(100);
    found.pages[page] = {
      width: root.scrollWidth,
      formulas: count("mjx-container"),
      wrong: count("mjx-merror") + [...root.querySelectorAll("img")].filter(
        image => image.complete && !image.naturalWidth).length,
      loaded: inside.performance.getEntriesByType("resource").map(e => e.name),
      results: [...root.querySelectorAll("#search-results li a")].map(a => a.innerText),
    };
  }
"""


class Page(HTMLParser):
    """The anchors and links of a page."""

    def __init__(self, file: Path):
        super().__init__()
        self.anchors, self.links = {""}, []
        self.feed(file.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors |= {attributes[name] for name in ("id", "name") if attributes.get(name)}
        self.links += [attributes[name] for name in ("href", "src") if attributes.get(name)]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "site"
    command = [sys.executable, ROOT / "docs" / "website" / "build.py", folder]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_no_link_is_dead(site):
    """Neither to a page, nor to a place on one, nor to a file."""
    pages = {file: Page(file) for file in site.rglob("*.html")}
    dead = []
    for file, page in pages.items():
        for link in map(urlsplit, page.links):
            target = (file.parent / unquote(link.path)).resolve() if link.path else file
            known = link.scheme in ("https", "http", "data") or (
                target in pages and unquote(link.fragment) in pages[target].anchors
                if target.suffix == ".html"
                else target.is_file()
            )
            if not known:
                dead.append((str(file.relative_to(site)), link.geturl()))
    assert dead == []


@in_chromium
def test_every_page_can_be_read_on_a_phone(site):
    """No error, no broken formula or picture, nothing from elsewhere, nothing too wide."""
    pages = [str(file.relative_to(site)) for file in sorted(site.rglob("*.html"))]
    pages = [page for page in pages if not page.startswith("_modules")]
    visit = VISIT_PAGES.replace("PAGES", json.dumps([*pages, "search.html?q=memorizer"]))
    visitor = site / "visitor.html"
    visitor.write_text(
        f"<!doctype html><head>{LISTEN}</head><body>{VISIT.replace('VISIT', visit)}</body>"
    )
    found, said = visited(visitor, "--allow-file-access-from-files", "--enable-logging=stderr")
    assert [line for line in said.splitlines() if "CONSOLE" in line] == []
    found = found["pages"]
    assert {page: f["width"] for page, f in found.items() if f["width"] > 390} == {}
    assert {page: f["wrong"] for page, f in found.items() if f["wrong"]} == {}
    assert {
        u for f in found.values() for u in f["loaded"] if not u.startswith(("file:", "data:"))
    } == set()
    assert found["docs/method.html"]["formulas"] > 100
    assert found["api/gahb.samples.html"]["formulas"] >= 4
    assert any("memorizer" in title for title in found["search.html?q=memorizer"]["results"])
