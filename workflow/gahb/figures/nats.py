"""Memorization, transition and generalization in nats: losses on test, gains on training images.

Small N: test images are far less likely under the network than they should be, and training images
likelier. Large N: neither.
"""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from gahb.drawing import panels, style, words
from gahb.drawing.stores import Stores, together
from gahb.summaries import density as nats
from gahb.summaries import tables

FIGURE = {
    "title": "Memorization in nats",
    "reads": {"density": ["S1", "S2"]},
    "beside": {"density": "every"},
    "sizes": "every",
    "compares": "nothing",
    "uses": {
        "count": "density.count",
        "noises": "density.noises",
        "input_psnr": "density.input_psnr",
    },
}

#: Nats up to which the axis is linear.
LINEAR = 10


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """Nats lost on test images and gained on training images against N, and the loss by cut-off."""
    figure = Figure((style.PAGE, 3.2))
    left, right = figure.subplots(1, 2)
    rows = numbers(stores, shown)
    _by_size(left, rows, shown)
    color = style.shades(shown["sizes"])
    for N in shown["sizes"]:
        curves = [
            nats.lost(data, _best(stores, shown, seed)).sel(set="test").mean(("pair", "image"))
            for seed, data in enumerate(stores.of("density", N=N, subset="S1"))
        ]
        lost = together(curves)
        panels.curve(right, lost.input_psnr, lost, color=color[N], label=f"{N:,}")
    right.set(xlabel=r"input PSNR at the cut-off $\sigma_0$ (dB)", title="Lost on test images")
    for ax in (left, right):
        _scaled(ax)
    left.set_title(f"With a cut-off at {float(lost.input_psnr[-1]):g} dB")
    figure.legend(*left.get_legend_handles_labels(), ncols=2, loc="outside lower center")
    figure.legend(*right.get_legend_handles_labels(), title="$N$", loc="outside right center")
    words.headline(figure, sentence(rows))
    return figure


def sentence(rows: list[dict]) -> str:
    """Losses on test images and gains on training images at the smallest and largest N."""
    said = []
    for row in words.ends([row for row in rows if row["denoiser"] == rows[0]["denoiser"]]):
        test, train = (
            _nats(row, "kl", ("loses", "gains")),
            _nats(row, "memory", ("gains", "loses")),
        )
        each = f"{test} on test images and {train} on training images"
        both = f"{test} on test and on training images"
        said.append(f"{both if test == train else each} at N = {row['N']:,}")
    return f"In nats per image, against the best density known, the network {'; '.join(said)}."


def _nats(row: dict, name: str, verbs: tuple[str, str]) -> str:
    """A number in words, with a verb for each sign."""
    where = words.side(row, name)
    if not where:
        return "is as good"
    return f"{verbs[where < 0]} {words.amount(abs(row[name]))}"


def _by_size(ax: Axes, rows: list[dict], shown: dict) -> None:
    """Losses and gains, with intervals, against N."""
    lines = {
        ("kl", shown["denoiser"]): words.PAIRS["beyond"] | {"label": "lost on test images"},
        ("memory", shown["denoiser"]): words.PAIRS["closest"]
        | {"label": "gained on training images"},
    }
    for reference, line in words.looks(shown["references"]).items():
        line |= {"linestyle": "--", "marker": ".", "label": f"lost by the {line['label']}"}
        lines["kl", reference] = line
    for (name, denoiser), line in lines.items():
        panels.banded(ax, [row for row in rows if row["denoiser"] == denoiser], name, **line)
    ax.set(xlabel="training images, $N$", ylabel="nats per image")
    panels.log_axis(ax, 20)


def _scaled(ax: Axes) -> None:
    """Scale an axis linearly near 0, logarithmically beyond, with little room below 0."""
    ax.axhline(0, **panels.REFERENCE)
    low, high = ax.dataLim.intervaly
    ax.set_yscale("symlog", linthresh=LINEAR)
    ax.set_ylim(min(1.5 * low, -LINEAR / 2), max(2 * high, LINEAR))
    ax.yaxis.set_major_formatter(EngFormatter(sep=""))


def _best(stores: Stores, shown: dict, seed: int):
    """The smallest errors without S1: of networks of the largest N, and of the Gaussian."""
    of = {"N": max(shown["sizes"]), "subset": "S2"}
    references = [stores.first("density", denoiser=r, **of) for r in shown["references"]]
    return nats.least_errors([stores.of("density", **of)[seed], *references])


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """Nats lost and gained, with their errors, for each N and for each reference."""
    rows = []
    for denoiser in (shown["denoiser"], *shown["references"]):
        for N in shown["sizes"]:
            pairs = zip(
                *(stores.of("density", denoiser=denoiser, N=N, subset=s) for s in ("S1", "S2")),
                strict=True,
            )
            found = [
                nats.compared(data, other, _best(stores, shown, seed))
                for seed, (data, other) in enumerate(pairs)
            ]
            if found:  # the optimum is the same for every N, and is listed at the largest
                rows.append({"denoiser": denoiser, "N": N, **tables.over_seeds(found)})
    return rows
