"""The page of an audit: a single HTML file that needs no server and no other file."""

import base64
import html
import io

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from gahb.copies.comparison import PATCHES
from gahb.copies.judgement import Audit
from gahb.copies.words import compared, limits, of_distribution, rules, verdict
from gahb.drawing import style

#: Number of pairs shown, and of training images listed with their copies.
PAIRS, COPIED = 24, 10

HTML = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Copies of training images</title>
<style>
  body { font: 16px/1.45 sans-serif; margin: 2em auto; max-width: 52em; padding: 0 1em; }
  h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; }
  .verdict { font-size: 1.15em; border-left: 4px solid #0072b2; padding-left: 1em; }
  .pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(13em, 1fr)); gap: 1em; }
  figure { margin: 0; }
  .pairs img { width: 48%; image-rendering: pixelated; border: 1px solid #999; }
  figcaption { font-size: 0.8em; overflow-wrap: anywhere; }
  .plot { width: 100%; max-width: 44em; }
  table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
  td, th { padding: 0.15em 1em 0.15em 0; text-align: left; vertical-align: top; }
  td + td, th + th { text-align: right; } td:nth-child(2) { overflow-wrap: anywhere; }
  li { margin: 0.3em 0; }
</style>
</head>
<body>
BODY
</body>
</html>
"""


def page(audit: Audit, private: bool = False) -> str:
    """The page of an audit, HTML.

    Args:
        audit: the result of an audit.
        private: show no training image, and no sample that counts as a copy.
    """
    parts = [
        "<h1>Did the model copy its training images?</h1>",
        *(f'<p class="verdict">{html.escape(line)}</p>' for line in verdict(audit)),
        "<h2>The closest pairs</h2>",
        *_pairs(audit, private),
        "<h2>How much closer to one training image than to the next</h2>",
        _picture(_histogram(audit), "Histogram of ratios of samples and of held-out images"),
        "<p>The ratio d1 / d2: the part of an image that the nearest training image leaves "
        "unexplained, over the part that the nearest one of another cluster leaves. A ratio of at "
        "most 1/3 marks a copy.</p>",
        "<h2>What every rule says</h2>",
        _table(["rule", "samples", _others(audit)], rules(audit)),
        *(f"<p>{html.escape(line)}</p>" for line in of_distribution(audit)),
        *_copied(audit),
        "<h2>What was compared</h2>",
        _list(compared(audit)),
        "<h2>What this cannot show</h2>",
        _list(limits(audit)),
    ]
    return HTML.replace("BODY", "\n".join(parts))


def _pairs(audit: Audit, private: bool) -> list[str]:
    pairs, order = audit.pairs[:PAIRS], audit.closest[:PAIRS]
    if private:
        return [
            "<p>Pictures were left out on request; pairs.csv has the numbers.</p>",
            _table(
                ["sample", "ratio", "cosine", "contrast", "copy"],
                [
                    (
                        p.sample,
                        *(f"{v:.3f}" for v in (p.ratio, p.cosine, p.contrast)),
                        "yes" if p.memorized else "no",
                    )
                    for p in pairs
                ],
            ),
        ]
    shown = []
    for pair, i in zip(pairs, order, strict=True):
        said = [f"ratio {pair.ratio:.2f}", f"contrast {pair.contrast:.2f}"]
        said += ["mirrored"] * pair.mirrored + ["<b>copy</b>"] * pair.memorized
        shown.append(_side_by_side(audit, i, audit.found.nearest.values[i], pair.mirrored, said))
    lines = [
        "<p>On the left the sample, on the right the nearest training image, mirrored where its "
        "mirror image is nearer.</p>",
        f'<div class="pairs">{"".join(shown)}</div>',
    ]
    found = audit.found
    parts = np.flatnonzero((found.patch.values > 0) & ~found.memorized.values)
    if not len(parts):
        return lines
    parts = parts[np.argsort(-found.patch.values[parts], kind="stable")][:PAIRS]
    shown = [
        _side_by_side(audit, i, found.patch_of.values[i], False, [_patches(found.patch.values[i])])
        for i in parts
    ]
    return [
        *lines,
        "<h2>Samples that hold a copied part</h2>",
        "<p>On the right, the training image that holds the first of these parts.</p>",
        f'<div class="pairs">{"".join(shown)}</div>',
    ]


def _patches(count: int) -> str:
    return f"{count} of {PATCHES**2} patches"


def _side_by_side(audit: Audit, sample: int, train: int, mirrored: bool, said: list[str]) -> str:
    """A sample and a training image as an element of the page."""
    training = audit.train.pixels[train]
    training = training[..., ::-1] if mirrored else training
    names = html.escape(f"{audit.samples.names[sample]} and {audit.train.names[train]}")
    return (
        f"<figure>{_image(audit.samples.pixels[sample], 'sample')} "
        f"{_image(training, 'training image')}"
        f"<figcaption>{names}: {', '.join(said)}</figcaption></figure>"
    )


def _image(pixels: np.ndarray, alternative: str) -> str:
    """An image (channel, y, x) as an element of the page."""
    if pixels.dtype != np.uint8:
        pixels = np.rint(pixels.clip(0, 1) * 255).astype(np.uint8)
    shown = pixels.transpose(1, 2, 0)
    file = io.BytesIO()
    Image.fromarray(shown[..., 0] if shown.shape[2] == 1 else shown).save(file, "png")
    return f'<img alt="{alternative}" src="{_data(file)}">'


def _data(file: io.BytesIO) -> str:
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


@style.sheet()
def _histogram(audit: Audit) -> Figure:
    figure = Figure(figsize=(style.PAGE, 2.2))
    axes = figure.subplots()
    edges = np.linspace(0, 1, 46)  # 1/3 is an edge
    sides = {
        "held_out_ratio": {"color": style.GRAY, "label": _others(audit)},
        "ratio": {"color": "C0", "histtype": "step", "linewidth": 1.5, "label": "samples"},
    }
    for name, look in sides.items():
        ratios = audit.found[name].values
        if len(ratios):
            axes.hist(ratios, edges, weights=np.full(len(ratios), 1 / len(ratios)), **look)
    axes.axvline(1 / 3, color="C1", linestyle="--", linewidth=1, label="copies: at most 1/3")
    axes.set(xlabel="ratio $d_1 / d_2$", ylabel="fraction of the images", xlim=(0, 1))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _others(audit: Audit) -> str:
    return "other training images" if audit.stand_in else "held-out images"


@style.sheet()
def _picture(figure: Figure, alternative: str) -> str:
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return f'<img class="plot" alt="{alternative}" src="{_data(file)}">'


def _table(head: list[str], rows) -> str:
    lines = ["".join(f"<th>{html.escape(cell)}</th>" for cell in head)]
    lines += ["".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) for row in rows]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def _list(items: list[str]) -> str:
    return "<ul>" + "".join(f"<li>{html.escape(item)}</li>" for item in items) + "</ul>"


def _copied(audit: Audit) -> list[str]:
    copies = audit.found.copies.values
    if not copies.any():
        return []
    most = np.argsort(-copies, kind="stable")[: min(COPIED, np.count_nonzero(copies))]
    return [
        "<h2>Training images that are copied most often</h2>",
        f"<p>{np.count_nonzero(copies):,} of {len(copies):,} are copied.</p>",
        _table(["training image", "copies"], [(audit.train.names[i], copies[i]) for i in most]),
    ]
