"""Wrongly described denoisers are refused, and the fitting convention is named."""

import dataclasses

import pytest
import torch
from exact import Exact, Gaussian, Memorizer, fields
from gahb.denoisers.imported.conventions import Convention, linear_schedule
from gahb.denoisers.imported.trial import NotADenoiser, doubt, tried

SIDE = 16
STEP = Convention("step", "epsilon", (-1.0, 1.0), linear_schedule())
SIGMA = Convention("sigma", "denoised", (-1.0, 1.0))
NUMBER = Convention("number", "denoised")
VP, VE = "parametrization: vp-epsilon, schedule: linear", "parametrization: sigma"


def images():
    return fields(16, SIDE, seed=1)


@pytest.fixture(scope="module", params=["memorizer", "gaussian"])
def posterior_mean(request):
    """In [-1, 1], for exactly these 16 images, and for images like them."""
    if request.param == "memorizer":
        return Memorizer(2 * images() - 1)
    many = 2 * fields(2000, SIDE, seed=2) - 1
    return Gaussian(many.mean(0), torch.cov((many - many.mean(0)).flatten(1).T))


def called(posterior_mean, factor=2.0):
    """A function (y, sigma) for images in [0, 1]; correctly, sigma is doubled for [-1, 1]."""

    def network(y, sigma):
        s = torch.full((len(y),), factor * sigma)
        return (posterior_mean(2 * y - 1, s) + 1) / 2

    return network


@pytest.mark.parametrize("kind", ["vp-epsilon", "vp-v", "sigma", "score", "edm", "called"])
def test_the_right_convention_passes(posterior_mean, kind):
    network = called(posterior_mean) if kind == "called" else Exact(posterior_mean, kind)
    convention = {
        "vp-epsilon": STEP, "vp-v": dataclasses.replace(STEP, predicts="v"), "sigma": SIGMA,
        "score": dataclasses.replace(SIGMA, predicts="score"),
        "edm": dataclasses.replace(SIGMA, told="edm", predicts="edm"), "called": NUMBER,
    }[kind]  # fmt: skip
    assert "128 images" in tried(network, convention, images(), "mine")
    assert doubt(network, convention, images()) == ""


def unit_noise(posterior_mean):
    right = called(posterior_mean)
    return lambda y, sigma: (y - right(y, sigma)) / sigma


@pytest.mark.parametrize(
    ("made", "told", "best"),
    [
        (called, Convention("number", "noise"), "predicts: denoised, needs_sigma: true"),
        (unit_noise, Convention("number", "noise"), "predicts: epsilon, needs_sigma: true"),
        (lambda p: Exact(p, "vp-epsilon"), dataclasses.replace(STEP, range=(0.0, 1.0)), VP),
        (lambda p: Exact(p, "sigma"), dataclasses.replace(SIGMA, range=(0.0, 1.0)), VE),
        (lambda p: Exact(p, "vp-epsilon"), dataclasses.replace(STEP, predicts="v"), VP),
        (lambda p: Exact(p, "sigma"), STEP, VE),
        (lambda p: Exact(p, "vp-epsilon"), SIGMA, VP),
    ],
)
def test_the_wrong_convention_is_refused_and_the_right_one_named(posterior_mean, made, told, best):
    with pytest.raises(NotADenoiser) as caught:
        tried(made(posterior_mean), told, images(), "mynets:load")
    said = str(caught.value)
    assert said.startswith(f"mynets:load ({told})") and f"It fits better as `{best}" in said
    given = said.index("the noisy images: 26.0, 14.0, ")
    assert given < said.index("It fits better")


def test_sigma_that_is_not_doubled_is_refused(posterior_mean):
    with pytest.raises(NotADenoiser, match="told 2 times as large a sigma"):
        tried(called(posterior_mean, factor=1), NUMBER, images(), "mine")


def test_another_schedule_is_named():
    network = Exact(Memorizer(2 * images() - 1), "vp-epsilon", "cosine")
    with pytest.raises(NotADenoiser, match="vp-epsilon, schedule: cosine"):
        tried(network, STEP, images(), "mine")


def of_a_thousand_sigma(posterior_mean):
    """Called at the step t = 1000 sigma."""
    network = Exact(posterior_mean, "vp-epsilon")

    def wrapped(y, sigma):
        u, s = 2 * y - 1, 2 * sigma
        noise = network(u / (1 + s**2) ** 0.5, torch.full((len(y),), min(1000 * sigma, 999.0)))
        return (u - s * noise + 1) / 2

    return wrapped


def test_a_step_that_is_a_thousand_sigma_is_refused():
    with pytest.raises(NotADenoiser, match="takes sigma for another noise level"):
        tried(of_a_thousand_sigma(Memorizer(2 * images() - 1)), NUMBER, images(), "mine")


@pytest.mark.parametrize("side", [16, 24])
def test_a_step_that_is_a_thousand_sigma_is_doubted_of_gaussian_images(side):
    """These hide it: no other sigma is much better."""
    many = 2 * fields(2000, side, seed=2) - 1
    exact = Gaussian(many.mean(0), torch.cov((many - many.mean(0)).flatten(1).T))
    few = fields(16, side, seed=1)
    assert tried(of_a_thousand_sigma(exact), NUMBER, few, "mine")  # which passes it
    said = doubt(of_a_thousand_sigma(exact), NUMBER, few)
    assert said.startswith("at sigma = 0.2 its estimate f has 19.") and "told sigma" in said
    assert doubt(called(exact), NUMBER, few) == ""


def test_a_network_that_memorized_other_images_is_refused():
    network = Exact(Memorizer(2 * fields(16, SIDE, seed=9) - 1), "vp-epsilon")
    with pytest.raises(NotADenoiser, match=r"No convention .* trained on other images than these"):
        tried(network, STEP, images(), "mine")


def test_a_blind_network_in_another_range_is_refused():
    known = Memorizer(255 * images())

    def network(u):
        return known(u, torch.full((len(u),), 25.0))

    with pytest.raises(NotADenoiser, match=r"better as `predicts: denoised, range: \[0, 255\]"):
        tried(network, Convention("nothing", "denoised"), images(), "mine")


@pytest.mark.parametrize(("network", "told"), [
    (lambda y: y, Convention("nothing", "denoised")),
    (lambda y, sigma: 0 * y, Convention("number", "noise")),
])  # fmt: skip
def test_a_network_that_does_nothing_is_refused(network, told):
    with pytest.raises(NotADenoiser, match="No convention makes it a denoiser of these images"):
        tried(network, told, images(), "mine")


def test_only_conventions_that_a_config_can_name_are_recommended():
    """EDM's labels come with EDM's answer: a network that gives the clean image has `sigma`."""
    known = Memorizer(2 * images() - 1)

    def network(y, sigma):  # takes [0, 1], returns [0, 255]
        s = torch.as_tensor(sigma, dtype=y.dtype).expand(len(y))
        return 127.5 * (known(2 * y - 1, 2 * s) + 1)

    with pytest.raises(NotADenoiser, match="as `predicts: denoised, needs_sigma: true, range: "):
        tried(network, NUMBER, images(), "mine")


def shrunk(y):
    return 0.5 + 0.9 * (y - 0.5)


@pytest.mark.parametrize(
    ("network", "what"),
    [
        (lambda y: shrunk(y) + 0.01 * torch.randn_like(y), "chance"),
        (lambda y: shrunk(y) + 0.1 * y.mean(0), "the other images of its batch"),
        (lambda y: shrunk(y) + 0.01 * len(y), "how many images there are in its batch"),
    ],
)
def test_an_estimate_depends_only_on_its_own_image(network, what):
    with pytest.raises(NotADenoiser, match=f"mine: the estimate of an image depends on {what}"):
        tried(network, Convention("nothing", "denoised"), images(), "mine")


def test_a_single_image_is_enough():
    network = called(Memorizer(2 * images()[:1] - 1))
    assert "128 images" in tried(network, NUMBER, images()[:1], "m")
    assert doubt(network, NUMBER, images()[:1]) == ""
