"""Figure 3: the action of a denoiser on one image, in the basis that it adapts to the image.

Shrinkage factors and coefficients both decay fast; eigenvectors oscillate along contours and inside
uniform regions.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gahb.drawing import panels, style, words
from gahb.drawing.stores import Stores
from gahb.oracles import oracle_psnr
from gahb.summaries import eigenbasis, tables
from gahb.summaries.harmonics import one_image

FIGURE = {
    "title": "Shrinkage and eigenbasis",
    "reads": {"eigenbasis": ["S1"], "harmonics": ["S1"], "oracles": []},
    "sizes": "largest",
    "compares": "nothing",
    "page": True,
    "uses": {"sigma": "eigenbasis.sigma", "precision": "eigenbasis.precision"},
}

#: Maximum number of images shown, each in a block of its own.
IMAGES = 3
EIGENVECTORS = 10


@style.sheet()
def draw(stores: Stores, shown: dict) -> Figure:
    """Images, shrinkage factors, coefficients and eigenvectors, for each of the first images."""
    images = _shown(stores)
    below = panels.mosaic_height(style.PAGE, EIGENVECTORS, 1)
    figure = Figure((style.PAGE, len(images) * (1.7 + below)))
    blocks = np.atleast_1d(figure.subfigures(len(images), 1))
    for block, bases in zip(blocks, images, strict=True):
        top, bottom = block.subfigures(2, 1, height_ratios=[1.7, below])
        photos, factors, coefficients = top.subplots(1, 3, width_ratios=[1.5, 1, 1])
        panels.mosaic(photos, [panels.denoising(bases[0])])
        panels.shrinkage_panel(factors, [(bases, {})])
        _coefficients(coefficients, bases[0])
        ranks = panels.spread_ranks(bases[0], EIGENVECTORS)
        panels.mosaic(bottom.subplots(), [panels.eigenvectors(bases[0], ranks)])
    kept = [float(bases[0].trace) for bases in images]
    words.headline(figure, sentence(kept, images[0][0].clean.size))
    return figure


def sentence(kept: list[float], of: int) -> str:
    """How many of all dimensions are kept for the images."""
    digits = 0 if min(kept) >= 9.95 else 1
    return f"The network keeps {words.span(kept, digits)} of {of:,} dimensions of a noisy image."


def _shown(stores: Stores) -> list[list[xr.Dataset]]:
    """For each image shown, its eigenbasis at the first noise level for each seed."""
    bases = [basis.isel(sigma=0) for basis in stores.of("eigenbasis")]
    count = min(bases[0].sizes["image"], IMAGES)
    return [[basis.isel(image=i) for basis in bases] for i in range(count)]


def _coefficients(ax: Axes, basis: xr.Dataset) -> None:
    """Sizes of the coefficients of the clean image against rank, and the noise level."""
    ax.loglog(
        basis["rank"], np.abs(basis.clean_coefficients), ".", color=words.TRAINING, markersize=2
    )
    sigma = float(basis.sigma)
    ax.axhline(sigma, label=rf"$\sigma = {sigma:g}$", **panels.REFERENCE)
    ax.legend(loc="upper right")
    ax.set(xlabel="rank $k$", ylabel=r"coefficient $|\langle x, e_k \rangle|$")


def numbers(stores: Stores, shown: dict) -> list[dict]:
    """PSNRs of the network and of oracles, effective dimension, factors above 1, and how harmonic
    and adapted the basis is, for each image shown."""
    oracles = stores.first("oracles").psnr.load()

    def row(one, harmonics):
        above = {"above_1": int((one.shrinkage > 1).sum())}
        of_image = oracles.sel(image=int(one.image)).sel(sigma=float(one.sigma), method="nearest")
        found = {f"oracle_{name}": float(of_image.sel(basis=name)) for name in oracles.basis.values}
        found["oracle_own"] = _own(one)
        measured = eigenbasis.denoising(one) | found
        image = {"image": int(one.image)}
        adapted = one_image(harmonics, int(one.image))
        return image | measured | above | eigenbasis.basis(one) | adapted

    every = stores.of("harmonics")
    return [
        tables.over_seeds([row(*each) for each in zip(bases, every, strict=True)])
        for bases in _shown(stores)
    ]


def _own(one: xr.Dataset) -> float:
    """Expected PSNR of the best shrinkage in the denoiser's own basis, taken as fixed."""
    clean = one.clean.values
    whole = (float(np.square(clean).sum()), clean.size)
    return float(oracle_psnr(one.clean_coefficients.values, float(one.sigma), whole))
