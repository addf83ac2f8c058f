"""Whether a network has copied its training images, or the N from which it does not, on one page.

An N is at risk if the 95 % interval of the memorized fraction of the samples lies above the
fraction of held-out images that the same rule calls memorized (`summaries.memorization.risk`).
Without held-out images no N is called at risk.
"""

import textwrap

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gahb import statistics
from gahb.drawing import panels, pictures, style, words
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
    "uses": {"count": "samples.count"},
    "single": True,
}

#: Distance from gray beyond which no image has a value.
FAR = 1.5
#: Names of two networks, or of a network without a second one.
KINDS = ("disjoint", "single")
#: Columns of images, space between their rows relative to an image, and characters per line.
COLUMNS, SPACE, LINE = 12, 0.4, 50
HELD_OUT = {"color": "0.35", "label": "held-out images"}
SAMPLES = {"color": words.NETWORK, "label": "samples"}
PAIR = ("sample, its cosine", "nearest, its ratio")


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """The verdict in words, the memorized fraction against N, the closest pairs, and the ratios."""
    rows, sizes = numbers(stores, shown), shown["sizes"]
    each = max(1, COLUMNS // len(sizes))
    columns = len(sizes) * (each * (1 + panels.GAP) + 2 * panels.GAP)
    heights = [1.6, (2 + SPACE) * (style.PAGE - 1.2) / columns + 0.4, 1.6]
    figure = Figure((style.PAGE, sum(heights) + 1))
    axes = figure.subplot_mosaic(
        [["part", "words"], ["pairs", "pairs"], ["ratios", "ratios"]], height_ratios=heights
    )
    _part(axes["part"], rows)
    verdict, said = judged(rows)
    said += _no_images(stores, sizes)
    axes["words"].set_axis_off()
    text = "\n".join(_lines(sentence) for sentence in said)
    axes["words"].text(0, 1, text, va="top", transform=axes["words"].transAxes)
    images, columns, similarity = stores.first("images").images, {}, {}
    for N in sizes:
        of_seeds = stores.of("similarity", N=N, pair=KINDS)
        similarity[N] = together(of_seeds).isel(subset=0)
        drawn = stores.first("samples", N=N, subset="S1").samples
        columns[N] = _closest(of_seeds[0].isel(subset=0), drawn, images, each)
    centres, half = panels.blocks(axes["pairs"], columns, PAIR, each, SPACE)
    axes["pairs"].tick_params(axis="x", pad=14)  # above the notes
    _ratios(axes["ratios"], similarity, centres, half)
    axes["ratios"].set_xlim(axes["pairs"].get_xlim())
    handles, labels = axes["ratios"].get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    figure.legend(once.values(), once, ncols=3, loc="outside lower center")
    words.headline(figure, f"{shown['denoiser']} on {shown['datasets'][0]}: {verdict}.")
    return figure


def _part(ax: Axes, rows: list[dict]) -> None:
    """Fractions of the samples and of held-out images called copies, with intervals, against N."""
    panels.banded(ax, rows, "false_positives", **HELD_OUT | {"marker": "s"})
    panels.banded(ax, rows, "memorized", **SAMPLES)
    at_risk = [row["N"] for row in rows if row.get("at_risk") == "yes"]
    ax.set(
        xlabel="training images, $N$",
        ylabel="fraction called copies",
        xlim=(rows[0]["N"] / 1.5, 1.5 * rows[-1]["N"]),
        ylim=(-0.03, 1.03),
    )
    if at_risk:
        ax.axvspan(ax.get_xlim()[0], max(at_risk), color=words.SERIES[1], alpha=0.2, linewidth=0)
    panels.log_axis(ax, 20)


def judged(rows: list[dict]) -> tuple[str, list[str]]:
    """The verdict, and sentences with details."""
    verdict, said = _of_several(rows) if len(rows) > 1 else _of_one(rows[0])
    if "held_out" not in rows[0]:
        said.append(
            "There are no held-out images, so how often the rule calls new images copies is not "
            "known, and no gray points are drawn."
        )
    last = rows[-1]
    if words.known(last, "beyond"):
        said.append(
            f"N = {last['N']:,}: two networks that share no training image {words.agreement(last)}."
        )
    named = "training_images" if "training_images" in last else "images"
    said.append(
        f"{last['different']:,} of {last[named]:,} {named.replace('_', ' ')} are different. Pairs "
        f"of near-duplicates across the split: {last['crossing']:,}."
    )
    return verdict, said


def _of_one(row: dict) -> tuple[str, list[str]]:
    """The verdict on networks of one N, and its details."""
    if "memorized_high" not in row:
        return "no verdict", ["Most samples diverged."]
    low, high = (f"{100 * row[f'memorized_{end}']:.1f}" for end in ("low", "high"))
    verdict = f"{_counted(row)} are called copies of its {row['N']:,} training images"
    part = f"between {low} and {high} %" if row["copies"] else f"at most {high} %"
    said = [f"Among all samples that it could make, {part} are (95 % confidence)."]
    if "held_out" in row:
        said.append(f"By the same rule, {row['false']} of {row['held_out']:,} held-out images are.")
    if row["N"] < row.get("training_images", 0):
        said.append(
            f"Copies of the {row['training_images'] - row['N']:,} other training images that are "
            "known were not looked for."
        )
    return verdict, said


def _of_several(rows: list[dict]) -> tuple[str, list[str]]:
    """The verdict on networks of several N, and its details."""
    judged = [row for row in rows if "memorized_high" in row]
    unknown = [f"{row['N']:,}" for row in rows if row not in judged]
    risky = [row["N"] for row in judged if row.get("at_risk") == "yes"]
    largest, above = max(risky, default=0), judged
    if not judged:
        verdict = "no verdict"
    elif "held_out" not in rows[0]:
        copied = [f"{row['N']:,}" for row in judged if row["copies"]]
        verdict = f"copies of training images at N = {', '.join(copied)}"
        verdict = verdict if copied else "no sample is called a copy of a training image"
    elif largest:
        above = [row for row in judged if row["N"] > largest]
        last = ", the largest that was tested" if largest == rows[-1]["N"] else ""
        verdict = f"the largest N at risk of memorizing is {largest:,}{last} (shaded)"
    else:
        verdict = "no N that was tested is at risk of memorizing"
    said = [_bounded(row) for row in above if row in (above[0], above[-1])]
    if largest and above:
        said.append(f"Between N = {largest:,} and {above[0]['N']:,} nothing was tested.")
    if unknown:
        said.append(f"Most samples diverged at N = {', '.join(unknown)}: no verdict there.")
    return verdict, said


def _no_images(stores: Stores, sizes: list[int]) -> list[str]:
    """How many samples that did not diverge have values far outside of [0, 1], for each N."""
    said = []
    for N in sizes:
        outside = 0
        similarity = stores.of("similarity", N=N, pair=KINDS)
        for drawn, judged in zip(stores.of("samples", N=N, subset="S1"), similarity, strict=True):
            far = (abs(drawn.samples - 0.5) > FAR).any(("channel", "y", "x"))
            outside += int((far & judged.ratio.isel(subset=0).notnull().values).sum())
        if outside:
            said.append(
                f"Values below {0.5 - FAR:g} or above {0.5 + FAR:g}, which no image has, occur in "
                f"{outside:,} of the samples at N = {N:,}: a better sampler may find copies there."
            )
    return said


def _lines(text: str) -> str:
    return "\n".join(textwrap.wrap(text, LINE, break_on_hyphens=False))


def _counted(row: dict) -> str:
    return f"{row['copies']:,} of {row['judged']:,} samples"


def _bounded(row: dict) -> str:
    """The result for the samples of one N, with its uncertainty."""
    held_out = ""
    if "held_out" in row:
        held_out = f", and {row['false']} of {row['held_out']:,} held-out images"
    return (
        f"N = {row['N']:,}: {_counted(row)} are called copies (at most "
        f"{100 * row['memorized_high']:.1f} %){held_out}."
    )


def _closest(similarity: xr.Dataset, drawn, images: xr.DataArray, each: int) -> list[list]:
    """The samples with the smallest ratios, each above its nearest training image, with notes."""
    ratio, copied = similarity.ratio.values, pictures.copies(similarity).values
    first = [i for i in np.argsort(ratio, kind="stable")[:each] if not np.isnan(ratio[i])]
    nearest = pictures.closest(images, similarity.isel(sample=first)) if first else []
    return [
        [
            (pictures.generated(drawn[i], copied[i]), f"{float(similarity.closest[i]):.3f}"),
            (image, f"{ratio[i]:.2f}"),
        ]
        for i, image in zip(first, nearest, strict=True)
    ]


def _ratios(ax: Axes, similarity: dict[int, xr.Dataset], centres, half: float) -> None:
    """Points d1 / d2 for each N, held-out images left, samples right; the rule's 1/3."""
    said = []
    for s, centre in zip(similarity.values(), centres, strict=True):
        if "held_out_ratio" in s:
            # These are the same for all seeds.
            panels.points(ax, s.held_out_ratio.isel(seed=0).values, centre, -half, HELD_OUT)
        panels.points(ax, s.ratio.values.ravel(), centre, half, SAMPLES)
        said.append(f"{int(s.memorized.sum())}/{int(s.memorized.notnull().sum())}")
    ax.axhline(1 / 3, label="the rule's 1/3", **panels.REFERENCE | {"color": words.TRAINING})
    ax.set_xticks(centres, said)
    ax.set(xlabel="samples called copies", ylabel="ratio $d_1 / d_2$", ylim=(0, 1.02))
    ax.tick_params(axis="x", length=0)


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """The memorized fraction, false positives and medians for each N; for several N, the risk."""
    (redundant,) = stores.of("redundancy")
    one_set = not int(redundant.images.sel(part="S2"))
    of = redundant.sel(part="S1" if one_set else "all")
    given = {
        "training_images" if one_set else "images": int(of.images),
        "different": int(of.different),
        "crossing": int(np.triu(redundant.near_duplicates, 1).sum()),
    }
    rows = []
    for N in shown["sizes"]:
        each = stores.of("similarity", N=N, pair=KINDS)
        measured = [_measured(s) for s in each]
        found = tables.over_seeds([{"N": N, **one} for one in measured])
        # For several seeds, the union of their intervals.
        for end, furthest in (("memorized_low", min), ("memorized_high", max)):
            ends = [one[end] for one in measured if end in one]
            found |= {end: furthest(ends)} if ends else {}
        taken = np.concatenate([one.memorized.isel(subset=0).values for one in each])
        found |= {"copies": int(np.nansum(taken)), "judged": int((~np.isnan(taken)).sum())}
        found |= beyond.over_seeds_of(stores.of("beyond", N=N, pair="disjoint"))
        if len(shown["sizes"]) > 1:  # of which the largest at risk is asked for
            found |= memorization.risk(each)
        # Held-out images do not depend on the seed.
        rows.append(found | _held_out(each[0].isel(subset=0)) | given)
    return rows


def _held_out(similarity: xr.Dataset) -> dict:
    """The rule's result for held-out images; empty if there are none."""
    if "held_out_ratio" not in similarity:
        return {}
    count = similarity.sizes["test_image"]
    false = tables.bounded("false_positives", similarity.false_positives.values)
    return false | {
        "false": round(count * false["false_positives"]),
        "held_out": count,
        "held_out_ratio": float(similarity.held_out_ratio.median()),
    }


def _measured(similarity: xr.Dataset) -> dict:
    found = memorization.similarity(similarity)
    kept = ("memorized", "memorized_low", "memorized_high", "samples", "diverged")
    ratio = statistics.median(similarity.ratio.isel(subset=0))
    if np.isnan(found["memorized"]):  # most diverged
        ratio = np.full(3, np.nan)
    return {name: found[name] for name in kept if name in found} | tables.bounded("ratio", ratio)
