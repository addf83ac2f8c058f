"""A GPU computes the same as a CPU; `make gpu` runs these tests on a GPU."""

import copy

import pytest
import torch
from conftest import Stored
from gahb import denoisers
from gahb.denoisers.networks.batchnorm import EPS, BFBatchNorm2d
from gahb.jacobian import Products
from gahb.training.batches import Streamed
from gahb.training.muon import orthogonal
from gahb.training.recipe import Recipe
from gahb.training.state import Training

CUDA = torch.cuda.is_available()


@pytest.fixture(params=["cpu", *(["cuda"] if CUDA else [])])
def device(request):
    torch.set_num_threads(1)
    with torch.backends.cudnn.flags(allow_tf32=False):
        yield torch.device(request.param)


def _network(blocks=1):
    return denoisers.initialized("unet", 0, channels=8, blocks=blocks, gain=0.1)


def _images(count=20):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (count, 1, 16, 16), generator=generator, dtype=torch.uint8)


def test_the_norm_and_its_gradient_agree_with_double_precision(device):
    x, slope = torch.randn(2, 6, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    norm, found = BFBatchNorm2d(4, gain=0.3).to(device), {}
    given = x.to(device, memory_format=torch.channels_last).requires_grad_()
    norm(given).backward(slope.to(device))
    plain = x.double().requires_grad_()
    sd = (plain.var((0, 2, 3), correction=0, keepdim=True) + EPS).sqrt()
    (0.3 * plain / sd).backward(slope.double())
    found = given.grad.cpu().double()
    torch.testing.assert_close(found, plain.grad, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(norm.running_sd.cpu().double(), 0.9 + 0.1 * sd, rtol=1e-5, atol=0)


def test_a_denoiser_and_its_jacobian_agree_with_the_cpu(device):
    denoiser = denoisers.NetworkDenoiser(_network())
    y, vectors = _images(3).float() / 255, torch.randn(5, 256)
    expected = denoiser(y, 0.1), Products(denoiser, y[0], 0.1).transposed(vectors)
    denoiser, y, vectors = copy.deepcopy(denoiser).to(device), y.to(device), vectors.to(device)
    found = denoiser(y, 0.1), Products(denoiser, y[0], 0.1).transposed(vectors)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.cpu(), other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_streamed_and_compiled_trainings_give_the_same_as_others(device, precision):
    recipe = Recipe(
        6, 8, 0.02, loss="weighted", noise="mixed", optimizer="muon", ema=0.9, precision=precision
    )
    streamed = Streamed(Stored(_images()), 16, device)
    trainings = [
        Training(_network(), images, recipe, seed=0) for images in (_images().to(device), streamed)
    ]
    if CUDA and device.type == "cuda":
        trainings.append(Training(_network(), _images().to(device), recipe, seed=0, compiled=True))
    for training in trainings:
        training.network.train()
        for _ in range(recipe.steps):
            training.advance()
        training.check()
    held, *others = (torch.from_numpy(denoisers.flat(t.averaged)) for t in trainings)
    for other in others:
        assert (held - other).norm() < 0.05 * held.norm()


def test_muon_levels_singular_values(device):
    matrix = torch.randn(16, 40, generator=torch.Generator().manual_seed(0)).to(device)
    values = torch.linalg.svdvals(orthogonal([matrix])[0].double().cpu())
    assert 0.5 < values.min() and values.max() < 1.3
