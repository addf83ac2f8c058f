"""Pages opened in headless Chromium, and what a visit finds there."""

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

#: Runs before the page does: keeps whatever it complains of.
LISTEN = """<script>
const complaints = [];
console.error = (...said) => complaints.push(said.join(" "));
addEventListener("error", e => complaints.push(e.message || e.target.outerHTML), true);
addEventListener("unhandledrejection", e => complaints.push(String(e.reason)));
</script>"""

#: Runs at the end, and writes down what a visit finds.
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
    """What `visit` finds on a page; the copy of it that is opened listens and is visited."""
    head, body = made.read_text().split("<head>", 1)
    body, end = body.rsplit("</body>", 1)
    copy.write_text(f"{head}<head>{LISTEN}{body}{VISIT.replace('VISIT', visit)}</body>{end}")
    found, _ = visited(copy)
    assert [url for url in found["loaded"] if not url.startswith(("data:", "blob:"))] == []
    return found


def visited(page: Path, *options: str) -> tuple[dict, str]:
    """What the visit on a page has written down, and what Chromium says meanwhile."""
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
