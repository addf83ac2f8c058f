"""Beyond the paper's recipe: weighted errors, mixed noise levels, Muon."""

import math

import pytest
import torch
from gahb import denoisers
from gahb.training.device import computes_bf16
from gahb.training.muon import Muon, orthogonal
from gahb.training.objective import BLANK_LOSS, HIGH, LOWEST, RunningError, mixed_levels
from gahb.training.recipe import Recipe
from gahb.training.state import Training

NEW = {"loss": "weighted", "noise": "mixed", "optimizer": "muon"}


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_mixed_levels_have_their_distribution():
    """Three fifths log-uniform on [LOWEST, 1], the others square roots of U(0, 1)."""
    sigma = torch.cat([mixed_levels(64, g) for g in [generator()] for _ in range(500)]).flatten()
    assert sigma.min() >= LOWEST and sigma.max() <= 1
    for bound in (0.01, 0.1, 0.3, 0.7):
        below = HIGH * bound**2 + (1 - HIGH) * math.log(bound / LOWEST) / math.log(1 / LOWEST)
        assert float((sigma < bound).float().mean()) == pytest.approx(below, abs=0.003)
    assert float(sigma.square().mean()) == pytest.approx(BLANK_LOSS["mixed"], abs=0.003)


def test_each_batch_covers_all_levels_evenly():
    """The quantiles of a batch are a regular grid: its mean varies far less than with free
    draws."""
    g = generator()
    means = torch.stack([mixed_levels(64, g).log().mean() for _ in range(200)])
    free = torch.stack([mixed_levels(1, g).log().mean() for _ in range(2000)])
    assert means.std() < free.std() / 64**0.5 / 5


def test_weighting_by_noise_level_makes_every_level_count_equally():
    """For errors e(sigma) that depend only on sigma, the weighted loss tends to 1 at each level."""
    error, g = RunningError(torch.device("cpu")), generator()
    for _ in range(400):
        sigma = mixed_levels(64, g).flatten()
        weighted = error.weighted(3 * sigma**1.3, sigma)
        error.update()
    assert float(weighted.mean()) == pytest.approx(1, abs=0.1)


def test_the_weight_depends_only_on_the_level():
    """So the posterior mean stays the optimum: two images at one level keep the ratio of errors."""
    error = RunningError(torch.device("cpu"))
    sigma = torch.full((2,), 0.1)
    errors = torch.tensor([1.0, 3.0], requires_grad=True)
    error.weighted(errors, sigma).mean().backward()
    assert errors.grad[0] == errors.grad[1] > 0


@pytest.mark.parametrize("shape", [(8, 20), (20, 8), (8, 8)])
def test_muon_keeps_the_singular_vectors_and_levels_the_values(shape):
    matrix = torch.randn(*shape, generator=generator(), dtype=torch.float64)
    (step,) = orthogonal([matrix])
    u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
    core = u.T @ step @ vh.T
    off = core - core.diag().diag()
    assert off.abs().max() < 1e-6
    assert core.diag().min() > 0.5 and core.diag().max() < 1.3


def test_matrices_are_orthogonalized_together_as_alone():
    g = generator()
    matrices = [torch.randn(*s, generator=g) for s in ((6, 30), (30, 6), (6, 50), (9, 9))]
    together = orthogonal(matrices)
    for matrix, step in zip(matrices, together, strict=True):
        torch.testing.assert_close(step, orthogonal([matrix])[0], rtol=1e-4, atol=1e-4)


def test_muon_finds_the_minimum_of_a_quadratic():
    """At any scale of its gradient, the step has the size of the learning rate."""
    target = torch.randn(8, 4, 3, 3, generator=generator())
    for scale in (1e-3, 1e3):
        weight = torch.nn.Parameter(torch.zeros_like(target))
        optimizer = Muon([weight], lr=0.1, decay=0.0)
        for step in range(200):
            optimizer.param_groups[0]["lr"] = 0.1 * (1 - step / 200)
            optimizer.zero_grad()
            (scale * (weight - target).square().sum()).backward()
            optimizer.step()
        assert (weight - target).norm() < 0.05 * target.norm()


def test_muon_trains_the_hidden_convolutions_and_adam_the_rest():
    network = denoisers.initialized("unet", 0, channels=4, blocks=1)
    recipe = Recipe(steps=2, batch=8, learning_rate=0.05, **NEW)
    training = Training(network, torch.rand(50, 1, 8, 8), recipe, seed=0)
    muon, adam = (
        {id(p) for group in optimizer.param_groups for p in group["params"]}
        for optimizer, _ in training.optimizers.values()
    )
    for name, parameter in training.network.named_parameters():
        hidden = parameter.ndim == 4 and min(parameter.shape[:2]) > 1
        assert (id(parameter) in muon) == hidden, name
        assert (id(parameter) in adam) != hidden, name


def test_a_network_without_hidden_layers_is_trained_by_adam_alone():
    images = torch.rand(20, 1, 8, 8, generator=generator())
    network = torch.nn.Conv2d(1, 1, 3, padding=1, bias=False)
    recipe = Recipe(steps=2, batch=4, learning_rate=0.05, precision="fp32", **NEW)
    training = Training(network, images, recipe, seed=0)
    assert training.optimizers.keys() == {"adam"}
    training.advance()


@pytest.mark.parametrize("instructions", ["amx_bf16", "avx512_bf16", None])
def test_a_cpu_computes_in_bf16_where_it_has_instructions_for_it(monkeypatch, instructions):
    found = {"avx2": True} | ({instructions: True} if instructions else {})
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    assert computes_bf16(torch.device("cpu")) == (instructions is not None)
