"""Which denoisers make the same sample from a start, beyond the covariance of the images.

All pairs of a study's denoisers, for both subsets: networks, another seed, theories. If two
networks agree more than a network and a theory fitted to the other images, they share something
that the theory lacks.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gahb.drawing import style, words
from gahb.drawing.stores import Stores, together
from gahb.summaries import tables

FIGURE = {
    "title": "Agreement of all denoisers beyond the covariance",
    "reads": {"matrix": ["disjoint"]},
    "sizes": "every",
    "compares": "nothing",
    "uses": {"count": "samples.count"},
}

#: Inches of a row, of a panel's frame, and of all panels at most.
ROW, FRAME, MOST = 0.19, 0.5, 8.2
#: Value from which numbers are white, and number of columns from which leading zeros are omitted.
DARK, NARROW = 0.6, 13


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """A matrix with shares for each of the largest N, as many as fit."""
    first = stores.first("matrix", N=shown["sizes"][-1])
    height = ROW * first.sizes["denoiser"] + FRAME
    sizes = shown["sizes"][-max(1, int(MOST / height)) :]
    figure = Figure((style.PAGE, height * len(sizes)))
    for N, ax in zip(sizes, figure.subplots(len(sizes), 1, squeeze=False)[:, 0], strict=True):
        found = together(stores.of("matrix", N=N)).sel(bound="estimate")
        cosines = found.beyond_median.median("seed").values
        _panel(ax, _named(first), cosines, found.share_median.median("seed").values)
        ax.text(-0.6, -0.7, f"$N$ = {N:,}", ha="right", va="bottom")
    words.headline(figure, sentence(numbers(stores, {"sizes": sizes[-1:]})))
    return figure


def _named(found) -> list[str]:
    """The names of the denoisers in words."""
    names = [str(name).split(", ") for name in found.denoiser.values]
    return [", ".join([words.called(name), *of]) for name, *of in names]


def _panel(ax: Axes, names: list[str], cosines: np.ndarray, shares: np.ndarray) -> None:
    """Cosines as colors and numbers, with each denoiser's share to the right of its row."""
    count = len(names)
    shown = np.where(np.eye(count, dtype=bool), np.nan, cosines)
    ax.imshow(shown, cmap=style.DIVERGING, vmin=-1, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(shown):
        if row != column:
            color = "white" if abs(value) > DARK else "black"
            text = _number(value, count >= NARROW)
            ax.text(column, row, text, color=color, ha="center", va="center")
    for row, value in enumerate(shares):
        ax.text(count - 0.3, row, f"{value:.3f}", va="center")
    ax.text(count - 0.3, -0.7, "share", va="bottom")
    ax.xaxis.tick_top()
    ax.set_xticks(range(count), range(1, count + 1))
    ax.set_yticks(range(count), [f"{name}  {i}" for i, name in enumerate(names, 1)])
    ax.tick_params(length=0)
    ax.set_xlim(-0.5, count + 0.5)
    ax.spines[:].set_visible(False)


def _number(value: float, narrow: bool) -> str:
    text = "\N{EN DASH}" if np.isnan(value) else words.number(value)
    return text.replace("0.", ".") if narrow else text


def sentence(rows: list[dict]) -> str:
    """What two networks of the largest N share, and the theory of the other images closest to the
    network."""
    N, mine = rows[-1]["N"], rows[0]["denoiser"]
    network = mine.removesuffix(", S1")
    found = {
        (row["denoiser"], row["other"]): row["beyond"]
        for row in rows
        if row["N"] == N and words.known(row, "beyond")
    }
    said, pair = [], found.get((mine, f"{network}, S2"))
    if pair is not None:
        said.append(f"two networks agree to {words.number(pair)}")
    theories = {
        other.removesuffix(", S2"): value
        for (name, other), value in found.items()
        if name == mine and other.endswith(", S2") and not other.startswith(f"{network},")
    }
    if theories:
        name = max(theories, key=theories.get)
        closest = f"the closest theory of the other images, the {words.called(name)},"
        said.append(f"a network and {closest} to {words.number(theories[name])}")
        of_theory = found.get((f"{name}, S1", f"{name}, S2"))
        if of_theory is not None:
            said.append(f"two such theories to {words.number(of_theory)}")
    return f"Beyond the covariance, at N = {N:,}: {'; '.join(said) or 'nothing is left'}."


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """The cosine of every two denoisers for each N, and the share of the first."""
    rows = []
    for N in shown["sizes"]:
        each = stores.of("matrix", N=N)
        for i, name in enumerate(each[0].denoiser.values):
            for j, other in enumerate(each[0].denoiser.values):
                if i != j:
                    of = {"N": N, "denoiser": str(name), "other": str(other)}
                    rows.append(of | tables.over_seeds([_row(data, i, j) for data in each]))
    return rows


def _row(data, i: int, j: int) -> dict:
    """A row, without a number where nothing is left."""
    found = {"beyond": data.beyond_median.values[i, j], "share": data.share_median.values[i]}
    bounded = [tables.bounded(k, v) for k, v in found.items() if not np.isnan(v[0])]
    return {k: v for each in bounded for k, v in each.items()}
