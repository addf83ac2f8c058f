"""Log-densities of images under two networks, and the most and the least likely images.

Small N: training images are likely only under the network trained on them. Large N: both networks
give every image the same density.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gahb import store
from gahb.drawing import panels, pictures, style, words
from gahb.drawing.stores import Stores
from gahb.summaries import density as nats
from gahb.summaries import tables

FIGURE = {
    "title": "Log-densities under two networks",
    "reads": {"density": ["S1", "S2"], "images": []},
    "sizes": "every",
    "compares": "nothing",
    "uses": {"count": "density.count", "input_psnr": "density.input_psnr"},
}

#: Panels side by side, and images in a row.
COLUMNS, IMAGES = 5, 10
#: Sets of images: their names and how they are drawn.
POINT = {"linestyle": "none", "markersize": 2.5, "markeredgewidth": 0, "alpha": 0.7}
SETS = {
    "test": ("test images", {"marker": "o", "color": words.NETWORK} | POINT),
    "S1": ("training images of network 1", {"marker": "s", "color": words.TRAINING} | POINT),
}


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """A panel for each N, a point per image; below, extreme test images at the largest N."""
    sizes, found = shown["sizes"], numbers(stores, shown)
    columns = min(max(len(sizes), 3), COLUMNS)
    rows = -(-len(sizes) // columns)
    heights = [
        (5.5 / columns + 0.6) * rows + 0.3,
        panels.mosaic_height(style.PAGE - 1, IMAGES, 2) + 0.1,
    ]
    figure = Figure((style.PAGE, sum(heights)))
    top, bottom = figure.subfigures(2, 1, height_ratios=heights)
    axes = top.subplots(rows, columns, squeeze=False).ravel()
    for ax, N, row in zip(axes, sizes, found, strict=False):
        _panel(ax, *(nats.per_entry(each) for each in _pair(stores, N)))
        ax.set_title(f"$N$ = {N:,}, $r$ = {words.number(row['correlation'])}")
        ax.set_xlabel("under network 1")
    for i, ax in enumerate(axes[: len(sizes)]):
        if i % columns == 0:
            ax.set_ylabel("log-density (nats per entry)\nunder network 2")
    for ax in axes[len(sizes) :]:
        ax.remove()
    top.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    _extremes(bottom.subplots(), stores, max(sizes))
    words.headline(figure, sentence(found))
    return figure


def sentence(rows: list[dict]) -> str:
    """How much likelier training images are, and how well two networks agree."""
    said = []
    for row in words.ends([row for row in rows if words.known(row, "log_density_gap")]):
        more = ("not measurably likelier", "likelier", "less likely")
        more = more[words.side(row, "log_density_gap")]
        if more != "not measurably likelier":
            more = f"{words.amount(abs(row['log_density_gap']))} nats per entry {more}"
        said.append(f"{more} at N = {row['N']:,}")
    found = []
    if said:
        found.append(f"Relative to a Gaussian, training images are {words.listed(said)}")
    if words.known(rows[-1], "correlation"):
        r, N = words.number(rows[-1]["correlation"]), f"N = {rows[-1]['N']:,}"
        found.append(f"The log-densities under two networks have a correlation of {r} at {N}")
    return ". ".join(found) + "."


def _pair(stores: Stores, N: int) -> list[xr.Dataset]:
    """The stores of both networks, of the first seed."""
    return [stores.first("density", N=N, subset=subset) for subset in ("S1", "S2")]


def _panel(ax: Axes, first: xr.DataArray, second: xr.DataArray) -> None:
    """Log-densities under one network against those under the other."""
    for name, (label, line) in SETS.items():
        ax.plot(first.sel(set=name), second.sel(set=name), label=label, **line)
    every = np.concatenate([first.values.ravel(), second.values.ravel()])
    low, high = np.nanmin(every), np.nanmax(every)
    margin = 0.05 * (high - low)
    ax.axline((high, high), slope=1, **panels.REFERENCE)
    ax.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin), box_aspect=1)
    ax.locator_params(nbins=3)


def _extremes(ax: Axes, stores: Stores, N: int) -> None:
    """The test images most and least likely under both networks together."""
    first, second = _pair(stores, N)
    mean = (nats.per_entry(first) + nats.per_entry(second)).sel(set="test") / 2
    order = np.argsort(mean.values)
    images = stores.first("images").images
    rows = [
        [
            (pictures.photo(image), f"{value:.2f}")
            for image, value in zip(
                store.take(images, first.image_index.sel(set="test").values[chosen].astype(int)),
                mean.values[chosen],
                strict=True,
            )
        ]
        for chosen in (order[::-1][:IMAGES], order[:IMAGES])
    ]
    panels.mosaic(ax, rows, ["most likely", "least likely"], space=panels.NOTE)


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """Log-densities, their gap between training and test images, and the networks' agreement."""
    rows = []
    for N in shown["sizes"]:
        pairs = zip(*(stores.of("density", N=N, subset=s) for s in ("S1", "S2")), strict=True)
        rows.append(tables.over_seeds([{"N": N} | _row(*pair) for pair in pairs]))
    return rows


def _row(first: xr.Dataset, second: xr.Dataset) -> dict:
    """The numbers of one pair of networks."""
    both = [nats.per_entry(data).sel(set="test").values for data in (first, second)]
    noise = first.log_density_error.sel(set="test").isel(sigma=-1).mean()
    return {
        "images": first.sizes["image"],
        **nats.log_densities(first),
        "correlation": float(np.corrcoef(*both)[0, 1]),
        "difference": float(np.sqrt(np.square(both[0] - both[1]).mean())),
        "noise_error": float(noise) / first.attrs["entries"],
    }
