"""Figure 6, the control: pixels are shuffled alike in every image, so that only geometry is lost.

The network denoises shuffled images worse, and its eigenvectors are not harmonic: neighboring
pixels differ as in white noise.
"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from gahb.drawing import panels, pictures, style, words
from gahb.drawing.stores import Stores, together
from gahb.harmonics.oscillation import roughness
from gahb.summaries import eigenbasis, psnr, tables
from gahb.summaries.harmonics import measures

FIGURE = {
    "title": "Shuffled pixels",
    "reads": {"psnr": ["S1"], "eigenbasis": ["S1"], "harmonics": ["S1"]},
    "sizes": "largest",
    "compares": "datasets",
    "sources": "shuffled pair",
    "uses": {
        "slope_range": "psnr.slope_range",
        "count": "psnr.count",
        "sigma": "eigenbasis.sigma",
        "precision": "eigenbasis.precision",
    },
}

NAMES = ("original", "shuffled")
EIGENVECTORS = 8
#: Maximum number of ranks whose roughness is shown: 80 x 80 pixels have 6400 eigenvectors.
RANKS = 300
#: Range of the shrinkage factors that are drawn; those outside are counted.
FACTORS = (-0.5, 1.5)
#: Gain over the noisy image, in dB, that counts as negligible.
BARELY = 0.5


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """Gain over the noisy image, shrinkage factors, roughness and eigenvectors of both."""
    # Eigenvectors of a private image would show its contours.
    rows = panels.mosaic_height(style.PAGE - 0.7, 2 + EIGENVECTORS, 2)
    heights = [2.4] if pictures.hides() else [2.4, rows]
    figure = Figure((style.PAGE, sum(heights)))
    top, *below = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False).flat
    curves = [together(stores.of("psnr", dataset=d)) for d in shown["datasets"]]
    bases = [_shown(stores, dataset) for dataset in shown["datasets"]]
    lines = [{"color": words.series(i), "label": name} for i, name in enumerate(NAMES)]

    gain, factors, rough = top.subplots(1, 3)
    gains = [_gain(each) for each in curves]
    for each, line in zip(gains, lines, strict=True):
        panels.curve(gain, each.input_psnr, each, **line)
    gain.axhline(0, **panels.REFERENCE)
    gain.set(xlabel="input PSNR (dB)", ylabel="output minus input PSNR (dB)")
    gain.legend(loc="upper right")
    panels.shrinkage_panel(factors, list(zip(bases, lines, strict=True)))
    factors.set(ylim=FACTORS, title=_beyond(bases))
    for (basis, *_), line in zip(bases, lines, strict=True):
        ranks = panels.spread_ranks(basis, RANKS)
        rough.semilogx(ranks, roughness(basis.vectors.sel(rank=ranks).compute()), ".", **line)
    rough.axhline(1, **panels.REFERENCE)
    rough.set(xlabel="rank $k$", ylabel="roughness of $e_k$ (1: white noise)", ylim=(0, None))

    for place in below:
        panels.compare_bases(place.subplots(), [first for first, *_ in bases], NAMES, EIGENVECTORS)
    words.headline(figure, sentence(*(each.median("seed") for each in gains)))
    return figure


def _gain(curves: xr.Dataset) -> xr.DataArray:
    """Output minus input PSNR (seed, input_psnr) on the test set."""
    psnr = panels.mean_psnr(curves, "test")
    return psnr - psnr.input_psnr


def _beyond(bases: list[list[xr.Dataset]]) -> str:
    """A note on the factors of the first seed that are not drawn."""
    low, high = FACTORS
    found = np.concatenate([first.shrinkage.values for first, *_ in bases])
    out = np.sort(found[(found < low) | (found > high)])
    if not len(out):
        return ""
    return f"{len(out)} from {words.number(out[0], 1)} to {words.number(out[-1], 1)} not drawn"


def sentence(original: xr.DataArray, shuffled: xr.DataArray) -> str:
    """The largest cost of shuffling, and the noise level from which the network barely denoises.

    Args:
        original, shuffled: output minus input PSNR (input_psnr,) of each.
    """
    lost = original - shuffled
    if lost.max() < BARELY / 10:
        return "With shuffled pixels the network denoises as well."
    said = f"With shuffled pixels the network loses up to {float(lost.max()):.1f} dB "
    said += f"(at {float(lost.idxmax('input_psnr')):g} dB of input PSNR)"
    levels = shuffled.input_psnr.values
    barely = words.since(levels, lambda p: shuffled.sel(input_psnr=p) < BARELY)
    # If it gains as little on the original images, shuffling is not the reason.
    if barely is not None and original.sel(input_psnr=barely) >= BARELY:
        said += f"; from {barely:g} dB on it gains less than {BARELY:g} dB over the noisy image"
    return said + "."


def _shown(stores: Stores, dataset: str) -> list:
    """The eigenbasis of the first image at the first noise level, for each seed."""
    return [b.isel(image=0, sigma=0) for b in stores.of("eigenbasis", dataset=dataset)]


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """PSNRs, slope, effective dimension, mean roughness of the leading eigenvectors, and how
    harmonic and adapted the bases are, for both data sets."""

    def row(curves, basis):
        leading = roughness(basis.vectors.isel(rank=slice(EIGENVECTORS)).compute()).mean()
        measured = psnr.curves(curves, *shown["slope_range"]) | eigenbasis.basis(basis)
        return measured | {"roughness": float(leading)}

    rows = []
    for name, dataset in zip(NAMES, shown["datasets"], strict=True):
        both = zip(stores.of("psnr", dataset=dataset), _shown(stores, dataset), strict=True)
        every = [measures(one) for one in stores.of("harmonics", dataset=dataset)]
        found = [row(*each) for each in both]
        rows.append({"images": name} | tables.over_seeds(found) | tables.over_seeds(every))
    return rows
