"""The number of means from which a mixture of Gaussians memorizes, measured and predicted.

Errors on the training set, averaged over the noise levels of the training, of trained mixtures,
partial memorizers and the optimum, which is the generalizer of Buchanan et al. (2025);
`gahb.crossover` has their predictions.
"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from gahb import crossover, statistics
from gahb.drawing import panels, style, words
from gahb.drawing.stores import Stores
from gahb.summaries import tables

FIGURE = {
    "title": "The crossover to memorization",
    "reads": {"dynamics": ["S1"], "psnr": ["S1"], "images": []},
    "sizes": "largest",
    "compares": "denoisers",
    "beside": {"psnr": ["optimum", "partial_memorizer"]},
    "needs": "optimum",
    "sources": "mixture",
    "uses": {"entries": "denoisers.*", "recipes": "training.*", "count": "dynamics.count"},
}


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """Errors against M and, below, the memorized fraction of the samples, with both crossovers."""
    rows = _rows(stores, shown)
    figure = Figure((style.PAGE, 3))
    errors, memorized = figure.subplots(1, 2)
    trained = [row for row in rows if "memorized" in row]
    partial = [row for row in rows if row["model"] == "partial memorizer"]
    network = {"color": words.NETWORK, "markersize": 4}
    panels.banded(errors, trained, "error", "M", label="trained", **network)
    line = {"color": words.TRAINING, "marker": "s", "markersize": 4}
    panels.banded(errors, partial, "error", "M", label="partial memorizer", **line)
    M, predicted = (panels.column(partial, name) for name in ("M", "predicted"))
    errors.plot(M, predicted, "--", color=words.TRAINING)
    (optimum,) = (row for row in rows if row["model"] == "generalizer")
    errors.axhline(optimum["error"], color=words.OPTIMUM, label="generalizer")
    errors.axhline(optimum["predicted"], color=words.OPTIMUM, linestyle="--")
    errors.plot([], [], "--", color=style.GRAY, label="predicted")
    errors.set(ylabel="squared error on training images", ylim=(0, None))
    panels.banded(memorized, trained, "memorized", "M", **network)
    crossing = {"color": style.GRAY, "linestyle": ":", "label": "measured crossing"}
    memorized.axvline(optimum["M_predicted"], color=style.GRAY, linestyle="--")
    memorized.axvline(optimum["M_measured"], **crossing)
    memorized.set(ylabel="fraction of samples memorized", ylim=(-0.03, 1.03))
    for ax in (errors, memorized):
        ax.set(xlabel=f"means, $M$ ($N$ = {shown['sizes'][-1]:,})")
    figure.legend(loc="outside lower center", ncols=6)
    words.headline(figure, sentence(rows))
    return figure


def sentence(rows: list[dict]) -> str:
    """The number of means from which most samples are memorized, and where errors cross and were
    predicted to."""
    (optimum,) = (row for row in rows if row["model"] == "generalizer")
    trained = [row for row in rows if words.known(row, "memorized")]
    most = words.since(trained, lambda row: row["memorized"] > 0.5)
    said = f"Most samples are memorized from {most['M']} means on" if most else NEVER
    crossings = {"M_predicted": "predicted", "M_measured": "measured"}
    found = [
        f"{round(optimum[name])} means ({how})"
        if words.known(optimum, name)
        else f"nowhere ({how})"
        for name, how in crossings.items()
    ]
    return f"{said}; errors cross at {' and '.join(found)}."


NEVER = "Most samples are not memorized with the most means"


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """A row for each model: M, its error, the predicted error, and the memorized fraction of a
    trained one; the generalizer's row has both crossovers. Missing values are "none"."""
    rows = _rows(stores, shown)
    columns = dict.fromkeys(name for row in rows for name in row)
    kept = [{k: v for k, v in row.items() if v == v} for row in rows]  # no NaN
    return [{name: row.get(name, "none") for name in columns} for row in kept]


def _rows(stores: Stores, shown: dict) -> list[dict]:
    N, entries = shown["sizes"][-1], shown["entries"]
    images = stores.first("images")
    d, v = images.templates[0].size, float(images.spread) ** 2
    sigma = _levels(shown)
    rows = []
    for name in sorted(shown["denoisers"], key=lambda name: entries[name]["means"]):
        every = zip(
            stores.of("psnr", denoiser=name, N=N),
            stores.of("dynamics", denoiser=name, N=N),
            strict=True,
        )
        each = [
            _error(curves, d, sigma)
            | tables.bounded(
                "memorized", statistics.fraction(dynamics.memorized.isel(step=-1).values > 0)
            )
            for curves, dynamics in every
        ]
        given = {"model": "trained", "M": entries[name]["means"]}
        rows.append(given | tables.over_seeds(each))
    of = {name: entries[name]["memorized"] for name in _partial(shown)}
    for name, M in sorted(of.items(), key=lambda item: item[1]):
        given = {"model": "partial memorizer", "M": M}
        found = _error(stores.first("psnr", denoiser=name, N=N), d, sigma)
        loss = float(crossover.partial_memorizer_loss(d, v, M / N))
        rows.append(given | found | {"predicted": loss})
    best = _error(stores.first("psnr", denoiser=shown["optimum"], N=N), d, sigma)
    partial = [row for row in rows if row["model"] == "partial memorizer"]
    curve = ([row["M"] for row in partial], [row["error"] for row in partial])
    crossovers = {
        "predicted": float(crossover.generalizer_loss(d, v, sigma).mean()),
        "M_predicted": crossover.predicted(N, v, sigma),
        "M_measured": crossover.crossing(*curve, best["error"]),
    }
    return [*rows, {"model": "generalizer"} | best | crossovers]


def _partial(shown: dict) -> list[str]:
    """The study's partial memorizers."""
    return [name for name in shown["references"] if "memorized" in shown["entries"][name]]


def _levels(shown: dict) -> np.ndarray:
    """Noise levels of the training, all equally likely.

    Raises:
        ValueError: a denoiser is not a mixture with learned means, or is trained with other noise
            levels than the first.
    """
    entries = [shown["entries"][name] for name in shown["denoisers"]]
    for name, entry in zip(shown["denoisers"], entries, strict=True):
        if "means" not in entry:
            raise ValueError(
                f"denoisers.{name}: found {entry['architecture']}; the figure 'crossover' is of "
                "architecture: gaussians"
            )
    noises = {shown["recipes"][entry["training"]]["noise"] for entry in entries}
    if len(noises) > 1:
        raise ValueError(f"noise: found {', '.join(sorted(noises))}; right is one for all networks")
    return crossover.levels(noises.pop())


def _error(curves: xr.Dataset, d: int, sigma: np.ndarray) -> dict:
    """Mean squared error on training images over the noise levels `sigma`, summed over d pixels.

    It is interpolated in log sigma between the noise levels of the curves. The optimum has curves
    on test images only; it knows neither set.

    Raises:
        ValueError: the curves end below the largest of these noise levels.
    """
    if curves.sigma.max() < 0.99 * sigma.max():
        raise ValueError(
            f"psnr.input_psnr: found a least input PSNR of {float(curves.input_psnr.min()):g} dB; "
            "right is 0 dB, sigma = 1, up to which networks are trained"
        )
    errors = d * 10 ** (-curves.psnr.isel(set=0) / 10)
    at = errors.sortby("sigma").transpose("image", "sigma")
    logs = np.log(at.sigma.values)
    mean = [np.interp(np.log(sigma), logs, one).mean() for one in at.values]
    return tables.bounded("error", statistics.mean(mean))
