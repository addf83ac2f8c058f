"""Small stores made here, and what figures need that are drawn from them."""

import itertools

import numpy as np
import xarray as xr
from gahb import store
from gahb.drawing import style
from gahb.drawing.stores import Stores
from gahb.figures import (
    disks,
    geometry,
    history,
    pairs,
    patches,
    psnr_curves,
    samples,
    shrinkage,
    slopes,
)
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

SIDE = 8
INPUT_PSNR = np.arange(0, 41, 5.0)
PIXELS = ("channel", "y", "x")
DATASETS = ["one", "two", "three", "four", "five"]
RANGE = {"slope_range": (10, 25)}
ONE_AND_TEN = [[1000], [1, 3, 10, 30, 100, 300, 1000, 10_000, 30_000, 100_000]]


def psnr_store(slope: float, level: float = 12, gap: float = 0) -> xr.Dataset:
    """Curves that are exactly lines; the training set `gap` dB above the test set."""
    spread = np.array([-1, 0, 1])
    test = level + slope * INPUT_PSNR[:, None] + spread
    return xr.Dataset(
        {
            "psnr": store.variable(
                ("set", "sigma", "image"), [test + gap, test], "output PSNR", "dB"
            )
        },
        coords={
            "set": ["train", "test"],
            "sigma": 10 ** (-INPUT_PSNR / 20),
            "input_psnr": store.variable("sigma", INPUT_PSNR, "input PSNR", "dB"),
        },
    )


def eigenbasis_store(channels: int = 1, images: int = 1, sigmas=(0.15,), seed=0) -> xr.Dataset:
    """A random orthonormal basis with shrinkage factors 1 / k."""
    generator = np.random.default_rng(seed)
    d = channels * SIDE**2
    shape = (images, len(sigmas))
    basis = np.linalg.qr(generator.normal(size=(d, d)))[0].reshape(d, channels, SIDE, SIDE)
    rank = np.arange(1, d + 1)
    clean = generator.random((images, channels, SIDE, SIDE))
    noisy = np.stack([clean + s * generator.normal(size=clean.shape) for s in sigmas], 1)
    return xr.Dataset(
        {
            "shrinkage": (("image", "sigma", "rank"), np.broadcast_to(1 / rank, (*shape, d))),
            "vectors": (
                ("image", "sigma", "rank", *PIXELS),
                np.broadcast_to(basis, (*shape, *basis.shape)),
            ),
            "clean_coefficients": (
                ("image", "sigma", "rank"),
                generator.normal(size=(*shape, d)) / rank,
            ),
            "clean": (("image", *PIXELS), clean),
            "noisy": (("image", "sigma", *PIXELS), noisy),
            "denoised": (("image", "sigma", *PIXELS), noisy.clip(0, 1)),
            "trace": (("image", "sigma"), np.full(shape, (1 / rank).sum())),
            "asymmetry": (("image", "sigma"), np.full(shape, 0.1)),
        },
        coords={"image": 3 + np.arange(images), "sigma": list(sigmas), "rank": rank},
    )


def sample_stores(
    sizes, channels=1, count=6, diverged=0, dtype=np.uint8, seeds=1, same=False
) -> Stores:
    """What samples, patches and pairs are drawn from.

    The first `diverged` samples of every network diverged. With `same` networks on the same images
    are compared too.
    """
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (20, channels, SIDE, SIDE)).astype(np.uint8)
    images = images if dtype == np.uint8 else (images / 255).astype(dtype)
    opened = [("images", {}, xr.Dataset({"images": (("image", *PIXELS), images)}))]
    gone = np.arange(count) < diverged
    for N, seed in itertools.product(sizes, range(seeds)):
        of = {"N": N, "seed": seed}
        for subset in ("S1", "S2"):
            drawn = generator.random((count, *images.shape[1:]))
            data = xr.Dataset({"samples": (("sample", *PIXELS), drawn)})
            opened.append(("samples", of | {"subset": subset}, data))
        members = np.arange(min(N, 10))
        similarity = xr.Dataset(
            {
                "between": ("sample", np.where(gone, np.nan, generator.random(count))),
                "closest": (
                    ("subset", "sample"),
                    np.where(gone, np.nan, generator.random((2, count))),
                ),
                "closest_image": (("subset", "sample"), generator.integers(0, 20, (2, count))),
                "closest_patch": (
                    ("subset", "sample", "row", "column"),
                    np.where(gone[:, None, None], np.nan, generator.random((2, count, 2, 2))),
                ),
                "closest_patch_image": (
                    ("subset", "sample", "row", "column"),
                    generator.integers(0, 20, (2, count, 2, 2)),
                ),
                "memorized": (("subset", "sample"), np.where(gone, np.nan, np.ones((2, count)))),
                "scale": (("subset", "sample"), np.where(gone, np.nan, np.full((2, count), 0.8))),
                "closest_pair": ("member", generator.random(len(members))),
                "closest_pair_image": ("member", 19 - members),
                "diverged": ("sample", gone),
            },
            coords={"subset": ["S1", "S2"], "member": members},
        )
        opened.append(("similarity", of | {"pair": "disjoint"}, similarity))
        if same:
            alike = similarity.assign(between=0.9 + 0.01 * seed + 0 * similarity.between)
            opened.append(("similarity", of | {"pair": "same"}, alike))
    return Stores(opened)


def stores_of(**kinds) -> Stores:
    """Stores of one data set for each list of a kind, of one N for each entry of a dict.

    Each is a data set or, for several seeds, a tuple of them.
    """
    opened = []
    for kind, found in kinds.items():
        for key, each in found.items() if isinstance(found, dict) else enumerate(found):
            of = {"N": key} if isinstance(found, dict) else {"dataset": DATASETS[key]}
            for seed, data in enumerate(each if isinstance(each, tuple) else (each,)):
                opened.append((kind, of | {"seed": seed}, data))
    return Stores(opened)


def drawn_texts(figure) -> list[Text]:
    """Every text that is drawn; labels of ticks outside an axis are not."""
    ticks = [
        (axis, tick)
        for ax in figure.findobj(Axes)
        for axis in (ax.xaxis, ax.yaxis)
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())
    ]
    hidden = set()
    for axis, tick in ticks:
        low, high = sorted(axis.get_view_interval())
        if not low <= tick.get_loc() <= high:
            hidden |= {tick.label1, tick.label2}
    return [
        text
        for text in figure.findobj(Text)
        if text.get_text() and text.get_visible() and text not in hidden
    ]


def words(figure) -> str:
    return "\n".join(text.get_text() for text in drawn_texts(figure))


def assert_legible(figure) -> None:
    """Print size, 8 to 9 points, nothing cut off, no text on another text."""
    assert figure.get_figwidth() in (style.COLUMN, style.PAGE)
    assert figure.get_figheight() <= 9
    with style.sheet():
        figure.draw_without_rendering()
    renderer = FigureCanvasAgg(figure).get_renderer()
    x0, y0, x1, y1 = figure.bbox.extents
    for ax in figure.findobj(Axes):
        box = ax.get_tightbbox(renderer)
        inside = box.x0 > x0 - 1 and box.y0 > y0 - 1 and box.x1 < x1 + 1 and box.y1 < y1 + 1
        assert inside, f"{ax} ({ax.get_xlabel()}) {box.extents} leaves {figure.bbox.extents}"
    boxes = []
    for text in drawn_texts(figure):
        assert 8 <= text.get_fontsize() <= 9, text
        boxes.append((text, text.get_window_extent(renderer).padded(-1)))
        assert x0 - 1 < boxes[-1][1].x0 and boxes[-1][1].x1 < x1 + 1, text
    for (a, box), (b, other) in itertools.combinations(boxes, 2):
        assert not box.overlaps(other), f"{a} overlaps {b}"


def curves_of(ax) -> list:
    """Lines with a point at each noise level."""
    return [line for line in ax.lines if len(line.get_xdata()) == len(INPUT_PSNR)]


def history_store(rise: float) -> xr.Dataset:
    """Training PSNR rises by `rise` dB a step; the test PSNR is best at the third of five."""
    step = np.geomspace(10, 1000, 5).round().astype(int)
    train, test = 20 + rise * np.arange(5), 20 - np.abs(np.arange(5) - 2.0)
    return xr.Dataset(
        {
            "loss": store.variable("step", 1 / step, "training loss per pixel"),
            "psnr": store.variable(
                ("step", "set", "sigma"),
                np.stack([train, test], 1)[:, :, None] + [0, 100],
                "output PSNR",
                "dB",
            ),
        },
        coords={
            "step": step,
            "images_seen": ("step", 32 * step),
            "set": ["train", "test"],
            "sigma": [0.1, 0.02],
        },
    )


def draw_curves(sizes):
    stores = stores_of(psnr={N: psnr_store(0.6, gap=10 / N) for N in sizes})
    return psnr_curves.draw(stores, {"sizes": sizes})


def several(count: int) -> dict:
    """The stores and the values of each figure, of `count` seeds."""
    sizes, of_seeds = [1, 10, 100], range(count)
    bases = tuple(eigenbasis_store(images=2, seed=seed) for seed in of_seeds)
    lines = [tuple(psnr_store(slope + s / 50) for s in of_seeds) for slope in (0.5, 0.7)]
    rises = {N: tuple(history_store((1 + s) / N) for s in of_seeds) for N in sizes}
    drawn = sample_stores(sizes, diverged=1, seeds=count)
    both = stores_of(psnr=lines, eigenbasis=[bases, bases])
    one = stores_of(psnr=lines[:1], eigenbasis=[bases])
    values = RANGE | {"sizes": sizes, "patch": 4, "alphas": [2, 1], "datasets": DATASETS[:2]}
    return {
        psnr_curves: (stores_of(psnr=dict.fromkeys(sizes, lines[0])), values),
        samples: (drawn, values),
        patches: (drawn, values),
        pairs: (drawn, values | {"sizes": [10]}),
        history: (stores_of(history=rises), values),
        shrinkage: (one, values),
        disks: (one, values),
        slopes: (both, values),
        geometry: (both, values),
    }


FIGURES = {figure.__name__.rpartition(".")[2]: figure for figure in several(1)}
