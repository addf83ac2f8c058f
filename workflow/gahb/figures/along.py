"""The theory closest to a network at each step of its training, and how much two networks share.

The Wiener filter knows mean and covariance of the training set, the memorizer each of its images.
Samples are memorized, or shared beyond the covariance with a network trained on other images.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gahb.drawing import panels, style, words
from gahb.drawing.stores import Stores, together
from gahb.summaries import tables

FIGURE = {
    "title": "References along training",
    "reads": {"dynamics": ["S1"]},
    "sizes": "every",
    "compares": "nothing",
    "uses": {"count": "dynamics.count"},
    "both": True,
}

#: The noise level at which references are compared: 14 dB of input PSNR, where they differ most.
SIGMA = 0.2
#: Number of sizes that fit side by side.
MOST = 6


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """For each N, the part of the network that references leave unexplained, and its samples."""
    sizes = words.few(shown["sizes"], MOST)
    figure = Figure((style.PAGE, 4.8))
    axes = figure.subplots(3, len(sizes), sharex=True, sharey="row", squeeze=False)
    for N, column in zip(sizes, axes.T, strict=True):
        found = together(stores.of("dynamics", N=N))
        for ax, which in zip(column[:2], ("train", "test"), strict=True):
            for reference, line in words.looks(found.reference.values.tolist()).items():
                panels.curve(ax, found.images_seen, 1 - _explained(found, which, reference), **line)
        _samples(column[2], found)
        column[0].set_title(f"$N$ = {N:,}")
        column[2].set_xlabel("images seen")
        panels.log_axis(column[2], 40 if len(sizes) < 4 else 5)
    lowest = min(ax.dataLim.y0 for ax in axes[:2].flat)
    for row, noisy in zip(axes, ("training", "test"), strict=False):
        row[0].set(yscale="log", ylim=(0.8 * lowest, 1.3))
        row[0].set_ylabel(f"fraction unexplained,\nnoisy {noisy} images")
    axes[2, 0].set(ylim=(-0.3, 1.05), ylabel="fraction or\ncosine of samples")
    shown = dict(zip(*axes[0, 0].get_legend_handles_labels()[::-1], strict=True))
    shown |= dict(zip(*axes[2, 0].get_legend_handles_labels()[::-1], strict=True))
    figure.legend(shown.values(), shown, ncols=3, loc="outside lower center")
    words.headline(figure, sentence(numbers(stores, shown | {"sizes": words.ends(sizes)})))
    return figure


def sentence(rows: list[dict]) -> str:
    """The closest references on training images at the end, for the smallest and largest N."""
    said = []
    for N in words.ends(list(dict.fromkeys(row["N"] for row in rows))):
        left = {
            row["reference"]: 1 - row["train_end"]
            for row in rows
            if row["N"] == N and words.known(row, "train_end")
        }
        if left:
            # Those that are indistinguishable: with one training image all return it.
            same = 1.01 * min(left.values()) + 1e-6
            closest = [f"the {words.called(name)}" for name in left if left[name] <= same]
            least = words.amount(100 * min(left.values()))
            said.append(f"{words.listed(closest)} at N = {N:,} ({least} % unexplained)")
    if not said:
        return "There is nothing to compare the network with."
    return f"On training images, the trained network is closest to {', and to '.join(said)}."


def _samples(ax: Axes, found: xr.Dataset) -> None:
    """The memorized fraction, and the median cosine beyond the covariance, against images seen."""
    memorized = found.memorized.mean("sample")
    line = {"color": words.TRAINING, "marker": "s", "label": "samples: memorized fraction"}
    panels.curve(ax, found.images_seen, memorized, **line)
    if "beyond" in found:
        shared = found.beyond.median("sample")
        line = {
            "color": words.NETWORK,
            "marker": "D",
            "label": "samples: cosine beyond the covariance",
        }
        panels.curve(ax, found.images_seen, shared, **line)
    ax.axhline(0, **panels.REFERENCE)


def _explained(dynamics: xr.Dataset, which: str, reference: str) -> xr.DataArray:
    of = dynamics.agreement.sel(set=which, reference=reference)
    return of.sel(sigma=SIGMA, method="nearest").median("image")


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """For each N and reference, how much it explains at best and at the end, on both sets; and for
    each N how much samples share beyond the covariance, and their memorized fraction."""

    def row(reference: str, dynamics: xr.Dataset) -> dict:
        found = {}
        for which in ("train", "test"):
            part = _explained(dynamics, which, reference)
            best = int(np.argmax(part.values))
            found |= {f"{which}_best": float(part[best]), f"{which}_end": float(part[-1])}
            found |= {f"{which}_best_at": int(dynamics.images_seen[best])}
        return found | _of_samples(dynamics)

    return [
        {"N": N, "reference": reference}
        | tables.over_seeds([row(reference, d) for d in stores.of("dynamics", N=N)])
        for N in shown["sizes"]
        for reference in stores.first("dynamics", N=N).reference.values.tolist()
    ]


def _of_samples(dynamics: xr.Dataset) -> dict:
    found = {"memorized_end": float(dynamics.memorized.mean("sample")[-1])}
    if "beyond" in dynamics:
        shared = dynamics.beyond.median("sample")
        best = int(shared.argmax("step"))
        found |= {"beyond_best": float(shared[best]), "beyond_end": float(shared[-1])}
        found["beyond_best_at"] = int(dynamics.images_seen[best])
    return found
