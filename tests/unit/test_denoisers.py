"""Networks and their denoisers: homogeneity and local linearity; norms against autograd."""

import numpy as np
import pytest
import torch
from gahb import denoisers
from gahb.denoisers import NetworkDenoiser
from gahb.denoisers.imported.conventions import Adapted, Convention
from gahb.denoisers.networks.batchnorm import EPS, BFBatchNorm2d, folded
from torch import nn

SMALL = {
    "unet": {"channels": 6, "blocks": 2},
    "bfcnn": {"channels": 6, "layers": 5},
}


@pytest.fixture(autouse=True)
def same_numbers():
    torch.manual_seed(0)


def _trained_like(architecture, image_channels=1, dtype=torch.float64):
    """A network with gains and running statistics that differ from channel to channel."""
    network = denoisers.initialized(
        architecture, 0, image_channels=image_channels, gain=1.0, **SMALL[architecture]
    )
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, BFBatchNorm2d):
            module.gammas.data.uniform_(0.5, 1.5, generator=generator)
            module.running_sd.uniform_(0.5, 1.5, generator=generator)
    return network.to(dtype).eval()


def test_the_papers_unet_has_7659264_parameters():
    network = denoisers.build("unet")
    assert sum(p.numel() for p in network.parameters()) == 7_659_264


def test_the_papers_bfcnn_has_21_layers_that_see_43_pixels():
    network = denoisers.build("bfcnn")
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == 21
    assert sum(p.numel() for p in network.parameters()) == 2 * 576 + 19 * 64 * 64 * 9 + 19 * 64
    network = denoisers.initialized("bfcnn", 0, channels=2, gain=1.0).double().eval()
    for parameter in network.parameters():
        parameter.data.abs_()  # so that every ReLU passes its input on
    y = torch.ones(1, 1, 47, 47, dtype=torch.float64, requires_grad=True)
    network(y)[0, 0, 23, 23].backward()
    seen = torch.zeros(47, 47, dtype=torch.bool)
    seen[2:-2, 2:-2] = True
    assert torch.equal(y.grad[0, 0] != 0, seen)


@pytest.mark.parametrize("image_channels", [1, 3])
@pytest.mark.parametrize("architecture", SMALL)
def test_homogeneous_and_locally_linear(architecture, image_channels):
    network = _trained_like(architecture, image_channels)
    y = torch.randn(2, image_channels, 8, 8, dtype=torch.float64)
    found = network(y)
    assert found.shape == y.shape
    for a in (1e-3, 2.5, 1e3):
        torch.testing.assert_close(network(a * y), a * found, rtol=1e-9, atol=1e-12 * a)
    _, along_y = torch.func.jvp(network, (y,), (y,))
    torch.testing.assert_close(along_y, found, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("architecture", SMALL)
def test_norms_fold_into_convolutions(architecture):
    network = _trained_like(architecture).train()
    for module in network.modules():
        if isinstance(module, BFBatchNorm2d):
            module.gammas.data[:, ::2] *= -1  # training turns signs, too
    before = denoisers.flat(network)
    copy = folded(network)
    assert network.training and np.array_equal(denoisers.flat(network), before)
    norms = [m for m in network.modules() if isinstance(m, BFBatchNorm2d)]
    assert len(list(network.normalized())) == len(norms)
    y = torch.randn(2, 1, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(copy(y), network.eval()(y))
    torch.testing.assert_close(folded(copy)(y), network(y))
    # Its weights define the same map when loaded.
    network.load_state_dict(copy.state_dict())
    torch.testing.assert_close(network(y), copy(y))


@pytest.mark.parametrize("architecture", SMALL)
def test_initialization(architecture):
    """Kaiming normal: variance 2 / fan-in; gains within 0.025; the same for the same seed."""
    wide = {"channels": 48}
    network = denoisers.initialized(architecture, 3, **wide)
    again = denoisers.initialized(architecture, 3, **wide)
    other = denoisers.initialized(architecture, 4, **wide)
    assert np.array_equal(denoisers.flat(network), denoisers.flat(again))
    assert not np.array_equal(denoisers.flat(network), denoisers.flat(other))
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 10_000:
            assert module.weight.var().item() == pytest.approx(
                2 / (9 * module.in_channels), rel=0.1
            )
        if isinstance(module, BFBatchNorm2d):
            assert module.gammas.abs().max() <= 0.025
            assert module.gammas.std().item() == pytest.approx(2 / 9 / 64, rel=0.5)


@pytest.mark.parametrize("architecture", SMALL)
def test_weights_come_back_from_a_file_and_from_a_vector(architecture, tmp_path):
    network = _trained_like(architecture, dtype=torch.float32)
    path = tmp_path / "denoiser.safetensors"
    denoisers.save(network, path, architecture, image_channels=1, gain=1.0, **SMALL[architecture])
    loaded = denoisers.load(path)
    y = torch.randn(2, 1, 8, 8)
    assert loaded.blind
    torch.testing.assert_close(loaded(y, 0.1), y - network(y))
    assert not any(p.requires_grad for p in loaded.parameters())
    other = denoisers.build(architecture, **SMALL[architecture]).eval()
    denoisers.set_flat(other, denoisers.flat(network))
    assert np.array_equal(denoisers.flat(other), denoisers.flat(network))
    torch.testing.assert_close(other(y), network(y))


def some(count, seed=0):
    return torch.rand(count, 1, 3, 4, generator=torch.Generator().manual_seed(seed))


def test_a_large_batch_is_denoised_like_its_images_one_at_a_time():
    lengths = []

    class Doubles(nn.Module):
        def forward(self, y):
            lengths.append(len(y))
            return 2 * y

    y = torch.rand(70, 1, 32, 32)
    torch.testing.assert_close(NetworkDenoiser(Doubles())(y, 0.1), -y)
    assert sum(lengths) == 70 and max(lengths) == 32
    assert len(NetworkDenoiser(Doubles())(y[:0], 0.1)) == 0
    large = torch.rand(2, 1, 256, 256)
    assert NetworkDenoiser(Doubles())(large, 0.1).shape == large.shape


def test_only_a_network_that_needs_sigma_is_told_it():
    class Known(nn.Module):
        needs_sigma = True

        def forward(self, y, sigma):
            return y - sigma

    denoiser = NetworkDenoiser(Known())
    assert not denoiser.blind
    torch.testing.assert_close(denoiser(some(2), 0.5), torch.full((2, 1, 3, 4), 0.5))
    sigma = torch.tensor([0.5, 0.1])
    expected = sigma[:, None, None, None].expand(2, 1, 3, 4)
    large = torch.rand(2, 1, 256, 256)  # denoised one at a time

    class EachToldIts(Known):
        def forward(self, y, sigma):
            return y - sigma[:, None, None, None]

    torch.testing.assert_close(NetworkDenoiser(EachToldIts())(some(2), sigma), expected)
    found = NetworkDenoiser(EachToldIts())(large, sigma)[:, 0, 0, 0]
    torch.testing.assert_close(found, sigma)
    with pytest.raises(ValueError, match=r"shape \(2,\) for 3 images"):
        denoiser(some(3), sigma)
    # A user's function is given numbers, level by level.
    function = Adapted(Known(), Convention("number", "noise"), "a function")
    found = NetworkDenoiser(function)(some(2), sigma)
    torch.testing.assert_close(found, expected)
    blind = NetworkDenoiser(nn.Identity())
    assert blind.blind and (blind(some(2), 0.1) == blind(some(2), 3.0)).all()


@pytest.mark.parametrize("architecture", SMALL)
def test_in_double_precision_nothing_is_rounded_to_single(architecture, tmp_path):
    network = _trained_like(architecture, dtype=torch.float32)
    path, y = tmp_path / "denoiser.safetensors", torch.randn(2, 1, 8, 8, dtype=torch.float64)
    denoisers.save(network, path, architecture, image_channels=1, gain=1.0, **SMALL[architecture])
    exact = y - network.double()(y)
    found = denoisers.load(path, dtype=torch.float64)(y, 0.1)
    torch.testing.assert_close(found, exact, rtol=1e-12, atol=1e-12)


def _plain_norm(x, gain):
    return x * (gain / (x.var((0, 2, 3), correction=0, keepdim=True) + EPS).sqrt())


def _norm(channels, dtype):
    norm = BFBatchNorm2d(channels).to(dtype)
    norm.gammas.data.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(2))
    return norm


# In channels_last, torch's kernel adds thousands of float32 values one by one.
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    ("dtype", "error"), [(torch.float64, 1e-12), (torch.float32, 1e-4), (torch.bfloat16, 1e-2)]
)
def test_norm_against_autograd(dtype, error, memory_format):
    """Forward pass, backward pass and running statistics, with a mean that is not small."""
    norm = _norm(24, torch.float32 if dtype == torch.bfloat16 else dtype).train()
    clean = torch.randn(16, 24, 9, 7) * torch.linspace(0.1, 3, 24).view(1, -1, 1, 1) + 3
    x = clean.to(dtype).contiguous(memory_format=memory_format).requires_grad_()
    exact = x.detach().double().requires_grad_()
    gain = norm.gammas.detach().double().requires_grad_()
    upstream = torch.randn(x.shape).to(dtype).contiguous(memory_format=memory_format)
    y = norm(x)
    assert y.dtype == dtype and y.is_contiguous(memory_format=memory_format)
    y.backward(upstream)
    truth = _plain_norm(exact, gain)
    truth.backward(upstream.double())
    for found, expected in ((y, truth), (x.grad, exact.grad), (norm.gammas.grad, gain.grad)):
        assert (found - expected).norm() <= error * expected.norm()
    sd = (exact.detach().var((0, 2, 3), correction=0) + EPS).sqrt()
    running = norm.running_sd.double().flatten()
    torch.testing.assert_close(running, 0.9 + 0.1 * sd, rtol=max(error**1.5, 1e-4), atol=0)


def test_norm_in_evaluation_is_linear():
    norm = _norm(3, torch.float64).eval()
    norm.running_sd.fill_(2.0)
    x, y = torch.randn(2, 4, 3, 5, 5, dtype=torch.float64)
    torch.testing.assert_close(norm(x), x * norm.gammas / 2)
    torch.testing.assert_close(norm(2 * x - y), 2 * norm(x) - norm(y))
    assert (norm.running_sd == 2).all()
