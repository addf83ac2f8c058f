"""When networks memorize: the memorized fraction of their samples, and their errors, over time.

Bonnaire et al. (2025): the time to memorize is proportional to N, the time to generalize is
independent of it.
"""

import math

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from gahb.drawing import panels, style, words
from gahb.drawing.stores import Stores, together
from gahb.summaries import dynamics as times
from gahb.summaries import tables

FIGURE = {
    "title": "Dynamics of memorization",
    "reads": {"dynamics": ["S1"]},
    "sizes": "every",
    "compares": "nothing",
    "uses": {"count": "dynamics.count"},
}


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """Memorized fraction and PSNR against images seen, and the fraction against images seen / N."""
    figure = Figure((style.PAGE, 2.9))
    memorized, errors, collapsed = figure.subplots(1, 3)
    color = style.shades(shown["sizes"])
    for N in shown["sizes"]:
        found = together(stores.of("dynamics", N=N))
        line = {"color": color[N], "label": f"{N:,}"}
        part = found.memorized.mean("sample")
        panels.curve(memorized, found.images_seen, part, **line)
        panels.curve(collapsed, found.images_seen / N, part, **line)
        psnr = found.psnr.mean("sigma")
        panels.curve(errors, found.images_seen, psnr.sel(set="test"), **line)
        panels.curve(
            errors, found.images_seen, psnr.sel(set="train"), color=color[N], linestyle=":"
        )
    for ax in (memorized, collapsed):
        ax.axhline(times.THRESHOLD, **panels.REFERENCE)
        ax.set(ylim=(-0.03, 1.03), ylabel="fraction of samples memorized")
    errors.set_ylabel("output PSNR (dB)")
    for ax in (memorized, errors):
        ax.set_xlabel("images seen")
    collapsed.set_xlabel("images seen / $N$")
    errors.set_title("test (solid) and training images (dotted)")
    for ax in figure.axes:
        panels.log_axis(ax, 60)
    figure.legend(*memorized.get_legend_handles_labels(), title="$N$", loc="outside right center")
    words.headline(figure, sentence(numbers(stores, shown)))
    return figure


def sentence(rows: list[dict]) -> str:
    """The N at which most samples are memorized at the end, and how the time to memorize grows."""
    *rows, growth = rows
    judged = [row for row in rows if words.known(row, "memorized")]
    most = [f"{row['N']:,}" for row in judged if row["memorized"] > times.THRESHOLD]
    said = f"N = {words.listed(most)}" if most else "no N"
    said = f"At the end of training, most samples are memorized at {said}"
    if len(judged) < len(rows):
        said += f" ({len(rows) - len(judged)} N without samples)"
    name = "tau_mem_exponent"
    growth = {key: value for key, value in growth.items() if value != "none"}
    if name in growth and f"{name}_low" in growth:
        grows = "grows as" if words.side(growth, name) > 0 else "does not clearly grow with N:"
        low, high = (words.number(growth[f"{name}_{end}"]) for end in ("low", "high"))
        said += f"; the time until then {grows} N to the power {words.number(growth[name])}"
        said += f" [{low}, {high}]"
    return said + "."


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """Times and memorized fractions for each N and, in the last row, the growth with N."""
    found = {N: stores.of("dynamics", N=N) for N in shown["sizes"]}
    rows = [
        tables.over_seeds([{"N": N, **_times(one)} for one in of_N]) for N, of_N in found.items()
    ]
    rows = [*map(_said, rows), {"N": "all", **_growth(found)}]
    columns = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name, "none") for name in columns} for row in rows]


def _times(dynamics: xr.Dataset) -> dict:
    psnr = dynamics.psnr.mean("sigma").sel(set="test")
    part = dynamics.memorized.mean("sample").values
    return {
        "tau_gen": times.best(dynamics.images_seen.values, -psnr.values),
        "tau_mem": times.crossing(dynamics.images_seen.values, part),
        "best_test_psnr": float(psnr.max()),
        "test_psnr": float(psnr[-1]),
        "memorized": float(part[-1]),
    }


def _said(row: dict) -> dict:
    """A row in which times that were not reached are named so."""
    return {k: "not reached" if v == math.inf else v for k, v in row.items()}


def _growth(found: dict[int, list[xr.Dataset]]) -> dict:
    """Exponents of both times against N, and how well the curves collapse against tau / N^a."""
    each = {N: [_times(one) for one in of_N] for N, of_N in found.items()}
    row = {}
    for name in ("tau_gen", "tau_mem"):
        interval = times.exponent({N: [t[name] for t in of_N] for N, of_N in each.items()})
        names = [f"{name}_exponent{end}" for end in ("", "_low", "_high")]
        row |= {k: v for k, v in zip(names, map(float, interval), strict=True) if not math.isnan(v)}
    curves = {
        N: (
            of_N[0].images_seen.values,
            together(of_N).memorized.mean("sample").median("seed").values,
        )
        for N, of_N in found.items()
    }
    best, misfit = times.collapse(curves)
    if np.isnan(best):
        return row
    at_1 = times.misfit(curves, 1)
    return row | {"collapse_exponent": best, "misfit": misfit, "misfit_at_1": at_1}
