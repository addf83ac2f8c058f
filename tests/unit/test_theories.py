"""Theories of what networks compute, each against loops over its definition, and their limits."""

import numpy as np
import pytest
import torch
from gahb.denoisers.references import (
    equivariant,
    flexible,
    local,
    memorizer,
    mixture,
    patches,
    pca_locality,
    wiener,
)
from gahb.denoisers.references import training_set as memory
from gahb.denoisers.references.calibrated import Refused
from gahb.jacobian import Products, jacobian
from scipy.special import logsumexp, softmax
from scipy.stats import multivariate_normal

SHAPE, SIGMA = (2, 5, 6), 0.3
D = 60


def some(count, seed=0, shape=SHAPE):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, *shape, generator=generator, dtype=torch.float64)


def sensitivity(shape=SHAPE, seed=0):
    """Sensitivity of a network at one noise level: near pixels count most."""
    channels, height, width = shape
    y, x = np.mgrid[:height, :width].reshape(2, -1)
    near = np.exp(-np.hypot(y[:, None] - y, x[:, None] - x) / 1.5)
    noise = some(1, seed, (channels, height * width, channels, height * width))[0]
    return (torch.from_numpy(near)[:, None] * (0.2 + noise)).reshape(
        1, *2 * (near[0].size * channels,)
    )


def denoiser(name, images, value=None, block=None):
    """A reference of each kind; `value` is its window, threshold or share."""
    if name == "memorizer":
        return memorizer.Memorizer(images, block)
    if name == "wiener":
        return wiener.build(wiener.fit(images), images).double()
    if name == "mixture":
        return mixture.build(mixture.fit(images, components=2, rank=3), images).double()
    module, kind, option = {
        "local": (local, local.Local, {"window": value or 3}),
        "patches": (patches, patches.Patches, {"window": value or 3}),
        "equivariant": (equivariant, equivariant.Equivariant, {"window": value or 3}),
        "borderless": (equivariant, equivariant.Equivariant, {"window": value or 3}),
        "pca_locality": (pca_locality, pca_locality.PcaLocality, {"threshold": value or 0.2}),
        "columns": (
            pca_locality, pca_locality.PcaLocality, {"threshold": value or 0.2, "mask": "columns"}
        ),
        "flexible": (flexible, flexible.Flexible, {"share": value or 0.3}),
    }[name]  # fmt: skip
    more = {"sensitivity": sensitivity(images.shape[1:])} if name == "flexible" else {}
    tensors = module.fit(images, **option, **more)
    for drop in ("images", "borders"):
        tensors.pop(drop, None)
    borders = {"borders": False} if name == "borderless" else {}
    return kind(images, **tensors, **borders, block=block).double()


LOCAL = ["local", "patches", "equivariant", "borderless", "pca_locality", "flexible"]
EVERY = ["memorizer", "wiener", "mixture", *LOCAL]


# Loops over the definitions.


def windows_of(images, window):
    """The window around each pixel, NaN outside: (image, y, x, channel, window, window)."""
    half = window // 2
    padded = np.pad(images, ((0, 0), (0, 0), (half, half), (half, half)), constant_values=np.nan)
    found = np.lib.stride_tricks.sliding_window_view(padded, (window, window), (2, 3))
    return found.transpose(0, 2, 3, 1, 4, 5)


def of_windows(name, images, y, sigma, window):
    """The local and the equivariant machine, a pixel at a time."""
    half, f = window // 2, np.zeros_like(y)
    of_y, of_x = windows_of(y[None], window)[0], windows_of(images, window)
    inner = [slice(half, n - half) for n in y.shape[1:]]
    for at in np.ndindex(y.shape[1:]):
        inside = [i.start <= p < i.stop for p, i in zip(at, inner, strict=True)]
        free = {"local": [False] * 2, "equivariant": inside, "borderless": [True] * 2}[name]
        from_there = tuple(
            i if f else slice(p, p + 1) for p, i, f in zip(at, inner, free, strict=True)
        )
        squares = np.nansum((of_x[:, *from_there] - of_y[at]) ** 2, axis=(3, 4, 5))
        weights = softmax(-squares / (2 * sigma**2))
        f[:, *at] = (weights[:, None] * images[:, :, *from_there]).sum((0, 2, 3))
    return f


def of_masks(masks, images, y, sigma, own=None):
    """Means over masks that each estimate the entries they see, or only their own entry."""
    flat, x = y.ravel(), images.reshape(len(images), -1)
    total, count, alone = np.zeros(flat.size), np.zeros(flat.size), np.full(flat.size, np.nan)
    for p, mask in enumerate(masks):
        mean = softmax([-((flat - one)[mask] ** 2).sum() / (2 * sigma**2) for one in x]) @ x
        total[mask] += mean[mask]
        count[mask] += 1
        alone[own[p]] = mean[own[p]]
    return total, count, alone


def loops(name, images, y, sigma, value):
    images, y = images.numpy(), y.numpy()
    channels, height, width = y.shape
    if name in ("local", "equivariant", "borderless"):
        return of_windows(name, images, y, sigma, value)
    entries = np.arange(y.size)
    of_pixel = entries.reshape(channels, -1).T
    if name == "patches":
        masks = []
        for r, c in np.ndindex(height - value + 1, width - value + 1):
            mask = np.zeros(y.shape, bool)
            mask[:, r : r + value, c : c + value] = True
            masks.append(mask.ravel())
        total, count, _ = of_masks(masks, images, y, sigma, np.zeros((len(masks), 1), int))
        return (total / count).reshape(y.shape)
    if name == "flexible":
        S = sensitivity(y.shape)[0].numpy().reshape(channels, height * width, channels, -1)
        masks = np.zeros((height * width, channels, height * width), bool)
        for p, row in enumerate(S.sum((0, 2))):
            for n in np.argsort(-row):
                if row[masks[p, 0]].sum() >= value * row.sum():
                    break
                masks[p, :, n] = True
        masks = masks.reshape(height * width, -1)
        total, count, alone = of_masks(masks, images, y, sigma, of_pixel)
        with np.errstate(invalid="ignore"):
            return np.where(count > 0, total / count, alone).reshape(y.shape)
    x = images.reshape(len(images), -1)
    C = np.cov(x.T, bias=True)
    W = C @ np.linalg.inv(C + sigma**2 * np.eye(y.size))
    part = np.abs(W / W.diagonal()[:, None])
    masks = part >= value * part.max()
    masks = masks.T if name == "columns" else masks
    return of_masks(masks, images, y, sigma, entries[:, None])[2].reshape(y.shape)


@pytest.mark.parametrize("name", ["local", "equivariant", "borderless", "patches"])
@pytest.mark.parametrize("window", [3, 5, 7, 9, 11])
@pytest.mark.parametrize("channels", [1, 3])
def test_windows_agree_with_their_definitions(name, window, channels):
    """At low and at high noise, gray and in color."""
    shape = (channels, 12, 13)
    images, y = some(4, shape=shape), some(2, 1, shape)
    f = denoiser(name, images, window)
    for sigma in (0.05, 0.2, 0.8):
        for one, found in zip(y, f(y, sigma), strict=True):
            np.testing.assert_allclose(found, loops(name, images, one, sigma, window), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "value"),
    [("pca_locality", 0.2), ("columns", 0.2), ("flexible", 0.3), ("flexible", 0.05)],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_masks_agree_with_their_definitions(name, value, channels):
    """Also if some pixels are in no patch of a network."""
    shape = (channels, 5, 6)
    images, y = some(60, shape=shape), some(2, 1, shape)
    f = denoiser(name, images, value)
    for sigma in (0.05, 0.2, 0.8):
        for one, found in zip(y, f(y, sigma), strict=True):
            expected = loops(name, images, one, sigma, value)
            np.testing.assert_allclose(found, expected, atol=1e-6)


def test_rows_and_columns_of_the_mask_are_two_machines():
    images, y = some(60), some(2, 1)
    rows, columns = (denoiser(name, images, 0.3)(y, SIGMA) for name in ("pca_locality", "columns"))
    assert (rows - columns).abs().max() > 1e-3
    with pytest.raises(ValueError, match="mask: found 'row'; right is 'rows' or 'columns'"):
        pca_locality.fit(images, threshold=0.3, mask="row")


def test_an_almost_constant_entry_is_named():
    """It would empty all other masks; an entry that does not vary at all takes its mean."""
    images, y = some(60), some(2, 1)
    mean = images[:, 1, 3, 4].mean()
    images[:, 1, 3, 4] = mean + 0.01 * (images[:, 0, 3, 4] - images[:, 0, 3, 4].mean())
    with pytest.raises(Refused, match=r"\(channel, y, x\) = \(1, 3, 4\) hardly varies, .* see"):
        denoiser("pca_locality", images, 0.2)(y, SIGMA)
    images[:, 1, 3, 4] = mean
    found = denoiser("pca_locality", images, 0.2)(y, SIGMA)
    torch.testing.assert_close(found[:, 1, 3, 4], mean.expand(2))


def test_a_pixel_in_no_patch_takes_the_mean_of_its_own_patch():
    """Every pixel looks only at the first, which determines the weights and is in all patches."""
    images, y = some(5), some(2, 1)
    seen = torch.zeros(1, 2, 30, 2, 30)
    seen[:, :, :, :, 0] = 1
    tensors = flexible.fit(images, share={1.0: 0.5}, sensitivity=seen.reshape(1, D, D))
    found = flexible.build(tensors, images).double()(y, SIGMA)
    squares = (y[:, None, :, 0, 0] - images[None, :, :, 0, 0]).square().sum(2)
    weights = (-squares / (2 * SIGMA**2)).softmax(1)
    torch.testing.assert_close(found, torch.einsum("qi,icyx->qcyx", weights, images))


def test_the_mixture_is_the_posterior_mean_of_its_gaussians():
    images = torch.cat([some(9), 2 + some(7, 3)])
    f, y = denoiser("mixture", images), some(3, 1) + 0.9
    assert len(f.weights) == 2
    for one, found in zip(y.flatten(1).numpy(), f(y, SIGMA), strict=True):
        logs, means = [], []
        for c in range(2):
            axes = f.axes[c].numpy()
            C = (axes * (f.variances[c] - f.floors[c]).numpy()) @ axes.T
            C += float(f.floors[c]) * np.eye(D)
            mean, noisy = f.means[c].flatten().numpy(), C + SIGMA**2 * np.eye(D)
            logs.append(np.log(float(f.weights[c])) + multivariate_normal(mean, noisy).logpdf(one))
            means.append(mean + C @ np.linalg.solve(noisy, one - mean))
        expected = np.exp(logs - logsumexp(logs)) @ np.array(means)
        np.testing.assert_allclose(found.flatten(), expected, atol=1e-6)


def test_a_mixture_of_one_component_and_all_axes_is_wieners_filter():
    images, y = some(80), some(3, 1)
    one = mixture.build(mixture.fit(images, components=1, rank=D), images).double()
    torch.testing.assert_close(
        one(y, SIGMA), denoiser("wiener", images)(y, SIGMA), atol=1e-5, rtol=0
    )


def test_separate_clusters_are_found():
    images = torch.cat([some(5), 3 + some(15, 1)])
    fitted = mixture.fit(images, components=2, rank=2)
    assert sorted(fitted["weights"].tolist()) == pytest.approx([0.25, 0.75])
    assert sorted(fitted["means"].mean((1, 2, 3)).tolist()) == pytest.approx([0.5, 3.5], abs=0.1)


# Limits.


@pytest.mark.parametrize("name", LOCAL)
def test_a_theory_that_sees_everything_is_the_memorizer(name):
    images, y = some(6), some(3, 1)
    value = {"pca_locality": 1e-9, "flexible": 1.0}.get(name, 6)
    expected = memorizer.Memorizer(images)(y, SIGMA)
    torch.testing.assert_close(denoiser(name, images, value)(y, SIGMA), expected)


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("window", range(1, 15, 2))
def test_sums_over_neighbors(window, dim):
    values = some(1, shape=(9, 6, 3))[0]
    moved = np.pad(values.numpy(), [(window // 2,) * 2 if d == dim else (0, 0) for d in range(3)])
    expected = np.lib.stride_tricks.sliding_window_view(moved, window, dim).sum(-1)
    np.testing.assert_allclose(local.sums(values, window, dim), expected, atol=1e-12)


@pytest.mark.parametrize("name", [n for n in EVERY if n not in ("equivariant", "borderless")])
def test_a_single_training_image_is_returned(name):
    images, y = some(1), some(3, 1)
    f = denoiser(name, images)
    torch.testing.assert_close(f(y, SIGMA), images.expand(3, *SHAPE), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", EVERY)
def test_at_high_noise_only_the_mean_is_left(name):
    """Also over inner places, if patches may come from elsewhere."""
    images, y = some(8), some(2, 1)
    mean = images.mean(0)
    if name == "equivariant":
        mean[:, 1:-1, 1:-1] = mean[:, 1:-1, 1:-1].mean((1, 2), keepdim=True)
        for edge in (0, -1):
            mean[:, edge, 1:-1] = mean[:, edge, 1:-1].mean(1, keepdim=True)
            mean[:, 1:-1, edge] = mean[:, 1:-1, edge].mean(1, keepdim=True)
    if name == "borderless":
        mean = mean[:, 1:-1, 1:-1].mean((1, 2), keepdim=True).expand(SHAPE)
    found = denoiser(name, images)(y, 1e4)
    torch.testing.assert_close(found, mean.expand(2, *SHAPE), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["equivariant", "borderless"])
def test_the_equivariant_machine_commutes_with_shifts_away_from_borders(name):
    f, y = denoiser(name, some(5, shape=(1, 9, 9))), some(1, 1, (1, 9, 9))
    moved = f(y.roll((1, 2), (2, 3)), SIGMA)
    torch.testing.assert_close(moved[..., 3:7, 4:7], f(y, SIGMA)[..., 2:6, 2:5])
    same = denoiser("local", some(5, shape=(1, 9, 9)))
    moved = same(y.roll((1, 2), (2, 3)), SIGMA)
    assert (moved[..., 3:7, 4:7] - same(y, SIGMA)[..., 2:6, 2:5]).abs().max() > 0.01


# How they compute.


@pytest.mark.parametrize("name", LOCAL)
@pytest.mark.parametrize("block", [1, 3, 64])
def test_the_size_of_blocks_does_not_matter(name, block, monkeypatch):
    images, y = some(20), some(3, 1)
    expected = denoiser(name, images)(y, 0.1)
    monkeypatch.setitem(memorizer.softmax_mean.__globals__["TILE"], "cpu", (2, 3))
    torch.testing.assert_close(denoiser(name, images, block=block)(y, 0.1), expected)


@pytest.mark.parametrize("name", ["memorizer", *LOCAL])
@pytest.mark.parametrize("budget", [1, 10_000, 300_000, 2**22])
def test_the_memory_limit_holds_and_does_not_change_results(name, budget, monkeypatch):
    """Neither the images nor the parts in a group change a result."""
    images, y = some(20), some(3, 1)
    f = denoiser(name, images)
    expected, taken, blocks = f(y, 0.1), [], memory.TrainingSet.blocks

    def counted(self, like, numbers):
        for x in blocks(self, like, numbers):
            taken.append((len(x), len(x) * numbers * 8))
            yield x

    monkeypatch.setattr(memory, "BLOCK_BYTES", budget)
    monkeypatch.setattr(memory.TrainingSet, "blocks", counted)
    torch.testing.assert_close(f(y, 0.1), expected)
    # One image is the minimum.
    assert all(count == 1 or held <= budget for count, held in taken)
    assert budget > 1 or all(count == 1 for count, _ in taken)


@pytest.mark.parametrize("name", EVERY)
def test_each_image_may_have_a_noise_level_of_its_own(name):
    images, y = some(20), some(4, 1)
    f, sigma = denoiser(name, images), [0.1, 0.3, 0.1, 1.0]
    expected = torch.cat([f(one[None], s) for one, s in zip(y, sigma, strict=True)])
    found = f(y, torch.tensor(sigma, dtype=torch.float64))
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)
    with pytest.raises(ValueError, match=r"sigma: found a tensor of shape \(3,\) for 4 images"):
        f(y, torch.ones(3))


@pytest.mark.parametrize("name", ["local", "equivariant", "patches", "flexible"])
def test_images_of_several_levels_use_their_own_values(name):
    images, y = some(6), some(4, 1)
    values = {0.05: 0.2, 0.8: 0.7} if name == "flexible" else {0.05: 1, 0.8: 3}
    option = "share" if name == "flexible" else "window"
    more = {"sensitivity": sensitivity().repeat(2, 1, 1)} if name == "flexible" else {}
    module = {"local": local, "equivariant": equivariant, "patches": patches, "flexible": flexible}
    module = module[name]
    f = module.build(module.fit(images, **{option: values}, **more), images).double()
    sigma = [0.05, 0.8, 0.7, 0.06]
    expected = torch.cat([f(one[None], s) for one, s in zip(y, sigma, strict=True)])
    torch.testing.assert_close(f(y, torch.tensor(sigma)), expected, atol=1e-7, rtol=0)


@pytest.mark.parametrize("name", ["memorizer", "local", "equivariant", "patches"])
def test_in_double_precision_images_are_not_rounded(name):
    images, y = some(6), some(3, 1)
    rounded = denoiser(name, images.float())(y, 0.1)
    assert (denoiser(name, images)(y, 0.1) - rounded).abs().max() > 1e-9
    assert denoiser(name, images)(y, 0.1).dtype == torch.float64


@pytest.mark.parametrize("name", EVERY)
def test_derivatives_agree_with_finite_differences(name):
    shape = (1, 4, 5)
    images, y = some(40, shape=shape), some(1, 1, shape)[0]
    f = denoiser(name, images)
    found, step = jacobian(f, y, SIGMA), 1e-5
    for entry in range(0, y.numel(), 7):
        e = torch.zeros_like(y).flatten().index_fill(0, torch.tensor(entry), step).reshape(y.shape)
        slope = (f((y + e)[None], SIGMA) - f((y - e)[None], SIGMA)).flatten() / (2 * step)
        torch.testing.assert_close(found[:, entry], slope, atol=1e-6, rtol=1e-5)
    unit = torch.eye(y.numel(), dtype=torch.float64)[:3]
    pushed = Products(f, y, SIGMA, 2).forward(unit)
    torch.testing.assert_close(pushed, found.T[:3], atol=1e-8, rtol=0)


def test_the_value_of_the_nearest_noise_level_is_used():
    """In the logarithm: 0.1 is nearer to 0.06 than to 0.2, and 0.12 to 0.2."""
    images, y = some(5), some(2, 1)
    f = local.build(local.fit(images, window={0.05: 1, 0.2: 3}), images).double()
    for sigma, window in ((0.01, 1), (0.09, 1), (0.12, 3), (2.0, 3)):
        torch.testing.assert_close(f(y, sigma), f(y, sigma, window))
    assert (f(y, 0.1, 1) - f(y, 0.1, 3)).abs().max() > 0.01


def test_the_number_of_images_can_be_limited():
    images, y = some(9), some(2, 1)
    few = equivariant.build(equivariant.fit(images, window=3, most_images=4), images).double()
    expected = denoiser("equivariant", images[:4])
    torch.testing.assert_close(few(y, SIGMA), expected(y, SIGMA))
    borderless = equivariant.build(equivariant.fit(images, window=3, borders=False), images)
    torch.testing.assert_close(
        borderless.double()(y, SIGMA), denoiser("borderless", images)(y, SIGMA)
    )
