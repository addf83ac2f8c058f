"""What theories make of one noisy image and of one start, side by side with both networks."""

import math

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from gahb.drawing import panels, pictures, style, words
from gahb.drawing.stores import Stores
from gahb.summaries import tables

FIGURE = {
    "title": "What theories make of an image and of noise",
    "reads": {"agreement": ["S1"]},
    "sizes": "every",
    "compares": "nothing",
    "uses": {"steps": "samples.steps"},
}

#: Most sizes N that have a row, and most theories that have a column.
ROWS, COLUMNS = 5, 9
MOST_INCHES = 8.3
#: Columns above which names have room, degrees by which they rise above more, points of a letter.
WIDE, SLANT, LETTER = 8, 45, 4
NAMES = {"network": "network 1", "other images": "network 2"}


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """Above, the first test image at a middle noise level; below, ends of the probability flow."""
    sizes = words.few(shown["sizes"], ROWS)
    above, below = [], []
    for N in sizes:
        found = stores.first("agreement", N=N)
        names = _columns(found)
        at = found.isel(level=_middle(found)).compute()
        ends = found.ends.isel(sample=0).compute()
        first = [(pictures.photo(at.clean), "clean"), (pictures.photo(at.noisy), "noisy")]
        above.append(first + _row(at.outputs, names))
        below.append([(None, "")] * 2 + _row(ends, names))
    for rows in (above, below):
        rows[1:] = [[(image, "") for image, _ in row] for row in rows[1:]]
    slant = SLANT if len(above[0]) > WIDE else 0
    longest = max(len(name) for _, name in above[0])
    notes = LETTER * longest * math.sin(math.radians(slant)) if slant else 14
    height = panels.mosaic_height(
        style.PAGE - 0.6, len(above[0]), len(sizes), notes=(notes + 34) / 72
    )
    figure = Figure((style.PAGE, min(MOST_INCHES, 2 * height + 0.1)))
    titles = (
        f"a test image with noise of $\\sigma$ = {float(at.level):g}",
        "where one start leads",
    )
    named = [f"$N$ = {N:,}" for N in sizes]
    for ax, rows, title in zip(figure.subplots(2, 1), (above, below), titles, strict=True):
        panels.mosaic(ax, rows, named, slant=slant)
        ax.set_title(title, pad=notes + 14)
    # The names of rows stand at their first image.
    ax.spines["left"].set_position(("data", 2 * (1 + panels.GAP)))
    words.headline(figure, sentence(numbers(stores, shown)))
    return figure


def _row(outputs: xr.DataArray, names: list[str]) -> list[tuple]:
    return [(pictures.photo(outputs.sel(output=name)), _called(name)) for name in names]


def _called(name: str) -> str:
    """In two lines, where there are two words: columns are narrow."""
    return NAMES.get(name) or words.called(name).replace(" ", "\n", 1)


def sentence(rows: list[dict]) -> str:
    """How close to the end of network 1 the others' ends are, for the largest N."""
    N = rows[-1]["N"]
    ends = {
        row["output"]: row["end_correlation"]
        for row in rows
        if row["N"] == N and words.known(row, "end_correlation")
    }
    theories = {k: v for k, v in ends.items() if k not in (*NAMES.values(), "another seed")}
    said = []
    if NAMES["other images"] in ends:
        said.append(f"{words.number(ends[NAMES['other images']], 3)} to network 2's")
    if theories:
        best = max(theories, key=theories.get)
        closest = f"the closest theory's (the {words.called(best)})"
        said.append(f"{words.number(theories[best], 3)} to {closest}")
    if not said:
        return "There is nothing to compare the network with."
    return (
        f"N = {N:,}: from the same start, network 1's image has a correlation of "
        f"{' and '.join(said)}."
    )


def _middle(found: xr.Dataset) -> int:
    return found.sizes["level"] // 2


def _columns(found: xr.Dataset) -> list[str]:
    """Both networks, then theories."""
    theories = [n for n in found.output.values if n not in (*NAMES, "another seed")]
    return [*(n for n in NAMES if n in found.output), *theories[:COLUMNS]]


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """PSNR of each output against the clean image, and the correlation of end points with the
    network's, its mean over starts."""

    def row(N, name, found):
        at = found.isel(level=_middle(found)).sel(output=name)
        error = float(np.square(at.outputs - at.clean).mean())
        ends = [found.ends.sel(output=n).values.astype(float) for n in (name, "network")]
        together = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(*ends, strict=True)]
        return {
            "N": N,
            "denoised_psnr": -10 * np.log10(error),
            "end_correlation": float(np.mean(together)),
        }

    return [
        {"output": NAMES.get(name, name)}
        | tables.over_seeds([row(N, name, f.compute()) for f in stores.of("agreement", N=N)])
        for N in shown["sizes"]
        for name in stores.first("agreement", N=N).output.values
    ]
