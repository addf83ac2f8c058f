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
from gahb.denoisers.references.masked import masked, pixels, windows
from gahb.jacobian import Products, jacobian
from scipy.special import logsumexp, softmax
from scipy.stats import multivariate_normal

SHAPE, SIGMA = (2, 5, 6), 0.3
D = 60


def some(count, seed=0, shape=SHAPE):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, *shape, generator=generator, dtype=torch.float64)


def sensitivity(seed=0):
    return some(1, seed, (1, D, D))[:, 0]


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
        "flexible": (flexible, flexible.Flexible, {"share": value or 0.3}),
    }[name]
    more = {"sensitivity": sensitivity()} if name == "flexible" else {}
    tensors = module.fit(images, **option, **more)
    for drop in ("images", "borders"):
        tensors.pop(drop, None)
    borders = {"borders": False} if name == "borderless" else {}
    return kind(images, **tensors, **borders, block=block).double()


LOCAL = ["local", "patches", "equivariant", "borderless", "pca_locality", "flexible"]
EVERY = ["memorizer", "wiener", "mixture", *LOCAL]


# Loops over the definitions.


def window_of(image, y, x, half):
    """The window around a pixel; NaN outside the image."""
    found = np.full((image.shape[0], 2 * half + 1, 2 * half + 1), np.nan)
    for a in range(-half, half + 1):
        for b in range(-half, half + 1):
            if 0 <= y + a < image.shape[1] and 0 <= x + b < image.shape[2]:
                found[:, a + half, b + half] = image[:, y + a, x + b]
    return found


def loops(name, images, y, sigma):
    images, y = images.numpy(), y.numpy()
    _, height, width = y.shape
    f, count, half = np.zeros_like(y), np.zeros_like(y), 1
    if name in ("local", "equivariant", "borderless"):
        for r, c in np.ndindex(height, width):
            inner_r, inner_c = 1 <= r < height - 1, 1 <= c < width - 1
            free_r = name == "borderless" or (name == "equivariant" and inner_r)
            free_c = name == "borderless" or (name == "equivariant" and inner_c)
            rows = range(1, height - 1) if free_r else [r]
            columns = range(1, width - 1) if free_c else [c]
            own, logs, values = window_of(y, r, c, half), [], []
            for x in images:
                for a in rows:
                    for b in columns:
                        difference = own - window_of(x, a, b, half)
                        logs.append(-np.nansum(difference**2) / (2 * sigma**2))
                        values.append(x[:, a, b])
            f[:, r, c] = softmax(logs) @ np.array(values)
        return f
    if name == "patches":
        for r, c in np.ndindex(height - 2, width - 2):
            place = np.s_[:, r : r + 3, c : c + 3]
            logs = [-((y[place] - x[place]) ** 2).sum() / (2 * sigma**2) for x in images]
            f[place] += np.tensordot(softmax(logs), images[:, *place], 1)
            count[place] += 1
        return f / count
    flat, x = y.ravel(), images.reshape(len(images), -1)
    if name == "pca_locality":
        C = np.cov(x.T, bias=True)
        W = C @ np.linalg.inv(C + sigma**2 * np.eye(D))
        part = np.abs(W / W.diagonal()[:, None])
        masks = part >= 0.2 * part.max()
    else:
        masks = np.zeros((D, D), bool)
        for p, row in enumerate(sensitivity()[0].numpy()):
            for n in np.argsort(-row):
                if row[masks[p]].sum() >= 0.3 * row.sum():
                    break
                masks[p, n] = True
    for p in range(D):
        logs = [-((flat - one)[masks[p]] ** 2).sum() / (2 * sigma**2) for one in x]
        f.ravel()[p] = softmax(logs) @ x[:, p]
    return f


@pytest.mark.parametrize("name", LOCAL)
@pytest.mark.parametrize("sigma", [0.1, 0.5])
def test_each_is_its_definition(name, sigma):
    images, y = some(4), some(2, 1)
    found = denoiser(name, images)(y, sigma)
    for one, f in zip(y, found, strict=True):
        np.testing.assert_allclose(f, loops(name, images, one, sigma), atol=1e-6)


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


def test_clusters_that_are_apart_are_found():
    images = torch.cat([some(5), 3 + some(15, 1)])
    fitted = mixture.fit(images, components=2, rank=2)
    assert sorted(fitted["weights"].tolist()) == pytest.approx([0.25, 0.75])
    assert sorted(fitted["means"].mean((1, 2, 3)).tolist()) == pytest.approx([0.5, 3.5], abs=0.1)


# Limits.


@pytest.mark.parametrize("name", LOCAL)
def test_one_that_sees_all_is_the_memorizer(name):
    images, y = some(6), some(3, 1)
    value = {"pca_locality": 1e-9, "flexible": 1.0}.get(name, 6)
    expected = memorizer.Memorizer(images)(y, SIGMA)
    torch.testing.assert_close(denoiser(name, images, value)(y, SIGMA), expected)


def test_a_window_that_reaches_all_pixels_from_all_is_the_memorizer():
    """Also where the machine does not know it: of 5 x 6 pixels, through 11 x 11."""
    images, y = some(6), some(3, 1)
    f = local.Local(images, torch.ones(1), torch.ones(1))
    found = masked(y, SIGMA, f.training_set, windows(SHAPE, 11), pixels(SHAPE))
    torch.testing.assert_close(found, memorizer.Memorizer(images)(y, SIGMA))


@pytest.mark.parametrize("name", [n for n in EVERY if n not in ("equivariant", "borderless")])
def test_of_one_image_there_is_nothing_else_to_give(name):
    images, y = some(1), some(3, 1)
    f = denoiser(name, images)
    torch.testing.assert_close(f(y, SIGMA), images.expand(3, *SHAPE), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", EVERY)
def test_of_much_noise_the_mean_is_left(name):
    """Over inner places, too, where patches may come from elsewhere."""
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
    images, y = some(7), some(3, 1)
    expected = denoiser(name, images)(y, 0.1)
    monkeypatch.setitem(memorizer.softmax_mean.__globals__["TILE"], "cpu", (2, 3))
    torch.testing.assert_close(denoiser(name, images, block=block)(y, 0.1), expected)


@pytest.mark.parametrize("name", EVERY)
def test_derivatives_are_those_of_finite_differences(name):
    shape = (1, 4, 5)
    if name == "flexible":
        images, y = some(4), some(1, 1)[0]
    else:
        images, y = some(4, shape=shape), some(1, 1, shape)[0]
    f = denoiser(name, images)
    found, step = jacobian(f, y, SIGMA), 1e-5
    for entry in range(0, y.numel(), 7):
        e = torch.zeros_like(y).flatten().index_fill(0, torch.tensor(entry), step).reshape(y.shape)
        slope = (f((y + e)[None], SIGMA) - f((y - e)[None], SIGMA)).flatten() / (2 * step)
        torch.testing.assert_close(found[:, entry], slope, atol=1e-6, rtol=1e-5)
    unit = torch.eye(y.numel(), dtype=torch.float64)[:3]
    pushed = Products(f, y, SIGMA, 2).forward(unit)
    torch.testing.assert_close(pushed, found.T[:3], atol=1e-8, rtol=0)


def test_the_value_of_the_nearest_noise_level_is_taken():
    """In the logarithm: 0.1 is nearer to 0.06 than to 0.2, and 0.12 to 0.2."""
    images, y = some(5), some(2, 1)
    f = local.build(local.fit(images, window={0.05: 1, 0.2: 3}), images).double()
    for sigma, window in ((0.01, 1), (0.09, 1), (0.12, 3), (2.0, 3)):
        torch.testing.assert_close(f(y, sigma), f(y, sigma, window))
    assert (f(y, 0.1, 1) - f(y, 0.1, 3)).abs().max() > 0.01


def test_at_most_so_many_images_are_taken():
    images, y = some(9), some(2, 1)
    few = equivariant.build(equivariant.fit(images, window=3, most_images=4), images).double()
    expected = denoiser("equivariant", images[:4])
    torch.testing.assert_close(few(y, SIGMA), expected(y, SIGMA))
    borderless = equivariant.build(equivariant.fit(images, window=3, borders=False), images)
    torch.testing.assert_close(
        borderless.double()(y, SIGMA), denoiser("borderless", images)(y, SIGMA)
    )
