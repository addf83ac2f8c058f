"""Appendix: how training went.

Memorization takes time: the PSNR on the test set may fall while it rises on the training set.
"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from gahb.drawing import panels, style, words
from gahb.drawing.stores import Stores, together
from gahb.summaries import tables

FIGURE = {
    "title": "Training history",
    "reads": {"history": ["S1"]},
    "sizes": "every",
    "compares": "nothing",
    "uses": {},
}

#: The noise level whose PSNRs are shown: 20 dB of input PSNR.
SIGMA = 0.1


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """Loss, and PSNR on training and test images, against images seen; a curve for each N."""
    figure = Figure((style.PAGE, 2.5))
    loss, train, test = figure.subplots(1, 3)
    loss.set_yscale("log")
    for ax in (loss, train, test):
        ax.set(xscale="log", xlabel="images seen")
    color = style.shades(shown["sizes"])
    for N in shown["sizes"]:
        history = together(stores.of("history", N=N))
        line = {"color": color[N], "label": f"{N:,}"}
        panels.curve(loss, history.images_seen, history.loss, **line)
        for ax, which in ((train, "train"), (test, "test")):
            panels.curve(ax, history.images_seen, _psnr(history, which), **line)
    loss.set_ylabel(panels.label(history.loss))
    train.set_ylabel(panels.label(history.psnr))
    for ax, which in ((train, "training"), (test, "test")):
        ax.set_title(rf"{which} images, $\sigma = {SIGMA:g}$")
    test.sharey(train)
    for ax in (loss, train, test):
        panels.log_axis(ax)
    figure.legend(*loss.get_legend_handles_labels(), title="$N$", loc="outside right center")
    words.headline(figure, sentence(numbers(stores, shown)))
    return figure


def sentence(rows: list[dict]) -> str:
    """By how much the test PSNR falls again, for the smallest and the largest N."""
    said = []
    for row in words.ends(rows):
        lost = f"{row['best_test_psnr'] - row['test_psnr']:.1f}"
        where = "at its best" if float(lost) == 0 else f"{lost} dB below its best"
        said.append(f"{where} with N = {row['N']:,}")
    return f"The test PSNR ends {', and '.join(said)}."


def _psnr(history: xr.Dataset, which: str) -> xr.DataArray:
    return history.psnr.sel(set=which, sigma=SIGMA)


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """Values at the end of each training, and at its best on test images."""
    return [
        tables.over_seeds([{"N": N, **_ended(h)} for h in stores.of("history", N=N)])
        for N in shown["sizes"]
    ]


def _ended(history: xr.Dataset) -> dict:
    train, test = (_psnr(history, which).values for which in ("train", "test"))
    return {
        "images_seen": int(history.images_seen[-1]),
        "loss": float(history.loss[-1]),
        "train_psnr": float(train[-1]),
        "test_psnr": float(test[-1]),
        "best_test_psnr": float(test.max()),
        "best_at": int(history.images_seen[np.argmax(test)]),
    }
