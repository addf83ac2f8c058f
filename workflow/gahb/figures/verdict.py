"""At which N a network stops memorizing these images, on one page.

A network of N images is at risk if the 95 % interval of the memorized part of its samples lies
above the part of held-out images that the same rule takes for memorized
(`summaries.memorization.risk`).
"""

import textwrap

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gahb import statistics, store
from gahb.drawing import panels, style
from gahb.drawing.stores import Stores, together
from gahb.summaries import beyond, memorization, tables

FIGURE = {
    "title": "Verdict on memorization",
    "reads": {
        "similarity": ["disjoint"],
        "beyond": ["disjoint"],
        "samples": ["S1"],
        "images": [],
        "redundancy": [],
    },
    "sizes": "every",
    "compares": "nothing",
    "uses": {"count": "samples.count", "sampler": "samples.sampler"},
    "single": True,
}

#: Of two networks, or of one that has no other.
KINDS = ("disjoint", "single")
#: Columns of images, and space between their rows, in parts of an image; bins of the ratio, of
#: which ten lie below 1/3; characters in a line, and in a bold one.
COLUMNS, SPACE, BINS, LINE, BOLD = 12, 0.4, 30, 50, 42
HELD_OUT = {"color": "0.35", "label": "held-out images"}
SAMPLES = {"color": "C0", "label": "samples"}
PAIR = ("sample, its cosine", "nearest, its ratio")


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """The verdict in words, the memorized part against N, the closest pairs, and the ratios."""
    rows, sizes = numbers(stores, shown), shown["sizes"]
    each = max(1, COLUMNS // len(sizes))
    columns = len(sizes) * (each * (1 + panels.GAP) + 2 * panels.GAP)
    heights = [1.6, (2 + SPACE) * (style.PAGE - 1.2) / columns + 0.4, 1.6]
    figure = Figure((style.PAGE, sum(heights) + 1))
    axes = figure.subplot_mosaic(
        [["part", "words"], ["pairs", "pairs"], ["ratios", "ratios"]], height_ratios=heights
    )
    _part(axes["part"], rows)
    _words(axes["words"], rows, shown)
    images, columns, similarity = stores.first("images").images, {}, {}
    for N in sizes:
        of_seeds = stores.of("similarity", N=N, pair=KINDS)
        similarity[N] = together(of_seeds).isel(subset=0)
        drawn = stores.first("samples", N=N, subset="S1").samples
        columns[N] = _closest(of_seeds[0].isel(subset=0), drawn, images, each)
    centres, half = panels.blocks(axes["pairs"], columns, PAIR, each, SPACE)
    axes["pairs"].tick_params(axis="x", pad=11)  # above the notes
    _ratios(axes["ratios"], similarity, centres, half)
    axes["ratios"].set_xlim(axes["pairs"].get_xlim())
    handles, labels = axes["ratios"].get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    figure.legend(once.values(), once, ncols=3, loc="outside lower center")
    return figure


def _part(ax: Axes, rows: list[dict]) -> None:
    """Memorized part of the samples, and of the held-out images, with intervals, against N."""
    kinds = {"false_positives": HELD_OUT | {"marker": "s"}, "memorized": SAMPLES | {"marker": "o"}}
    for name, line in kinds.items():
        value, low, high = (
            np.array([row.get(name + end, np.nan) for row in rows]) for end in ("", "_low", "_high")
        )
        x = np.array([row["N"] for row in rows])
        ax.plot(x, value, zorder=3, **line)
        ax.vlines(x, low, high, color=line["color"], linewidth=2.5, alpha=0.4)
    at_risk = [row["N"] for row in rows if row["at_risk"] == "yes"]
    ax.set(
        xlabel="images in the training set, $N$",
        ylabel="part taken for memorized",
        xlim=(rows[0]["N"] / 1.5, 1.5 * rows[-1]["N"]),
        ylim=(-0.03, 1.03),
    )
    if at_risk:
        ax.axvspan(ax.get_xlim()[0], max(at_risk), color="C4", alpha=0.2, linewidth=0)
    panels.log_axis(ax, 20)


def _words(ax: Axes, rows: list[dict], shown: dict) -> None:
    """The verdict, as sentences."""
    sizes = [row["N"] for row in rows]
    largest = max((row["N"] for row in rows if row["at_risk"] == "yes"), default=0)
    above = [row for row in rows if row["at_risk"] == "no" and row["N"] > largest]
    unknown = [f"{row['N']:,}" for row in rows if row["at_risk"] not in ("yes", "no")]
    if largest == sizes[-1]:
        verdict = f"at risk of memorizing at N = {largest:,}, the largest that was tested (shaded)."
    elif largest:
        verdict = f"the largest N at risk of memorizing is {largest:,} (shaded)."
    else:
        verdict = f"{'no N that was tested is at risk of memorizing' if above else 'no verdict'}."
    said = [_bounded(row) for row in above if row in (above[0], above[-1])]
    if largest and above:
        said.append(f"Between N = {largest:,} and {above[0]['N']:,} nothing was tested.")
    if unknown:
        said.append(f"Most samples diverged at N = {', '.join(unknown)}: no verdict there.")
    last = rows[-1]
    if not np.isnan(last.get("beyond", np.nan)):
        said.append(
            f"Two networks of {last['N']:,} different images agree to {last['beyond']:.2f} beyond "
            f"the covariance, two Wiener filters to {last['beyond_null']:.2f}."
        )
    said.append(
        f"Of {rows[0]['images']:,} images {rows[0]['different']:,} are different. Pairs of "
        f"near-duplicates on two sides of the split: {rows[0]['crossing']:,}."
    )
    ax.set_axis_off()
    title = _lines(f"{shown['denoiser']} on {shown['datasets'][0]}: {verdict}", BOLD)
    ax.set_title(title, weight="bold", y=1, va="top")
    text = "\n".join(_lines(sentences, LINE) for sentences in said)
    ax.text(0, 0.96 - 0.11 * len(title.splitlines()), text, va="top", transform=ax.transAxes)


def _lines(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width, break_on_hyphens=False))


def _bounded(row: dict) -> str:
    """What the samples of one N say, with how much they leave open."""
    most = f" (at most {row['memorized_high']:.3f})" if "memorized_high" in row else ""
    return (
        f"N = {row['N']:,}: {row['memorized']:.3f} of the samples are taken for memorized"
        f"{most}, and {row['false_positives']:.3f} of held-out images."
    )


def _closest(similarity: xr.Dataset, drawn, images: xr.DataArray, each: int) -> list[list]:
    """The samples of the smallest ratios, each over its nearest training image, with notes."""
    ratio, copied = similarity.ratio.values, panels.copies(similarity).values
    first = [i for i in np.argsort(ratio, kind="stable")[:each] if not np.isnan(ratio[i])]
    nearest = store.take(images, similarity.closest_image.values[first]) if first else []
    if "closest_mirrored" in similarity:
        mirrored = similarity.closest_mirrored.values[first] == 1
        nearest = [x[..., ::-1] if m else x for x, m in zip(nearest, mirrored, strict=True)]
    return [
        [
            (panels.generated(drawn[i], copied[i]), f"{float(similarity.closest[i]):.3f}"),
            (panels.photo(image), f"{ratio[i]:.2f}"),
        ]
        for i, image in zip(first, nearest, strict=True)
    ]


def _ratios(ax: Axes, similarity: dict[int, xr.Dataset], centres, half: float) -> None:
    """Histograms of d1 / d2 for each N: held-out images left, samples right; the rule's 1/3."""
    edges = np.linspace(0, 1, BINS + 1)
    said = []
    for s, centre in zip(similarity.values(), centres, strict=True):
        # The same for all seeds.
        held_out = s.held_out_ratio.isel(seed=0).values
        panels.histogram(ax, held_out, edges, centre, -half, panels.FILLED | HELD_OUT)
        panels.histogram(ax, s.ratio.values.ravel(), edges, centre, half, panels.FILLED | SAMPLES)
        said.append(f"{int(s.memorized.sum())}/{int(s.memorized.notnull().sum())}")
    ax.axhline(1 / 3, label="the rule's 1/3", **{**panels.REFERENCE, "color": "C1"})
    ax.set_xticks(centres, said)
    ax.set(xlabel="samples taken for memorized", ylabel="ratio $d_1 / d_2$", ylim=(0, 1))
    ax.tick_params(axis="x", length=0)


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """For each N the memorized part, the false positives, whether it is at risk, and medians."""
    (redundant,) = stores.of("redundancy")
    given = {
        "images": int(redundant.images.sel(part="all")),
        "different": int(redundant.different.sel(part="all")),
        "crossing": int(np.triu(redundant.near_duplicates, 1).sum()),
    }
    rows = []
    for N in shown["sizes"]:
        each = stores.of("similarity", N=N, pair=KINDS)
        first = each[0].isel(subset=0)
        # No seed changes these.
        held_out = tables.bounded("false_positives", first.false_positives.values)
        held_out["held_out_ratio"] = float(first.held_out_ratio.median())
        measured = [_measured(s) for s in each]
        found = tables.over_seeds([{"N": N, **one} for one in measured])
        # Of several seeds, all that their intervals reach.
        for end, furthest in (("memorized_low", min), ("memorized_high", max)):
            ends = [one[end] for one in measured if end in one]
            found |= {end: furthest(ends)} if ends else {}
        found |= beyond.over_seeds_of(stores.of("beyond", N=N, pair="disjoint"))
        rows.append(found | memorization.risk(each) | held_out | given)
    return rows


def _measured(similarity: xr.Dataset) -> dict:
    found = memorization.similarity(similarity)
    kept = ("memorized", "memorized_low", "memorized_high", "samples", "diverged")
    ratio = statistics.median(similarity.ratio.isel(subset=0))
    if np.isnan(found["memorized"]):  # most diverged
        ratio = np.full(3, np.nan)
    return {name: found[name] for name in kept if name in found} | tables.bounded("ratio", ratio)
