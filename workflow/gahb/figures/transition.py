"""From memorization to generalization against N, and how much of it the covariance explains.

The Gaussian null is two Wiener filters, each of N images of its own: they agree, too. Only
agreement of two networks beyond it is informative: their samples are compared again with the sample
of one Gaussian projected out of both.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gahb import statistics
from gahb.drawing import panels, style, words
from gahb.drawing.stores import Stores
from gahb.summaries import beyond, memorization, tables

FIGURE = {
    "title": "Transition",
    "reads": {
        "similarity": ["disjoint", "same"],
        "beyond": ["disjoint", "same"],
        "psnr": ["S1"],
        "prediction": [],
    },
    "sizes": "every",
    "compares": "nothing",
    "uses": {},
}

#: Input PSNR in dB at which errors are shown.
INPUT_PSNR = 15
EXPECTED = {"color": "0.35", "linestyle": "--", "linewidth": 0.9}


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """Cosines beyond the covariance and of samples, memorized fraction, and errors, against N."""
    rows, sizes = numbers(stores, shown), shown["sizes"]
    figure = Figure((style.PAGE, 4.6))
    (beyond, between), (memorized, errors) = figure.subplots(2, 2)
    _cosines(beyond, between, rows)
    line = words.PAIRS["beyond"] | {"label": "_"}
    panels.banded(memorized, rows, "memorized", **line)
    memorized.set(ylim=(-0.03, 1.03), title="Samples that are memorized", ylabel="fraction")
    _errors_panel(errors, rows)
    decibels = float(stores.first("prediction").input_psnr[_level(stores.first("prediction"))])
    errors.set_title(f"Errors at {decibels:g} dB: test (solid), training (dotted)")
    for ax in figure.axes:
        # Noted, because nothing is drawn if all samples diverged.
        ax.set(xlim=(min(sizes) / 1.3, 1.3 * max(sizes)))
        panels.log_axis(ax, 20)
    for ax in (memorized, errors):
        ax.set_xlabel("training images, $N$")
    figure.legend(*between.get_legend_handles_labels(), ncols=4, loc="outside lower center")
    words.headline(figure, sentence(rows))
    return figure


def _cosines(beyond: Axes, between: Axes, rows: list[dict]) -> None:
    """Cosines beyond the covariance, and 1 - cosine of the samples themselves, which separates 0.99
    from 0.999."""
    between.set_yscale("log")
    for name, of in {
        "beyond": "between",
        "beyond_ceiling": "ceiling",
        "beyond_null": "null",
    }.items():
        line = words.PAIRS[name] | {"markersize": 4}
        line["label"] = line["label"].removesuffix(", beyond the covariance")
        if any(of in row for row in rows):
            panels.banded(beyond, rows, name, **line)
            panels.banded(between, [_missing(row, of) for row in rows], of, **line)
    N = panels.column(rows, "N")
    beyond.plot(N, panels.column(rows, "beyond_expected"), **EXPECTED)
    beyond.axhline(0, **panels.REFERENCE)
    beyond.set(ylabel="cosine", ylim=(-1.05, 1.05), title="Agreement beyond the covariance")
    missing = 1 - np.array(panels.column(rows, "expected"))
    between.plot(N, missing, label="Wiener filters, by theory", **EXPECTED)
    between.set(ylabel="1 \N{MINUS SIGN} cosine", title="Difference of the samples themselves")


def _errors_panel(ax: Axes, rows: list[dict]) -> None:
    """Errors of the networks and of the Wiener filter, measured and in theory."""
    ax.set_yscale("log")
    for which, dashes in {"test": "-", "train": ":"}.items():
        for of, name in {"mse": "beyond", "null": "beyond_null"}.items():
            line = words.PAIRS[name] | {"linestyle": dashes, "label": "_"}
            panels.banded(ax, rows, f"{which}_{of}", **line)
        theory = np.array(panels.column(rows, f"{which}_expected"))
        ax.plot(panels.column(rows, "N"), np.where(theory > 0, theory, np.nan), **EXPECTED)
    ax.set_ylabel("mean squared error per pixel")


def sentence(rows: list[dict]) -> str:
    """The N from which two networks share more beyond the covariance than two Wiener filters."""
    rows = [row for row in rows if words.known(row, "beyond")]
    if not rows:
        return "Most samples diverged at every N."

    def above(row: dict) -> bool:
        return words.side(row, "beyond", row.get("beyond_null_high", row["beyond_null"])) > 0

    start, last = words.since(rows, above), rows[-1]
    at = f"At N = {last['N']:,}" if start in (None, last) else f"From N = {start['N']:,} on"
    shared = f"{words.number(last['beyond'])} and {words.number(last['beyond_null'])}"
    return (
        f"{at}, two networks share {'more' if start else 'no more'} beyond the covariance than two "
        f"Wiener filters ({shared} at N = {last['N']:,})."
    )


def _missing(row: dict, name: str) -> dict:
    """A row with 1 minus a cosine, whose bounds are swapped."""
    bounds = {"": "", "_low": "_high", "_high": "_low"}
    found = {name + to: 1 - row[name + of] for to, of in bounds.items() if name + of in row}
    return {"N": row["N"], **found}


def _level(stored: xr.Dataset) -> int:
    return int(np.abs(stored.input_psnr.values - INPUT_PSNR).argmin())


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """Measurements of the networks for each N, and predictions from the covariance alone."""
    null = stores.first("prediction")

    def row(N: int, similarity: xr.Dataset, curves: xr.Dataset) -> dict:
        found = memorization.similarity(similarity)
        kept = {k: v for k, v in found.items() if k.startswith(("between", "memorized"))}
        return {"N": N, **kept, **_errors(curves)}

    rows = []
    for N in shown["sizes"]:
        pairs = stores.of("similarity", N=N, pair="disjoint")
        each = zip(pairs, stores.of("psnr", N=N), strict=True)
        same = stores.of("similarity", N=N, pair="same")
        measured = tables.over_seeds([row(N, *one) for one in each]) | memorization.ceiling(same)
        measured |= beyond.over_seeds_of(stores.of("beyond", N=N, pair="disjoint"))
        measured |= beyond.ceiling(stores.of("beyond", N=N, pair="same"))
        rows.append(measured | _null(null.sel(N=N)))
    return rows


def _errors(curves: xr.Dataset) -> dict:
    """Mean squared error per pixel of a network on training and test images."""
    psnr = curves.psnr.isel(sigma=_level(curves))
    mean = (10 ** (-psnr / 10)).mean("image")
    return {f"{which}_mse": float(mean.sel(set=which)) for which in ("train", "test")}


def _null(predicted: xr.Dataset) -> dict:
    estimate, low, high = map(float, statistics.median(predicted.between))
    found = {"null": estimate, "null_low": low, "null_high": high}
    found["expected"] = float(predicted.expected_between)
    found["beyond_expected"] = float(predicted.expected_beyond)
    at = predicted.isel(sigma=_level(predicted))
    for which in ("train", "test"):
        found[f"{which}_null"] = float(at.mse.sel(set=which))
        found[f"{which}_expected"] = float(at.expected_mse.sel(set=which))
    return found
