"""Visits of pages in headless Chromium, and their findings."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

in_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium is installed; on Debian: apt-get install chromium"
)

#: Runs before the page's scripts: records all errors.
LISTEN = """<script>
const complaints = [];
console.error = (...said) => complaints.push(said.join(" "));
addEventListener("error", e => complaints.push(e.message || e.target.outerHTML), true);
addEventListener("unhandledrejection", e => complaints.push(String(e.reason)));
</script>"""

#: Runs at the end and records the findings of a visit.
VISIT = """<script>
const found = {};
const wait = milliseconds => new Promise(done => setTimeout(done, milliseconds));
const all = selector => [...document.querySelectorAll(selector)];
const visit = async () => {
  await wait(500);
  VISIT
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


def opened(made: Path, copy: Path, visit: str) -> dict:
    """Findings of `visit` on a page, opened as a copy that records errors and is visited."""
    head, body = made.read_text().split("<head>", 1)
    body, end = body.rsplit("</body>", 1)
    copy.write_text(f"{head}<head>{LISTEN}{body}{VISIT.replace('VISIT', visit)}</body>{end}")
    found, _ = visited(copy)
    assert [url for url in found["loaded"] if not url.startswith(("data:", "blob:"))] == []
    return found


def visited(page: Path, *options: str) -> tuple[dict, str]:
    """The record of a visit to a page, and the output of Chromium."""
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        f"--user-data-dir={page.with_suffix('')}", "--virtual-time-budget=60000", *options,
        "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    found = re.search('<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stdout[-2000:] + done.stderr
    found = json.loads(html.unescape(found[1]))
    assert found["complaints"] == []
    return found, done.stderr
