"""Common to all figures: print sizes, style sheet, colors, saving."""

from collections.abc import Iterable
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.style import context

from gahb import store

SHEET = Path(__file__).with_name("paper.mplstyle")
#: Widths in inches of one column and of a full page.
COLUMN, PAGE = 3.4, 7.0
GRAY = "0.6"
#: White is zero; distinguishable by color-blind readers.
DIVERGING = mpl.colormaps["RdBu_r"]


def sheet():
    """Only the style sheet, whatever the user's own settings; a context and a decorator."""
    return context(SHEET, after_reset=True)


def shades(values: Iterable[float]) -> dict[float, str]:
    """A color for each positive value, perceptually uniform over its logarithm.

    The pale end of the color map is left out, so that each is visible on white.
    """
    values = list(values)
    logs = np.log(values)
    shade = 0.85 * (logs - logs.min()) / (np.ptp(logs) or 1)
    return dict(zip(values, map(to_hex, mpl.colormaps["viridis"](shade)), strict=True))


def save(figure: Figure, paths: Iterable[str | Path], origin: str | None = None) -> None:
    """Write a figure to each path, in the format of its ending.

    No date is written, so that the same stores give the same bytes.

    Args:
        figure: a figure.
        paths: files to write.
        origin: provenance for the metadata of a PNG file, under "gahb".
    """
    with sheet():
        # Laid out once, for all formats.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for path in map(Path, paths):
            ending = path.suffix.removeprefix(".")
            metadata = {"pdf": {"CreationDate": None}, "png": {"gahb": origin}}.get(ending)
            with store.atomic(path) as partial:
                figure.savefig(partial, format=ending, metadata=metadata)
