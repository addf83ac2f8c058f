"""The phase diagram: which networks memorize how many images, after how long a training."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from gahb.drawing import style, words
from gahb.drawing.stores import Stores, together
from gahb.summaries import tables
from gahb.summaries.dynamics import effective_memorization

FIGURE = {
    "title": "Phase diagram",
    "reads": {"dynamics": ["S1"]},
    "sizes": "every",
    "compares": "denoisers",
    "uses": {"count": "dynamics.count"},
}

#: Times of a training that have a row, and inches of a row.
TIMES, ROW = 6, 0.24
#: From which part of the scale on numbers are black.
PALE = 0.5


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """Memorized samples and gap by N and network; memorized samples by N and time."""
    found = _by_network(stores, shown)
    names, sizes = _ordered(found), shown["sizes"]
    ended = [[_ended(found[name][N]) for N in sizes] for name in names]
    parts, gaps = (
        np.array([[cell[key] for cell in row] for row in ended]) for key in ("memorized", "gap")
    )
    largest = max(names, key=lambda name: _parameters(found, name))
    seen, in_time = _in_time([together(found[largest][N]) for N in sizes])
    labels, count = [_label(found, n) for n in names], _any(found, largest).sizes["sample"]
    figure = Figure((style.PAGE, 0.9 + ROW * max(len(names), TIMES)))
    memorized, gap, times = figure.subplots(1, 3)
    _cells(memorized, sizes, labels, count * parts, count)
    memorized.set_title(f"samples memorized, of {count}")
    _cells(gap, sizes, [], gaps, np.nanmax(gaps))
    gap.set_title("train minus test (dB)")
    _cells(times, sizes, seen, count * in_time, count)
    times.set(title=f"{largest} in time", ylabel="images seen")
    words.headline(figure, sentence(numbers(stores, shown), sizes, count))
    return figure


def sentence(rows: list[dict], sizes: list[int], count: int) -> str:
    """At the N where networks differ most, which memorize least and most of `count` samples."""
    differ = {}
    for N in sizes:
        known = [row for row in rows if words.known(row, f"memorized_{N}")]
        known = sorted(known, key=lambda row: row[f"memorized_{N}"])
        if known:
            differ[N] = known[0], known[-1]
    if not differ:
        return "No network has samples to judge."
    N = max(differ, key=lambda N: differ[N][1][f"memorized_{N}"] - differ[N][0][f"memorized_{N}"])
    low, high = ((round(count * row[f"memorized_{N}"]), row["denoiser"]) for row in differ[N])
    if low[0] == high[0]:
        return "At every N all networks memorize the same number of samples."
    return (
        f"At N = {N:,}, where networks differ most, {low[1]} memorizes {low[0]} and {high[1]} "
        f"{high[0]} of {count} samples."
    )


def _by_network(stores: Stores, shown: dict) -> dict[str, dict[int, list[xr.Dataset]]]:
    """The stores of all seeds, by denoiser and N."""
    return {
        name: {N: stores.of("dynamics", denoiser=name, N=N) for N in shown["sizes"]}
        for name in shown["denoisers"]
    }


def _any(found, name: str) -> xr.Dataset:
    return next(iter(found[name].values()))[0]


def _parameters(found, name: str) -> int:
    return int(_any(found, name).parameters)


def _ordered(found) -> list[str]:
    """Names of the denoisers by architecture, and of each by the number of weights."""
    return sorted(
        found, key=lambda n: (_any(found, n).attrs["architecture"], _parameters(found, n))
    )


def _label(found, name: str) -> str:
    return f"{name}, {EngFormatter(places=0, sep='')(_parameters(found, name))} weights"


def _in_time(each: list[xr.Dataset]) -> tuple[list[str], np.ndarray]:
    """Images seen at a few times, the last first, and memorized parts (time, N) there."""
    steps = each[0].sizes["step"]
    chosen = np.unique(np.linspace(0, steps - 1, TIMES).round().astype(int))[::-1]
    parts = [one.memorized.mean("sample").median("seed").values[chosen] for one in each]
    seen = each[0].images_seen.values[chosen]
    return [EngFormatter(places=0, sep="")(n) for n in seen], np.transpose(parts)


def _ended(each: list[xr.Dataset]) -> dict:
    """Memorized part and gap at the end of training: medians over seeds."""
    psnr = together(each).psnr.isel(step=-1).mean("sigma")
    gap = (psnr.sel(set="train") - psnr.sel(set="test")).median("seed")
    memorized = together(each).memorized.isel(step=-1).mean("sample").median("seed")
    return {"memorized": float(memorized), "gap": float(gap)}


def _cells(ax: Axes, sizes, labels: list[str], values, high: float) -> None:
    """A table of values (row, N) up to `high`, in colours and numbers."""
    ax.imshow(values, cmap="cividis", vmin=0, vmax=high or 1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        color = "black" if value > PALE * high else "white"
        text = words.number(value, 0)
        ax.text(column, row, text, color=color, ha="center", va="center_baseline")
    ax.set_xticks(range(len(sizes)), map(EngFormatter(sep=""), sizes))
    ax.set_yticks(range(len(labels)), labels)
    ax.tick_params(length=0)
    ax.set(xlabel="training images, $N$")
    ax.spines[:].set_visible(False)


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """For each network what it memorizes, at each N, and the largest N that it does."""
    found = _by_network(stores, shown)
    rows = []
    for name in _ordered(found):
        of_seeds = [
            {N: _ended([each])["memorized"] for N, each in zip(found[name], seed, strict=True)}
            for seed in zip(*found[name].values(), strict=True)
        ]
        each = [
            {"effective": effective_memorization(one)}
            | {f"memorized_{N}": part for N, part in one.items()}
            for one in of_seeds
        ]
        given = {
            "denoiser": name,
            "architecture": _any(found, name).attrs["architecture"],
            "parameters": _parameters(found, name),
        }
        rows.append(given | tables.over_seeds(each))
    return rows
