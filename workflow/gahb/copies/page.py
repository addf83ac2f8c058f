"""The page of an audit: one file of HTML that needs no server and no other file."""

import base64
import html
import io

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from gahb.copies.comparison import PATCHES
from gahb.copies.judgement import LEFT_OUT, SAME, Audit
from gahb.drawing import style

#: Pairs that are shown, and training images that are listed by their copies.
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
    """The page.

    Args:
        audit: what was found.
        private: no training image, and no sample that is taken for a copy, is shown.
    """
    parts = [
        "<h1>Did the model copy its training images?</h1>",
        *(f'<p class="verdict">{html.escape(line)}</p>' for line in verdict(audit)),
        "<h2>The closest pairs</h2>",
        *_pairs(audit, private),
        "<h2>How much closer to one training image than to the next</h2>",
        _picture(_histogram(audit), "Histogram of ratios of samples and of held-out images"),
        "<p>The ratio d1 / d2 of what the nearest training image and what the nearest one of "
        "another cluster leave unexplained. At most 1/3 is a copy.</p>",
        "<h2>What every rule says</h2>",
        _table(["rule", "samples", "held-out images"], _rules(audit)),
        *(f"<p>{html.escape(line)}</p>" for line in _of_distribution(audit)),
        *_copied(audit),
        "<h2>What was compared</h2>",
        _list(_compared(audit)),
        "<h2>What this cannot show</h2>",
        _list(_limits(audit)),
    ]
    return HTML.replace("BODY", "\n".join(parts))


def verdict(audit: Audit) -> list[str]:
    """The verdict in sentences that quote numbers."""
    found, held_out = audit.found.memorized.values, audit.found.held_out_memorized.values
    copies, count = int(found.sum()), len(found)
    low, high = audit.interval
    low, high, part = map(_decimals, (low, high, copies / count))
    part = f"{part}, {low} to {high}" if copies else f"at most {high}"
    are = "is a copy" if copies == 1 else "are copies"
    lines = [
        f"{copies:,} of {count:,} samples ({part}) {are} of one of the {len(audit.train):,} "
        f"training images; {_of_others(int(held_out.sum()), len(held_out), audit.stand_in)}."
    ]
    patches = (audit.found.patch.values > 0) & ~found
    of_others = (audit.found.held_out_patch.values > 0) & ~held_out
    if patches.any():
        lines.append(
            f"{_count(patches, 'further sample')} {'holds' if patches.sum() == 1 else 'hold'} a "
            f"copied part; {int(of_others.sum()):,} of {len(of_others):,} held-out images do by "
            "the same rule."
        )
    return lines


def _decimals(part: float) -> str:
    return f"{part:.2f}" if part >= 0.1 else f"{part:.2g}"


def _of_others(copies: int, count: int, stand_in: bool) -> str:
    if not count:
        return "there are no other images by which to judge the rule"
    others = "training images, each compared with all others," if stand_in else "held-out images"
    return f"by the same rule {copies:,} of {count:,} {others} {'is' if copies == 1 else 'are'}"


def _count(which: np.ndarray, name: str) -> str:
    number = int(which.sum())
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def _pairs(audit: Audit, private: bool) -> list[str]:
    pairs, order = audit.pairs[:PAIRS], audit.closest[:PAIRS]
    if private:
        return [
            "<p>No pictures, as asked for; pairs.csv has the numbers.</p>",
            _table(
                ["sample", "ratio", "cosine", "contrast"],
                [(p.sample, *(f"{v:.3f}" for v in (p.ratio, p.cosine, p.contrast))) for p in pairs],
            ),
        ]
    shown = []
    for pair, i in zip(pairs, order, strict=True):
        sample = audit.samples.pixels[i]
        training = audit.train.pixels[audit.found.nearest.values[i]]
        training = training[..., ::-1] if pair.mirrored else training
        said = [f"ratio {pair.ratio:.2f}", f"contrast {pair.contrast:.2f}"]
        said += ["mirrored"] * pair.mirrored
        said += ["<b>copy</b>"] * pair.memorized
        said += [f"{pair.patch} of its patches"] * (pair.patch > 0 and not pair.memorized)
        shown.append(
            f"<figure>{_image(sample, 'sample')} {_image(training, 'training image')}"
            f"<figcaption>{html.escape(pair.sample)} and {html.escape(pair.train)}: "
            f"{', '.join(said)}</figcaption></figure>"
        )
    return [
        "<p>Left the sample, right the training image that is nearest to it, mirrored where that "
        "is nearer.</p>",
        f'<div class="pairs">{"".join(shown)}</div>',
    ]


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
    held_out = audit.found.held_out_ratio.values
    if len(held_out):
        axes.hist(held_out, edges, weights=np.full(len(held_out), 1 / len(held_out)),
                  color=style.GRAY, label=_others(audit))  # fmt: skip
    samples = audit.found.ratio.values
    axes.hist(samples, edges, weights=np.full(len(samples), 1 / len(samples)), color="C0",
              histtype="step", linewidth=1.5, label="samples")  # fmt: skip
    axes.axvline(1 / 3, color="C1", linestyle="--", linewidth=1)
    axes.text(1 / 3 - 0.01, 0.97, "copies", color="C1", ha="right", va="top",
              transform=axes.get_xaxis_transform())  # fmt: skip
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


def _rules(audit: Audit) -> list[tuple[str, str, str]]:
    found = audit.found
    rules = {
        "memorized": "1/3 rule, contrast and mean fitted, mirror images too",
        "memorized_by_distance": "1/3 rule as published (L2 distances)",
        "memorized_embedded": "1/3 rule by features of the embedding",
    }
    rows = [
        (words, *(_part(found[prefix + name].values) for prefix in ("", "held_out_")))
        for name, words in rules.items()
        if name in found
    ]
    patches = (_part(found[p + "patch"].values > 0) for p in ("", "held_out_"))
    return [*rows, (f"a part: one of {PATCHES} × {PATCHES} patches or more", *patches)]  # noqa: RUF001


def _part(happened: np.ndarray) -> str:
    return f"{int(happened.sum()):,} of {len(happened):,}"


def _of_distribution(audit: Audit) -> list[str]:
    """Meehan et al.'s test in words."""
    if np.isnan(audit.z):
        return []
    said = f"Data-copying z (Meehan, Chaudhuri & Dasgupta, 2020): {audit.z:.1f}"
    if not np.isnan(mean := float(audit.found.z_mean)):
        cells = audit.found.z_of_cell.dropna("cell").values
        each = "" if len(cells) < 2 else f" ({', '.join(f'{z:.1f}' for z in np.sort(cells))})"
        said += f"; mean over {len(cells)} cell{'s' if len(cells) > 1 else ''} {mean:.1f}{each}"
    return [
        said + ". Below -3, samples are closer to training images than new images are. That may be "
        "copying, and it may be blur: smooth images are close to everything."
    ]


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


def _compared(audit: Audit) -> list[str]:
    sets = {"training images": audit.train, "samples": audit.samples}
    if not audit.stand_in:
        sets["held-out images"] = audit.held_out
    items = [f"{len(s):,} {name} of {s.origin}" for name, s in sets.items()]
    if audit.stand_in:
        items.append(
            f"No held-out images: {len(audit.held_out):,} training images (of "
            f"{min(LEFT_OUT, len(audit.train)):,} drawn) stand in, each compared with all others. "
            f"{audit.same:,} more are not new images: the training set holds another with a cosine "
            f"above {SAME}."
        )
    blank = int(audit.found.blank.values.sum())
    if blank:
        items.append(f"{blank:,} samples are blank (flat): copies if any training image is blank.")
    return [*items, f"All at {audit.compared}."]


def _limits(audit: Audit) -> list[str]:
    items = [
        "Images are compared pixel by pixel. Copies at other contrast and brightness, mirrored, "
        "or compressed are found; copies that are shifted by more than a pixel or so, rotated, "
        "cropped, or redrawn are not. "
        + (
            "The features of the embedding may find them."
            if "ratio_embedded" in audit.found
            else "--embedding compares by the features of a network, which may find them."
        ),
        "A part is found where it covers a whole patch at its own place, unmirrored. Flat patches "
        "are left out.",
        "The rule asks for one training image that is far closer than all others. Where many "
        "training images are much alike, a copy may be missed and a new image be taken for one: "
        "the column of held-out images says how often.",
        "Only these samples were judged: others may be copies, as the interval says.",
    ]
    if audit.stand_in:
        items.append(
            "Training images stand in for held-out ones: where they come in groups, such as frames "
            "of a film, they are more alike than new images are."
        )
    return items
