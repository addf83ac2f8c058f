"""Sphinx's settings for the site (`make site`)."""

import re
import sys
from pathlib import Path

import mmdr
from docutils import nodes
from docutils.parsers.rst import Directive

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "workflow"))

project = "gahb: when, how and why diffusion models generalize"
html_title = "gahb"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",
]
html_theme = "furo"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_show_copyright = html_copy_source = html_show_sourcelink = False

# Markdown as GitHub reads it.
myst_enable_extensions = ["dollarmath", "html_image"]
myst_fence_as_directive = ["math", "mermaid"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
autodoc_preserve_defaults = True
# From scipy, although it claims to belong to the module that imports it.
autodoc_default_options = {"exclude-members": "kmeans2"}
python_maximum_signature_line_length = 80
viewcode_follow_imported_members = False
default_role = "code"
toc_object_entries = False


class Mermaid(Directive):
    """A graph drawn when the page is built, without scripts in the browser."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        svg = mmdr.render("\n".join(self.content)).svg()
        return [nodes.raw("", f'<div class="graph">{svg}</div>', format="html")]


#: A line `name: description`, except for the sections that napoleon knows.
FIELD = re.compile(r"^(?!Returns|Raises|Yields)(\w[\w, ]*): ", re.M)


def in_markup(app, what, name, obj, options, lines: list[str]) -> None:
    """Docstrings are plain text except for `code` and `.. math::`: all other markup is escaped.

    Paragraphs of lines `name: description` become lists.
    """
    lines[:] = "\n\n".join(map(_marked, "\n".join(lines).split("\n\n"))).split("\n")


def _marked(paragraph: str) -> str:
    if paragraph.startswith(".. math::"):
        return paragraph
    paragraph = _escaped(paragraph)
    if all(FIELD.match(line) for line in paragraph.splitlines() if not line.startswith(" ")):
        return FIELD.sub(r"- \g<0>", re.sub("^ +", "  ", paragraph, flags=re.M))
    return paragraph


def _escaped(text: str) -> str:
    parts = re.split(r"(`[^`]*`)", text)
    # docutils reads the last as numbers of lists, such as "f.".
    markup = r"([|*\\]|_(?=\W|$)|(?<=\b\w)\.(?=\s|$))"
    parts[::2] = [re.sub(markup, r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


def setup(app) -> None:
    app.add_directive("mermaid", Mermaid)
    app.connect("autodoc-process-docstring", in_markup, priority=400)
