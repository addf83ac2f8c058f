"""New images: samples of two networks of disjoint training sets, and a Gaussian's, from one start.

With many training images both networks make the same new image. The Gaussian, with mean and
covariance of all images, makes their coarse structure from the same start; `beyond` measures what
the networks share apart from it.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gahb.drawing import panels, pictures, style, words
from gahb.drawing.stores import Stores, together
from gahb.summaries import beyond, memorization, tables

FIGURE = {
    "title": "New images of two networks",
    "reads": {
        "samples": ["S1", "S2"],
        "similarity": ["disjoint"],
        "beyond": ["disjoint", "same"],
    },
    "sizes": "every",
    "compares": "nothing",
    "uses": {"count": "samples.count"},
}

#: Samples side by side.
COLUMNS = 7
#: Note of a row in which all samples diverged.
BLANK = [(None, "")]
#: Width in inches of the curves next to them.
CURVES = 2.6


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """The first samples of the largest N that did not diverge, and cosines against N."""
    N = shown["sizes"][-1]
    rows = _tiles(stores, N)
    height = panels.mosaic_height(style.PAGE - CURVES - 0.8, COLUMNS, len(rows))
    figure = Figure((style.PAGE, max(height, 2.4)))
    left, right = figure.subplots(1, 2, width_ratios=[style.PAGE - CURVES, CURVES])
    panels.mosaic(left, list(rows.values()), list(rows))
    left.set_title(f"samples from the same starts, $N$ = {N:,}")
    found = numbers(stores, shown)
    _curves(right, found)
    counts = memorization.counted(together(stores.of("similarity", N=N, pair="disjoint")))
    words.headline(figure, sentence(found[-1], *counts))
    return figure


def _tiles(stores: Stores, N: int) -> dict[str, list[tuple]]:
    """Rows of a mosaic: the samples of both networks, and of the Gaussian."""
    similarity = stores.first("similarity", N=N, pair="disjoint")
    copied = pictures.copies(similarity).values
    chosen = np.flatnonzero(~similarity.diverged.values)[:COLUMNS]
    rows = {}
    for i, subset in enumerate(("S1", "S2")):
        made = stores.first("samples", N=N, subset=subset).samples.values
        tiles = [(pictures.generated(made[j], copied[i, j]), "") for j in chosen]
        rows[f"network {i + 1}"] = tiles or BLANK
    made = stores.first("beyond", N=N, pair="disjoint").gaussian.values
    rows["Gaussian"] = [(pictures.generated(made[j], copied=False), "") for j in chosen] or BLANK
    return rows


def _curves(ax: Axes, rows: list[dict]) -> None:
    """Medians against N, with bands for their intervals."""
    sizes = [row["N"] for row in rows]
    for kind, line in words.PAIRS.items():
        name = {"closest": "closest_S1"}.get(kind, kind)
        if any(name in row for row in rows):
            panels.banded(ax, rows, name, markersize=4, **line)
    ax.axhline(0, **panels.REFERENCE)
    ax.set(ylim=(-1.05, 1.05), ylabel="cosine", xlabel="training images of each network, $N$")
    # Noted, because nothing is drawn if all samples diverged.
    ax.set_xlim(min(sizes) / 1.3, 1.3 * max(sizes))
    panels.log_axis(ax, 20)
    ax.figure.legend(loc="outside lower right", ncols=2)


def sentence(row: dict, memorized: int, ended: int, diverged: int) -> str:
    """How much two networks and two Wiener filters share, and how many samples are memorized."""
    if not words.known(row, "beyond"):
        return f"N = {row['N']:,}: most samples diverged ({diverged:,} of {ended + diverged:,})."
    return (
        f"Two networks that share no training image (N = {row['N']:,}) {words.agreement(row)}. "
        f"{memorized:,} of {ended:,} samples are memorized."
    )


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """How much two networks share for each N, with null and ceiling, and how close samples come to
    training images."""

    def row(N: int, similarity) -> dict:
        kept = ("closest_S1", "memorized", "between")
        found = memorization.similarity(similarity)
        return {"N": N, **{k: v for k, v in found.items() if k.startswith(kept)}}

    rows = []
    for N in shown["sizes"]:
        pairs = stores.of("similarity", N=N, pair="disjoint")
        found = tables.over_seeds([row(N, one) for one in pairs])
        found |= beyond.over_seeds_of(stores.of("beyond", N=N, pair="disjoint"))
        rows.append(found | beyond.ceiling(stores.of("beyond", N=N, pair="same")))
    return rows
