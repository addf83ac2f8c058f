"""What theories make of one noisy image and of one start, side by side with both networks."""

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

#: Most sizes N and most theories that are drawn.
SIZES, THEORIES = 3, 9
#: Inches of the names of rows, and of all words above images.
NAMED, SAID = 0.8, 0.8
STEP = 1 + panels.GAP
#: Left edges of the two blocks of images, and of the two images above the first block.
BLOCKS, ABOVE = (0, SIZES * STEP + 0.3), (STEP / 2, 3 * STEP / 2)
WIDTH = BLOCKS[1] + SIZES * STEP - panels.GAP
NAMES = {"network": "network 1", "other images": "network 2"}


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """A row for each network and theory, a column for each N: on the left, the first test image at
    a middle noise level, denoised; on the right, an end of the probability flow."""
    sizes = words.few(shown["sizes"], SIZES)
    found = [stores.first("agreement", N=N) for N in sizes]
    at = [each.isel(level=_middle(each)).compute() for each in found]
    blocks = [each.outputs for each in at] + [each.ends.isel(sample=0).compute() for each in found]
    names = _outputs(found[0])
    rows = [[(pictures.photo(each.sel(output=name)), "") for each in blocks] for name in names]
    image = (style.COLUMN - NAMED) / WIDTH
    heights = [image, image * (STEP * len(rows) - panels.GAP)]
    figure = Figure((style.COLUMN, sum(heights) + SAID))
    above, below = figure.subplots(2, 1, height_ratios=heights)
    noise = rf"$\sigma$ = {float(at[0].level):g}"
    given = [(pictures.photo(at[0].clean), "clean"), (pictures.photo(at[0].noisy), noise)]
    panels.mosaic(above, [given], ["test image"], ABOVE)
    middle, each_makes = (BLOCKS[1] + WIDTH) / 2, "the sample that\neach makes from\nthe same start"
    above.text(middle, 0.5, each_makes, ha="center", va="center")
    # Fewer sizes stand in the middle of their block.
    places = STEP * (np.arange(len(sizes)) + (SIZES - len(sizes)) / 2)
    left = np.add.outer(BLOCKS, places).ravel()
    panels.mosaic(below, rows, [_called(name) for name in names], left)
    below.xaxis.tick_top()
    below.xaxis.set_label_position("top")
    below.set_xlabel("images in the training set, $N$")
    below.set_xticks(left + 0.5, [f"{N:,}" for N in sizes] * 2)
    for ax in (above, below):
        ax.set_xlim(0, WIDTH)
    words.headline(figure, sentence(numbers(stores, shown)))
    return figure


def _called(name: str) -> str:
    """In two lines, where there are two words: names stand next to small images."""
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


def _outputs(found: xr.Dataset) -> list[str]:
    """Both networks, then theories."""
    theories = [n for n in found.output.values if n not in (*NAMES, "another seed")]
    return [*(n for n in NAMES if n in found.output), *theories[:THEORIES]]


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
