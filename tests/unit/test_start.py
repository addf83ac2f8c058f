"""Starts of samplers: their moments and invariances."""

import numpy as np
import pytest
import torch
from conftest import Stored
from gahb.samples import start

SHAPE = (1, 3, 4)


def some(count, seed=0):
    """Images whose pixels vary together and differ in mean and in spread."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(12, 12, generator=generator) / 12
    noise = torch.randn(count, 12, generator=generator)
    return (torch.linspace(0.2, 0.8, 12) + noise @ mixing).reshape(count, *SHAPE)


@pytest.mark.parametrize("sigma", [0.0, 0.5])
@pytest.mark.parametrize("count", [5, 600])
def test_gaussian_starts_have_the_mean_and_the_covariance_of_blurred_images(sigma, count):
    images = some(count)
    drawn = start.gaussian(0, torch.arange(10000), images, sigma=sigma).flatten(1).double()
    flat = images.flatten(1).double()
    expected = torch.cov(flat.T) + sigma**2 * torch.eye(12)
    variance = expected.diag()
    error = (variance[:, None] * variance + expected**2).sqrt() / 10000**0.5
    assert ((torch.cov(drawn.T) - expected).abs() < 4.5 * error).all()
    assert ((drawn.mean(0) - flat.mean(0)).abs() < 4.5 * (variance / 10000).sqrt()).all()


def test_gaussian_starts_have_no_tails():
    drawn = start.gaussian(0, torch.arange(40000), some(3), sigma=0.1).flatten(1)
    standard = (drawn - drawn.mean(0)) / drawn.std(0)
    assert (standard.pow(4).mean(0) - 3).abs().max() < 4.5 * (96 / 40000) ** 0.5
    assert standard.pow(3).mean(0).abs().max() < 4.5 * (15 / 40000) ** 0.5


def test_a_start_depends_only_on_seed_and_number():
    images, numbers = some(600), torch.arange(9)
    for draw in (
        lambda seed, samples: start.gaussian(seed, samples, images, sigma=1.0),
        lambda seed, samples: start.paper(seed, samples, SHAPE, mean=0.5, sd=1.0),
    ):
        together = draw(1, numbers)
        torch.testing.assert_close(draw(1, torch.tensor([7, 2])), together[[7, 2]])
        torch.testing.assert_close(draw(1, numbers[:1]), together[:1])
        assert (draw(2, numbers) != together).all()


def test_images_are_read_a_block_at_a_time_and_of_any_type():
    images = (some(600).clamp(0, 1) * 255).to(torch.uint8)
    stored = Stored(images)
    found = start.gaussian(0, torch.arange(4), stored, sigma=1.0)
    assert max(stored.taken) <= start.BLOCK < len(images)
    torch.testing.assert_close(
        found, start.gaussian(0, torch.arange(4), images.float() / 255, sigma=1.0)
    )


def test_bright_images_of_little_contrast_keep_their_covariance():
    """The sum over 20,000 images cancels to a thousandth of its terms."""
    images = 1 + 1e-4 * some(20000)
    drawn = start.gaussian(0, torch.arange(500), images, sigma=0.0).flatten(1).double()
    ratio = drawn.var(0) / images.flatten(1).double().var(0)
    assert (ratio - 1).abs().max() < 0.25


def test_the_papers_start_is_white():
    drawn = start.paper(3, torch.arange(5000), SHAPE, mean=0.5, sd=2.0).flatten(1)
    np.testing.assert_allclose(drawn.mean(0), 0.5, atol=0.12)
    np.testing.assert_allclose(torch.cov(drawn.T), 4 * np.eye(12), atol=0.4)


def test_a_single_image_has_no_covariance():
    with pytest.raises(ValueError, match="two images, found 1"):
        start.gaussian(0, torch.arange(2), some(1), sigma=1.0)
