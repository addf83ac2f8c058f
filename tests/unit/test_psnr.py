"""PSNR curves for known errors."""

from types import SimpleNamespace

import numpy as np
import torch
from gahb.decibels import input_psnr, sigma_from_psnr
from gahb.psnr import posterior_curve, psnr, psnr_curve

SHAPE = (1, 3, 4)


def some(count, seed=0):
    return torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(seed))


def test_psnr_of_a_known_error():
    clean = some(4)
    torch.testing.assert_close(psnr(clean + 0.1, clean), torch.full((4,), 20.0))
    np.testing.assert_allclose(sigma_from_psnr(input_psnr(np.array([0.01, 0.3]))), [0.01, 0.3])


def test_zero_error_has_a_psnr():
    assert (psnr(some(4), some(4)) > 140).all() and psnr(some(4), some(4)).isfinite().all()


def test_doing_nothing_has_the_input_psnr():
    images = torch.zeros(50, 1, 32, 32)
    sigmas = [1.0, 0.1, 0.01]
    curve = psnr_curve(lambda y, _: y, images, sigmas, seed=0)
    np.testing.assert_allclose(curve.mean(1), [0, 20, 40], atol=0.05)
    # The same z at each noise level.
    np.testing.assert_allclose(
        curve - curve[:1], np.full_like(curve, 20) * [[0], [1], [2]], atol=1e-3
    )


def test_curves_are_averages_over_repeats_and_the_same_in_batches():
    images = some(10)
    one = psnr_curve(lambda y, _: 0.5 * y, images, [0.2], seed=3, batch=10)
    assert not np.array_equal(one, psnr_curve(lambda y, _: 0.5 * y, images, [0.2], seed=4))
    many = psnr_curve(lambda y, _: 0.5 * y, images, [0.2], seed=3, repeats=400)
    # PSNRs with a single noise scatter; with 400, only the scatter between images is left.
    again = psnr_curve(lambda y, _: 0.5 * y, images, [0.2], seed=5, repeats=400)
    assert np.abs(many - again).max() < 0.2 * np.abs(one - many).max()
    bytes_ = psnr_curve(lambda y, _: y, (images * 255).round().to(torch.uint8), [0.2], seed=3)
    floats = psnr_curve(lambda y, _: y, images, [0.2], seed=3)
    np.testing.assert_allclose(bytes_, floats, atol=1e-4)


def test_the_noise_of_an_image_does_not_depend_on_how_many_follow():
    images, sigmas = torch.rand(40, 1, 16, 16), [0.1, 0.5]
    all_of_them = psnr_curve(lambda y, _: y.clamp(0, 1), images, sigmas, seed=2, batch=30)
    few = psnr_curve(lambda y, _: y.clamp(0, 1), images[:5], sigmas, seed=2)
    np.testing.assert_array_equal(few, all_of_them[:, :5])


def test_posterior_statistics_use_the_same_noisy_images():
    class Truth:
        def posterior(self, y, sigma):
            each = y.mean((1, 2, 3))
            return SimpleNamespace(mean=0.5 * y, variance=each, error=2 * each, rhat=3 * each)

    images = some(10)
    found = posterior_curve(Truth(), images, [0.2, 0.4], seed=3, batch=4)
    plain = psnr_curve(lambda y, _: 0.5 * y, images, [0.2, 0.4], seed=3)
    np.testing.assert_array_equal(found["psnr"], plain)
    np.testing.assert_allclose(found["rhat"], 3 * found["variance"], rtol=1e-6)
    assert found["error"].shape == (2, 10) and np.unique(found["error"]).size == 20
