"""Conventions of networks made elsewhere, against exact posterior means in each convention."""

import dataclasses

import numpy as np
import pytest
import torch
from exact import Exact, Gaussian
from gahb.denoisers import NetworkDenoiser
from gahb.denoisers.imported import conventions
from gahb.denoisers.imported.conventions import PARAMETRIZATIONS, Adapted, Convention

SHAPE = (1, 5, 5)


def gaussian(low=0.0, high=1.0, seed=0):
    """Gaussian images in [0, 1] as seen by a network with the range [low, high]."""
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(25, 25, generator=generator, dtype=torch.float64) / 25
    mean = torch.rand(SHAPE, generator=generator, dtype=torch.float64)
    return Gaussian(low + (high - low) * mean, (high - low) ** 2 * root @ root.T)


def denoiser(network, parametrization, range_, **options):
    told, predicts = PARAMETRIZATIONS[parametrization]
    convention = Convention(told, predicts, range_, **options)
    return NetworkDenoiser(Adapted(network, convention, "mine"))


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("range_", [(-1.0, 1.0), (0.0, 1.0)])
@pytest.mark.parametrize("parametrization", PARAMETRIZATIONS)
def test_the_exact_gaussian_denoiser(parametrization, range_, schedule):
    network = Exact(gaussian(*range_), parametrization, schedule)
    steps = tuple(network.alphas_cumprod)
    found = denoiser(network, parametrization, range_, alphas_cumprod=steps)
    y = torch.rand(3, *SHAPE, dtype=torch.float64)
    # Not only at steps; the noise of the first step is 0.005 for [-1, 1].
    for sigma in (0.02, 0.1, 0.37, 1.5, 6.0):
        expected = gaussian()(y, torch.full((3,), sigma, dtype=torch.float64))
        torch.testing.assert_close(found(y, sigma), expected, atol=1e-5, rtol=0)
        torch.testing.assert_close(found(y.float(), sigma).double(), expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("predicts", "answer"),
    [
        ("denoised", lambda u, s, clean: clean),
        ("noise", lambda u, s, clean: u - clean),
        ("epsilon", lambda u, s, clean: (u - clean) / s),
        ("score", lambda u, s, clean: (clean - u) / s**2),
    ],
)
@pytest.mark.parametrize("told", ["number", "nothing"])
def test_all_predictions_on_any_range(told, predicts, answer):
    """For a network called (y, sigma), or fixed at one sigma."""
    range_, sigma = (0.0, 255.0), 0.2
    exact = gaussian(*range_)

    def network(u, s=255 * sigma):
        return answer(u, s, exact(u, torch.full((len(u),), s, dtype=u.dtype)))

    adapted = Adapted(torch.nn.Identity(), Convention(told, predicts, range_), "mine")
    adapted.network = network_module(network)
    y = torch.rand(3, *SHAPE, dtype=torch.float64)
    expected = gaussian()(y, torch.full((3,), sigma, dtype=torch.float64))
    torch.testing.assert_close(y - adapted(y, sigma), expected, atol=1e-9, rtol=0)
    assert adapted.needs_sigma == (told == "number" or predicts in ("epsilon", "score"))


def network_module(function):
    class Network(torch.nn.Module):
        def forward(self, *inputs):
            return function(*inputs)

    return Network()


def test_gray_images_and_a_network_of_three_equal_channels():
    """The posterior mean of repeated images, by brute force over all pixels of all channels."""
    gray = gaussian(-1, 1)
    covariance = gray.vectors @ gray.values.diag() @ gray.vectors.T
    repeated = Gaussian(gray.mean.expand(3, 5, 5), covariance.repeat(3, 3))
    network = Exact(repeated, "vp-epsilon")
    steps = tuple(network.alphas_cumprod)
    found = denoiser(network, "vp-epsilon", (-1.0, 1.0), alphas_cumprod=steps, repeat=3)
    y = torch.rand(2, *SHAPE, dtype=torch.float64)
    for sigma in (0.1, 0.5):
        expected = gaussian()(y, torch.full((2,), sigma, dtype=torch.float64))
        torch.testing.assert_close(found(y, sigma), expected, atol=1e-6, rtol=0)


def test_the_published_schedules():
    """Ho et al.: beta_1 = 1e-4, beta_T = 0.02; Nichol & Dhariwal: beta_T = 0.999."""
    for made, first, last in (
        (conventions.linear_schedule(), 1e-4, 0.02),
        (conventions.cosine_schedule(), 4.128e-5, 0.999),
    ):
        a = np.array(made)
        beta = 1 - a / np.concatenate([[1], a[:-1]])
        assert len(a) == 1000 and (np.diff(beta) > 0)[:-2].all()
        np.testing.assert_allclose(beta[[0, -1]], [first, last], rtol=1e-3)


def test_steps_between_and_beyond_the_levels_of_the_schedule():
    convention = Convention("step", "v", alphas_cumprod=(0.9, 0.5, 0.1, 0.0))
    levels = [(1 / 9) ** 0.5, 1.0, 3.0]
    assert [convention.step(s) for s in levels] == pytest.approx([0, 1, 2])
    assert convention.step((levels[1] * levels[2]) ** 0.5) == pytest.approx(1.5)
    # Pure noise, the last step of a schedule of zero terminal SNR, is beyond any sigma.
    assert convention.step(1e9) == 2 and convention.step(1e-9) == 0


def test_a_convention_is_printed_as_in_the_config():
    told = {"parametrization: vp-v, range: [-1, 1]": Convention("step", "v", (-1.0, 1.0))}
    told["predicts: epsilon, needs_sigma: true, range: [0, 255]"] = Convention(
        "number", "epsilon", (0.0, 255.0)
    )
    told["predicts: noise, range: [0, 1]"] = Convention()
    assert {str(c): c for c in told.values()} == told
    assert dataclasses.replace(Convention(), predicts="v").needs_sigma


def test_an_answer_of_another_shape_is_refused():
    two = Adapted(network_module(lambda u: torch.cat([u, u], 1)), Convention(), "mynets:load")
    with pytest.raises(ValueError, match=r"mynets:load makes .*\(2, 1, 5, 5\) into \(2, 2, 5, 5\)"):
        two(torch.rand(2, *SHAPE))
    many = Adapted(network_module(lambda u: (u, u)), Convention(), "mynets:load")
    with pytest.raises(ValueError, match=r"into tuple"):
        many(torch.rand(2, *SHAPE))
