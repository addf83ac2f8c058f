"""The phase diagram: how many images networks memorize, and after how much training."""

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

#: Number of times of a training that have a row, and inches of a row.
TIMES, ROW = 6, 0.24
#: Part of the scale from which numbers are black.
PALE = 0.5
SHORT = EngFormatter(places=0, sep="")


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """Memorized samples and gap by N and network; memorized samples by N and time."""
    rows, sizes = numbers(stores, shown), shown["sizes"]
    names = [row["denoiser"] for row in rows]
    parts, gaps = (
        np.array([[row[f"{name}_{N}"] for N in sizes] for row in rows])
        for name in ("memorized", "gap")
    )
    labels = [f"{row['denoiser']}, {SHORT(row['parameters'])} weights" for row in rows]
    largest = max(rows, key=lambda row: row["parameters"])["denoiser"]
    each = [together(stores.of("dynamics", denoiser=largest, N=N)) for N in sizes]
    (seen, in_time), count = _in_time(each), each[0].sizes["sample"]
    figure = Figure((style.PAGE, 0.9 + ROW * max(len(names), TIMES)))
    memorized, gap, times = figure.subplots(1, 3)
    _cells(memorized, sizes, labels, count * parts, count)
    memorized.set_title(f"samples memorized, of {count}")
    _cells(gap, sizes, [], gaps, np.nanmax(gaps))
    gap.set_title("train minus test (dB)")
    _cells(times, sizes, seen, count * in_time, count)
    times.set(title=f"{largest} in time", ylabel="images seen")
    words.headline(figure, sentence(rows, sizes, count))
    return figure


def sentence(rows: list[dict], sizes: list[int], count: int) -> str:
    """At the N where networks differ most, those that memorize the least and the most samples."""
    found = {
        N: {
            row["denoiser"]: row[f"memorized_{N}"]
            for row in rows
            if words.known(row, f"memorized_{N}")
        }
        for N in sizes
    }
    found = {N: parts for N, parts in found.items() if parts}
    if not found:
        return "No network has samples to judge."
    N = max(found, key=lambda N: np.ptp(list(found[N].values())))
    low, high = (pick(found[N], key=found[N].get) for pick in (min, max))
    less, more = (round(count * found[N][name]) for name in (low, high))
    if less == more:
        return "At every N all networks memorize the same number of samples."
    return (
        f"At N = {N:,}, where networks differ most, {low} memorizes {less} and {high} {more} of "
        f"{count} samples."
    )


def _in_time(each: list[xr.Dataset]) -> tuple[list[str], np.ndarray]:
    """Images seen at a few times, in reverse order, and the memorized fractions (time, N)."""
    chosen = words.few(range(each[0].sizes["step"]), TIMES)[::-1]
    parts = [one.memorized.mean("sample").median("seed").values[chosen] for one in each]
    return [SHORT(n) for n in each[0].images_seen.values[chosen]], np.transpose(parts)


def _cells(ax: Axes, sizes, labels: list[str], values, high: float) -> None:
    """A table of values (row, N) up to `high`, as colors and numbers."""
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
    """The memorized fraction and the gap of each network at each N at the end of training, and the
    largest N that it memorizes."""
    rows = []
    for name in shown["denoisers"]:
        each = {N: stores.of("dynamics", denoiser=name, N=N) for N in shown["sizes"]}
        found = []
        for seed in zip(*each.values(), strict=True):
            ended = {N: one.isel(step=-1) for N, one in zip(each, seed, strict=True)}
            parts = {N: float(one.memorized.mean("sample")) for N, one in ended.items()}
            found.append(
                {"effective": effective_memorization(parts)}
                | {f"memorized_{N}": part for N, part in parts.items()}
                | {f"gap_{N}": _gap(one) for N, one in ended.items()}
            )
        first = next(iter(each.values()))[0]
        given = {"denoiser": name, "architecture": first.attrs["architecture"]}
        rows.append(given | {"parameters": int(first.parameters)} | tables.over_seeds(found))
    return sorted(rows, key=lambda row: (row["architecture"], row["parameters"]))


def _gap(end: xr.Dataset) -> float:
    """PSNR on training images minus PSNR on test images, averaged over noise levels."""
    psnr = end.psnr.mean("sigma")
    return float(psnr.sel(set="train") - psnr.sel(set="test"))
