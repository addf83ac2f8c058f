"""Figure 6: the control. Pixels shuffled alike in every image: nothing is lost but the geometry.

The network denoises shuffled images worse, and its eigenvectors are not harmonic: neighbouring
pixels differ in them as in white noise.
"""

from matplotlib.figure import Figure

from gahb.drawing import panels, style
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
#: Most ranks whose roughness is shown: an image of 80 x 80 pixels has 6400 eigenvectors.
RANKS = 300


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """PSNR curves on the test set, shrinkage factors, roughness and eigenvectors of both."""
    below = panels.mosaic_height(style.PAGE - 0.7, 2 + EIGENVECTORS, 2)
    figure = Figure((style.PAGE, 2.3 + below))
    top, bottom = figure.subfigures(2, 1, height_ratios=[2.3, below])
    curves = [together(stores.of("psnr", dataset=d)) for d in shown["datasets"]]
    bases = [_shown(stores, dataset) for dataset in shown["datasets"]]
    lines = [{"color": f"C{i}", "label": name} for i, name in enumerate(NAMES)]

    psnr, factors, rough = top.subplots(1, 3)
    means = [panels.mean_psnr(c, "test") for c in curves]
    panels.psnr_panel(psnr, list(zip(means, lines, strict=True)))
    psnr.legend(*(handles[:2] for handles in psnr.get_legend_handles_labels()), loc="upper left")
    panels.shrinkage_panel(factors, list(zip(bases, lines, strict=True)))
    for (basis, *_), line in zip(bases, lines, strict=True):
        ranks = panels.spread_ranks(basis, RANKS)
        rough.semilogx(ranks, roughness(basis.vectors.sel(rank=ranks).compute()), ".", **line)
    rough.axhline(1, **panels.REFERENCE)
    rough.set(xlabel="rank $k$", ylabel="roughness of $e_k$ (1: white noise)", ylim=(0, None))

    panels.compare_bases(bottom.subplots(), [first for first, *_ in bases], NAMES, EIGENVECTORS)
    return figure


def _shown(stores: Stores, dataset: str) -> list:
    """The eigenbasis of the first image at the first noise level, of each seed."""
    return [b.isel(image=0, sigma=0) for b in stores.of("eigenbasis", dataset=dataset)]


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """PSNRs, slope, effective dimension, mean roughness of the leading eigenvectors, and how
    harmonic and adapted the bases are, of both."""

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
