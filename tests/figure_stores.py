"""Small stores for tests, and helpers for figures drawn from them."""

import itertools

import numpy as np
import xarray as xr
from gahb import statistics, store
from gahb.drawing import style
from gahb.drawing.stores import Stores
from gahb.figures import (
    agreement,
    along,
    crossover,
    dimension,
    disks,
    dynamics,
    geometry,
    harmonics,
    history,
    likelihood,
    matrix,
    nats,
    new_images,
    optimum,
    pairs,
    patches,
    phase,
    properties,
    psnr_curves,
    samples,
    shrinkage,
    slopes,
    theories,
    transition,
    verdict,
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


def optimum_store(slope: float, level: float = 13, images: int = 2) -> xr.Dataset:
    """The optimum's curve, for fewer images and levels, with the error of a mean over chains."""
    found = psnr_store(slope, level).isel(image=slice(images)).sel(set=["test"])
    found = found.isel(sigma=np.isin(INPUT_PSNR, [10, 15, 20, 30]))
    error = 0.05 * 10 ** (-found.psnr / 10)
    return found.assign(monte_carlo_error=error, rhat=1.05 + 0 * found.psnr)


def oracles_store(images: int = 5) -> xr.Dataset:
    """The best shrinkage has 20 dB in cosines, 21 dB in wavelets."""
    psnr = np.broadcast_to(np.array([20.0, 21.0])[:, None, None], (2, 3, images))
    return xr.Dataset(
        {"psnr": (("basis", "sigma", "image"), psnr)},
        coords={
            "basis": ["dct", "wavelet"], "sigma": [0.5, 0.15, 0.05], "image": 3 + np.arange(images)
        },
    )  # fmt: skip


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


def harmonics_store(images: int = 1, seed=0, geometry="") -> xr.Dataset:
    """Measurements of bases that are harmonic and, for several images, adapted."""
    generator = np.random.default_rng(seed)
    of, per_rank = ("image", "sigma"), ("image", "sigma", "rank")
    ranks = np.broadcast_to(np.arange(1, 65), (images, 1, 64))
    values = {
        "frequency": (per_rank, 0.01 * (1 + seed) * ranks**0.5),
        "harmonic": (of, 0.7 + 0.1 * generator.random((images, 1))),
        "harmonic_null": (
            (*of, "null", "draw"), 0.02 * generator.normal(size=(images, 1, 4, 99))
        ),
        "rising": (of, np.full((images, 1), 0.9)),
        "coefficients": (
            (*of, "of"), np.where(np.eye(images)[:, None], 10.0 + seed, 30)
        ),
        "coefficients_fixed": (("fixed", "image"), np.full((2, images), 25.0)),
        "decay": (of, np.full((images, 1), 2.5)),
        "decay_fixed": (("fixed", "image"), np.full((2, images), 2.0)),
    }  # fmt: skip
    for name in {"contour": ("near", "along"), "disk": ("tangent",)}.get(geometry, ()):
        values[name] = (of, np.full((images, 1), 0.8))
        values[f"{name}_null"] = ((*of, "draw"), generator.random((images, 1, 99)) / 2)
    if geometry == "disk":
        values |= {
            "outside_tangent": (of, np.full((images, 1), 0.3)),
            "angular_order": (per_rank, ranks % 5),
        }
    return xr.Dataset(
        values,
        coords={
            "image": 3 + np.arange(images), "sigma": [0.15], "rank": np.arange(1, 65),
            "of": 3 + np.arange(images), "null": ["random", "permuted", "signs", "mixed"],
            "fixed": ["dct", "wavelet"],
        },
    )  # fmt: skip


def sample_stores(
    sizes, channels=1, count=6, diverged=0, dtype=np.uint8, seeds=1, same=False
) -> Stores:
    """Stores from which samples, patches and pairs are drawn.

    The first `diverged` samples of every network diverged. With `same`, networks trained on the
    same images are compared, too.
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
                "scale": (("subset", "sample"), np.where(gone, np.nan, np.full((2, count), 0.8))),
                **judged_store(N, gone),
                "closest_pair": ("member", generator.random(len(members))),
                "closest_pair_image": ("member", 19 - members),
                "diverged": ("sample", gone),
            },
            coords={"subset": ["S1", "S2"], "member": members},
        )
        opened.append(("similarity", of | {"pair": "disjoint"}, similarity))
        cosines = np.where(gone, np.nan, 1 - 1 / (1 + N) + 0.01 * np.linspace(-1, 1, count))
        opened.append(("beyond", of | {"pair": "disjoint"}, beyond_store(cosines, gone, True)))
        if same:
            alone = beyond_store(0 * cosines + 0.95, gone, False)
            opened.append(("beyond", of | {"pair": "same"}, alone))
            alike = similarity.assign(between=0.9 + 0.01 * seed + 0 * similarity.between)
            opened.append(("similarity", of | {"pair": "same"}, alike))
    return Stores(opened)


def beyond_store(cosines: np.ndarray, gone: np.ndarray, null: bool) -> xr.Dataset:
    """The networks' cosines; their shares are a tenth, and Wiener filters are opposite."""
    shares = np.where(gone, np.nan, np.full((2, len(gone)), 0.1))
    values = {"beyond": cosines} | ({"null": -cosines} if null else {})
    data = {name: ("sample", each) for name, each in values.items()}
    data |= {f"{name}_median": ("bound", statistics.median(v)) for name, v in values.items()}
    data["share"] = (("subset", "sample"), shares)
    drawn = np.random.default_rng(0).random((len(gone), 1, SIDE, SIDE))
    data["gaussian"] = (("sample", *PIXELS), drawn)
    medians = np.stack([statistics.median(each) for each in shares])
    return xr.Dataset({**data, "share_median": (("subset", "bound"), medians),
                       "diverged": ("sample", gone)})  # fmt: skip


def matrix_store(theories, seed=0) -> xr.Dataset:
    """Two networks have 0.9, the same theory twice 0.8, a network and a theory 0.5 for the first
    theory and 0.1 less for each further one, two different theories NaN."""
    named = [f"{name}, {subset}" for name in ("network", *theories) for subset in ("S1", "S2")]
    names = [*named[:2], "network, S1, another seed", *named[2:]]
    kind = np.array([0, 0, 0, *np.repeat(1 + np.arange(len(theories)), 2)])
    found = np.full((len(names), len(names)), np.nan)
    for i, j in np.ndindex(found.shape):
        low, high = sorted((kind[i], kind[j]))
        if low == high:
            found[i, j] = 0.9 if high == 0 else 0.8
        elif low == 0:
            found[i, j] = 0.6 - 0.1 * high
    found = found + 0.01 * seed
    bounds = np.array([0, -0.01, 0.01])
    shares = np.full(len(names), 0.1 + 0.01 * seed)
    return xr.Dataset(
        {
            "beyond_median": (("denoiser", "other", "bound"), found[..., None] + bounds),
            "share_median": (("denoiser", "bound"), shares[:, None] + bounds),
        },
        coords={"denoiser": names, "other": names, "bound": ["estimate", "low", "high"]},
    )


def judged_store(N: int, gone: np.ndarray) -> dict:
    """All samples are memorized up to N = 10, none above; 1 of 40 held-out images is at N = 1."""
    ratio = np.linspace(0, 0.3, len(gone)) if N <= 10 else np.linspace(0.4, 1, len(gone))
    ratio = np.where(gone, np.nan, np.stack([ratio] * 2))
    held_out = np.stack([np.r_[0.1 if N == 1 else 0.5, np.linspace(0.6, 1, 39)]] * 2)
    taken = statistics.fraction(held_out[0] <= 1 / 3)
    return {
        "ratio": (("subset", "sample"), ratio),
        "memorized": (("subset", "sample"), np.where(gone, np.nan, ratio <= 1 / 3)),
        "held_out_ratio": (("subset", "test_image"), held_out),
        "false_positives": (("subset", "bound"), np.stack([taken] * 2)),
    }


def redundancy_store() -> xr.Dataset:
    """19 of 20 images are different; one pair is divided between two sides."""
    sides = ["S1", "S2", "test"]
    return xr.Dataset(
        {
            "images": ("part", [20, 8, 8, 4]),
            "different": ("part", [19, 8, 8, 4]),
            "near_duplicates": (("side", "other"), np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]])),
        },
        coords={"part": ["all", *sides], "side": sides, "other": sides},
    )


def verdict_stores(*arguments, **more) -> Stores:
    opened = sample_stores(*arguments, **more)._opened
    return Stores([*opened, ("redundancy", {}, redundancy_store())])


def stores_of(references=None, **kinds) -> Stores:
    """Stores of one data set for each entry of a kind's list, or of one N for each entry of a dict.

    Each is a data set or, for several seeds, a tuple of them. `references` maps names to dicts of
    kinds.
    """
    opened = []
    for denoiser, of_denoiser in {"network": kinds, **(references or {})}.items():
        for kind, found in of_denoiser.items():
            for key, each in found.items() if isinstance(found, dict) else enumerate(found):
                of = {"N": key} if isinstance(found, dict) else {"dataset": DATASETS[key]}
                of["denoiser"] = denoiser
                for seed, data in enumerate(each if isinstance(each, tuple) else (each,)):
                    opened.append((kind, of | {"seed": seed}, data))
    return Stores(opened, "network")


def networks_of(count: int) -> tuple[Stores, dict]:
    """Three networks, trained for 1, 2 and 4 times as long, each a dB closer to the optimum, 3 dB
    above the Wiener filter; and the values that a figure shows."""
    names = ["once", "twice", "four-times"]

    def of(i):
        rises = [history_store(1) for _ in range(count)]
        rises = [h.assign_coords(images_seen=h.images_seen * 2**i) for h in rises]
        curves = [psnr_store(0.6, 10 + i + s / 50) for s in range(count)]
        return {"psnr": {10: tuple(curves)}, "history": {10: tuple(rises)}}

    known = {"optimum": {"psnr": {10: optimum_store(0.6, 13)}},
             "wiener": {"psnr": {10: psnr_store(0.6, 9)}}}  # fmt: skip
    stores = stores_of({name: of(i) for i, name in enumerate(names)} | known)
    shown = {"denoisers": names, "sizes": [10], "optimum": "optimum", "linear": "wiener"}
    return stores, shown


def drawn_texts(figure) -> list[Text]:
    """Every text that is drawn, without labels of ticks outside an axis."""
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
    said = "\n".join(text.get_text() for text in drawn_texts(figure))
    return said.replace("\N{NO-BREAK SPACE}", " ")


def assert_legible(figure) -> None:
    """Print size, text of 8 to 9 points, nothing cut off, no overlapping text."""
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


def agreement_store(best: float, channels=1, names=("wiener", "memorizer"), seed=0) -> xr.Dataset:
    """The first theory has an R^2 of `best`, the next ones less; other networks leave a tenth."""
    generator = np.random.default_rng(seed)
    against = [*names, "other images", "another seed"]
    levels, points = [0.5, 0.2, 0.05], ["noisy test images", "trajectory"]
    r2 = np.array(
        [*(best - 0.2 * i for i in range(len(names))), 0.9 + 0.1 * best, 0.9 + 0.1 * best]
    )
    r2 = np.broadcast_to(r2[:, None, None, None], (len(against), 2, 3, 4))
    images = generator.random((len(against) + 1, 3, channels, SIDE, SIDE))
    dims = ("against", "points", "level", "image")
    return xr.Dataset(
        {
            "r2": (dims, r2),
            "r2_beyond_wiener": (dims, r2 - 0.5),
            "clean": (PIXELS, images[0, 0]),
            "noisy": (("level", *PIXELS), images[0]),
            "outputs": (("output", "level", *PIXELS), images),
            "ends": (("output", "sample", *PIXELS), images[:, :2]),
        },
        coords={
            "against": against, "points": points, "level": levels, "output": ["network", *against]
        },
    )  # fmt: skip


def agreement_stores(sizes, channels=1, **more) -> Stores:
    best = {N: 1 - 1 / (2 + i) for i, N in enumerate(sizes)}
    found = {N: agreement_store(b, channels, **more) for N, b in best.items()}
    return stores_of(agreement=found)


def dynamics_store(tau: float, architecture="unet", parameters=1000, count=20) -> xr.Dataset:
    """The memorized fraction of samples follows log(t / tau), with half of them at t = tau.

    The test PSNR is best at the fourth of 12 times; agreement beyond the covariance at the first.
    """
    step = np.geomspace(50, 5000, 12).round()
    part = 1 / (1 + (tau / step) ** 2)
    memorized = (np.arange(count) + 0.5) / count < part[:, None]
    test = 20 - np.abs(np.arange(12) - 3.0)
    r2 = np.stack([part, 1 - part, 0 * part - 2], 1)[:, :, None, None, None]
    return xr.Dataset(
        {
            "memorized": (("step", "sample"), memorized.astype(float)),
            "beyond": (("step", "sample"), 0.8 * (1 - part[:, None]) + np.zeros(count)),
            "psnr": (
                ("step", "set", "sigma"),
                np.stack([20 + part, test], 1)[:, :, None] + np.zeros(2),
            ),
            "agreement": (
                ("step", "reference", "sigma", "set", "image"),
                np.broadcast_to(r2, (12, 3, 2, 2, 4)),
            ),
            "parameters": parameters,
        },
        coords={
            "step": step,
            "images_seen": ("step", 32 * step),
            "set": ["train", "test"],
            "sigma": [0.2, 0.1],
            "reference": ["memorizer", "wiener", "another"],
        },
        attrs={"architecture": architecture},
    )


def prediction_store(sizes) -> xr.Dataset:
    """Cosines rise with N; errors of the null meet at 0.01."""
    N = np.array(sizes, float)
    cosine = 1 - 0.8 / N**0.5
    mse = np.stack([0.01 * (1 - 1 / N), 0.01 * (1 + 1 / N)], 1)[:, :, None]
    mse = mse * 10 ** (-(INPUT_PSNR - 15) / 10)
    return xr.Dataset(
        {
            "between": (("N", "sample"), cosine[:, None] + 0.05 * np.linspace(-1, 1, 9)),
            "expected_between": ("N", cosine),
            "expected_beyond": ("N", -cosine),
            "mse": (("N", "set", "sigma"), mse),
            "expected_mse": (("N", "set", "sigma"), mse),
        },
        coords={
            "N": sizes,
            "set": ["train", "test"],
            "sigma": 10 ** (-INPUT_PSNR / 20),
            "input_psnr": ("sigma", INPUT_PSNR),
        },
    )


def transition_stores(sizes, seeds=1, same=False) -> Stores:
    """Similarities, curves and the prediction for each N."""
    drawn = sample_stores(sizes, seeds=seeds, same=same)._opened
    curves = stores_of(psnr={N: (psnr_store(0.6, gap=10 / N),) * seeds for N in sizes})._opened
    return Stores([*drawn, *curves, ("prediction", {}, prediction_store(sizes))], "network")


def phase_stores(sizes, seeds=1) -> Stores:
    """Networks of three sizes and of another architecture, with tau_mem = N^2 over their size."""
    networks = {"small": 1000, "large": 10_000, "huge": 100_000, "cnn": 5000}
    opened = [
        (
            "dynamics",
            {"denoiser": name, "N": N, "seed": seed},
            dynamics_store(1e6 * N**2 / size * 2**seed, "bfcnn" if name == "cnn" else "unet", size),
        )
        for name, size in networks.items()
        for N in sizes
        for seed in range(seeds)
    ]
    return Stores(opened, "small")


NETWORKS = ["small", "large", "huge", "cnn"]


def crossover_stores(count: int) -> tuple[Stores, dict]:
    """Mixtures of 4 and 8 means, memorizers of 4 and 8 of N = 8 images, and values shown."""
    templates = store.variable(("template", *PIXELS), np.zeros((2, 1, SIDE, SIDE)), "templates")
    images = xr.Dataset({"templates": templates, "spread": 0.2})
    entries = {f"means-{M}": {"architecture": "gaussians", "means": M, "training": "quick"}
               for M in (4, 8)}  # fmt: skip
    partial = {f"partial-{M}": {"memorized": M} for M in (4, 8)}
    learned = {name: {"psnr": {8: tuple(psnr_store(1, M + s / 50) for s in range(count))},
                      "dynamics": {8: (dynamics_store(1e4 / M),) * count}}
               for M, name in zip((4, 8), entries, strict=True)}  # fmt: skip
    known = {name: {"psnr": {8: psnr_store(0, 10 + of["memorized"])}}
             for name, of in partial.items()}  # fmt: skip
    best = {"optimum": {"psnr": {8: psnr_store(0.8, 15)}}}
    opened = stores_of(learned | known | best)._opened
    shown = {"denoisers": [*entries], "references": ["optimum", *partial], "optimum": "optimum",
             "entries": entries | partial | {"optimum": {}}, "sizes": [8],
             "recipes": {"quick": {"noise": "mixed"}}}  # fmt: skip
    return Stores([*opened, ("images", {}, images)], "means-4"), shown


def density_store(N=10**6, excess=1.0, seed=0, told=False) -> xr.Dataset:
    """Errors of test images are sigma^2 (5 + excess), of training images sigma^2 (5 - excess)."""
    generator = np.random.default_rng(seed)
    decibels = np.linspace(0, 40, 9)
    sigma = 10 ** (-decibels / 20)
    each, of_image = ("set", "sigma", "pair", "image"), ("set", "sigma", "image")
    more = np.array([-excess, excess])[:, None, None, None] + np.zeros((2, 9, 2, 6))
    common = 5 + np.random.default_rng(1).normal(size=(9, 2, 6)) / 9
    errors = np.square(sigma)[:, None, None] * (
        common + more + generator.normal(size=more.shape) / 9
    )
    errors[0, :, :, N:] = np.nan
    gained = -np.cumsum(more, 1).mean(2) / 2 + generator.normal(size=(2, 9, 6)) / 9
    gained[0, :, N:] = np.nan
    values = {
        "mse": (each, errors), "mse_gaussian": (each, 2 * errors), "trace": (each, 5 + more),
        "log_density": (of_image, 9 + gained), "log_density_gaussian": (of_image, 0 * gained),
        "log_density_error": (of_image, 0 * gained + 0.1),
        "integration_error": ("set", np.array([0.1, 0.1])),
        "image_index": (("set", "image"), np.arange(12.0).reshape(2, 6)),
        "singular_values": (("bundle", "rank"), np.geomspace(1.5, 0.01, 64)[None]),
        "bundle_dimension": ("bundle", np.array([5.0])),
        "bundle_gap": ("bundle", np.array([1.2])),
    }  # fmt: skip
    if told:
        values["flipd"] = (of_image, 0 * gained + 6)
    return xr.Dataset(
        {name: store.variable(dims, array, name) for name, (dims, array) in values.items()},
        coords={
            "set": ["S1", "test"],
            "sigma": sigma,
            "input_psnr": store.variable("sigma", decibels, "input PSNR", "dB"),
        },
        attrs={"entries": SIDE**2},
    )


def density_stores(sizes, seeds=1, references=()) -> Stores:
    """Stores of both subsets for a network whose excess falls with N, and for references."""
    images = np.random.default_rng(0).integers(0, 256, (20, 1, SIDE, SIDE)).astype(np.uint8)
    opened = [("images", {}, xr.Dataset({"images": (("image", *PIXELS), images)}))]
    for denoiser, N, subset in itertools.product(("unet", *references), sizes, ("S1", "S2")):
        for seed in range(1 if denoiser in references else seeds):
            of = {"denoiser": denoiser, "N": N, "subset": subset, "seed": seed}
            told, excess = denoiser in references, (1 + seed / 2) * 100 / N
            opened.append(("density", of, density_store(N, excess, seed, told)))
    return Stores(opened, "unet")


def properties_store(scale: float) -> xr.Dataset:
    """Every measure is `scale` at the lowest noise, the radius 1 pixel; the field falls by 1/e."""
    sigma, images = np.array([0.4, 0.2, 0.1]), np.arange(4)
    values = scale * sigma[:, None] / 0.1 * (1 + 0.1 * (images - 1.5))
    away = np.arange(1 - SIDE, SIDE)
    field = np.exp(-np.hypot(away[:, None], away)) + np.zeros((3, 4, 1, 1))
    measures = ("homogeneity", "linearity", "equivariance", "radius")
    return xr.Dataset(
        {name: (("sigma", "image"), values) for name in measures}
        | {"field": (("sigma", "image", "dy", "dx"), field)},
        coords={"sigma": sigma, "image": images},
        attrs={"even": 4.6},
    )


def properties_stores(names, seeds: int = 1) -> Stores:
    """Stores of several denoisers, whose measures decrease from each to the next."""
    return Stores(
        [
            ("properties", {"denoiser": name, "N": 100, "seed": seed}, properties_store(0.3 / i))
            for i, name in enumerate(names, 1)
            for seed in range(seeds)
        ]
    )


def draw_curves(sizes):
    stores = stores_of(psnr={N: psnr_store(0.6, gap=10 / N) for N in sizes})
    return psnr_curves.draw(stores, {"sizes": sizes})


def several(count: int) -> dict:
    """The stores and the values of each figure, for `count` seeds."""
    sizes, of_seeds = [1, 10, 100], range(count)
    bases = tuple(eigenbasis_store(images=2, seed=seed) for seed in of_seeds)
    lines = [tuple(psnr_store(slope + s / 50) for s in of_seeds) for slope in (0.5, 0.7)]
    rises = {N: tuple(history_store((1 + s) / N) for s in of_seeds) for N in sizes}
    learned = {N: tuple(dynamics_store(100 * N**0.5 * 1.5**s) for s in of_seeds) for N in sizes}
    drawn = sample_stores(sizes, diverged=1, seeds=count)
    agreed = {N: tuple(agreement_store(0.5 + s / 10, seed=s) for s in of_seeds) for N in sizes}
    best = {"optimum": {"psnr": [optimum_store(0.5), optimum_store(0.7)]}}
    waves = tuple(harmonics_store(2, seed, "contour") for seed in of_seeds)
    around = tuple(harmonics_store(2, seed, "disk") for seed in of_seeds)
    both = stores_of(best, psnr=lines, eigenbasis=[bases, bases], harmonics=[waves, waves])
    first = {"optimum": {"psnr": [optimum_store(0.5)]}}
    one = stores_of(
        first, psnr=lines[:1], eigenbasis=[bases], oracles=[oracles_store(2)], harmonics=[around]
    )
    known = {"optimum": {"psnr": {100: optimum_store(0.5)}},
             "wiener": {"psnr": {100: psnr_store(0.4)}}}  # fmt: skip
    curves = stores_of(known, psnr=dict.fromkeys(sizes, lines[0]))
    beside = {"optimum": "optimum", "references": ["wiener", "optimum"], "denoiser": "network"}
    densities = density_stores(sizes, count, ["wiener"])
    values = RANGE | {"denoiser": "unet", "references": ["wiener"], "source": ["disks"]}
    values |= {"sizes": sizes, "patch": 4, "alphas": [2, 1], "datasets": DATASETS[:2]}
    return {
        psnr_curves: (curves, values | beside),
        samples: (drawn, values),
        patches: (drawn, values),
        new_images: (drawn, values),
        pairs: (drawn, values | {"sizes": [10]}),
        matrix: (
            stores_of(
                matrix={N: tuple(matrix_store(["wiener"], s) for s in of_seeds) for N in sizes}
            ),
            values,
        ),
        history: (stores_of(history=rises), values),
        agreement: (stores_of(agreement=agreed), values),
        theories: (stores_of(agreement=agreed), values),
        shrinkage: (one, values),
        disks: (one, values | beside),
        slopes: (both, values | beside),
        optimum: networks_of(count),
        geometry: (both, values),
        harmonics: (
            stores_of({"another": {"harmonics": [waves, around]}}, harmonics=[waves, around]),
            values | {"denoisers": ["network", "another"]},
        ),
        dynamics: (stores_of(dynamics=learned), values),
        along: (stores_of(dynamics=learned), values),
        transition: (transition_stores(sizes, seeds=count), values),
        verdict: (verdict_stores(sizes, diverged=1, seeds=count), values),
        phase: (phase_stores(sizes, seeds=count), values | {"denoisers": NETWORKS}),
        crossover: crossover_stores(count),
        properties: (properties_stores(NETWORKS, count), values | {"denoisers": NETWORKS}),
        nats: (densities, values),
        likelihood: (densities, values),
        dimension: (density_stores([100], count), values | {"references": []}),
    }


FIGURES = {figure.__name__.rpartition(".")[2]: figure for figure in several(1)}
