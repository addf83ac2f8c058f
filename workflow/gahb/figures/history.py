"""Appendix: how training went.

Memorization takes time: the PSNR on the test set may fall while that on the training set rises.
"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from gahb.figures import parts, style

#: The noise level whose PSNRs are shown: 20 dB of input PSNR.
SIGMA = 0.1


@style.sheet()
def draw(histories: dict[int, xr.Dataset], batch: int) -> Figure:
    """Loss, and PSNR on training and test images, against images seen; a curve for each N.

    Args:
        histories: history.zarr of the network trained on N images, by N.
        batch: images in each step.
    """
    figure = Figure((style.PAGE, 2.5))
    loss, train, test = figure.subplots(1, 3)
    color = style.shades(histories)
    for N, history in histories.items():
        line = {"color": color[N], "label": f"{N:,}"}
        seen = batch * history.step
        loss.loglog(seen, history.loss, "o-", **line)
        for ax, which in ((train, "train"), (test, "test")):
            ax.semilogx(seen, _psnr(history, which), "o-", **line)
    loss.set_ylabel(parts.label(history.loss))
    train.set_ylabel(parts.label(history.psnr))
    for ax, which in ((train, "training"), (test, "test")):
        ax.set_title(rf"{which} images, $\sigma = {SIGMA:g}$")
    test.sharey(train)
    for ax in (loss, train, test):
        ax.set_xlabel("images seen")
        low, high = ax.get_xlim()
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 300 * low else (1,)))
        ax.xaxis.set_major_formatter(EngFormatter(sep=""))
        ax.xaxis.set_minor_formatter(NullFormatter())
    figure.legend(*loss.get_legend_handles_labels(), title="$N$", loc="outside right upper")
    return figure


def _psnr(history: xr.Dataset, which: str) -> xr.DataArray:
    return history.psnr.sel(set=which, sigma=SIGMA)


def numbers(histories: dict[int, xr.Dataset], batch: int) -> list[dict]:
    """Where each training ended, and where it was best on test images."""
    rows = []
    for N, history in histories.items():
        train, test = (_psnr(history, which).values for which in ("train", "test"))
        rows.append(
            {
                "N": N,
                "images_seen": batch * int(history.step[-1]),
                "loss": float(history.loss[-1]),
                "train_psnr": float(train[-1]),
                "test_psnr": float(test[-1]),
                "best_test_psnr": float(test.max()),
                "best_at": batch * int(history.step[np.argmax(test)]),
            }
        )
    return rows
