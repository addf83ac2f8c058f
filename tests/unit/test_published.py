"""Files of denoisers trained elsewhere: the three layouts, and files that are wrong or hostile."""

import argparse
import json
import os
import pickle
import sys
import zipfile

import pytest
import safetensors.torch
import torch
from gahb import denoisers
from gahb.denoisers import NetworkDenoiser
from gahb.denoisers.imported import published
from gahb.denoisers.imported.published import UnreadableWeights
from gahb.eigenbasis import eigenbasis
from gahb.jacobian import jacobian
from torch import nn
from torch.nn import functional

LAYERS, CHANNELS = 5, 6


def weights(*shape):
    return torch.randn(shape) / (shape[1] * 9) ** 0.5


def universal_inverse_problem():
    """A state dict in this layout, and the residual that its authors' network computes."""
    widths = [1] + [CHANNELS] * (LAYERS - 1) + [1]
    state = {
        f"conv_layers.{i}.weight": weights(widths[i + 1], widths[i], 3, 3) for i in range(LAYERS)
    }
    for i in range(LAYERS - 2):
        state[f"running_sd.{i}"] = torch.rand(1, CHANNELS, 1, 1) + 0.5
    for i in range(LAYERS - 2):
        state[f"gammas.{i}"] = torch.randn(1, CHANNELS, 1, 1)

    def network(y):
        y = functional.conv2d(y, state["conv_layers.0.weight"], padding=1).relu()
        for i in range(LAYERS - 2):
            y = functional.conv2d(y, state[f"conv_layers.{i + 1}.weight"], padding=1)
            y = (y / state[f"running_sd.{i}"] * state[f"gammas.{i}"]).relu()
        return functional.conv2d(y, state[f"conv_layers.{LAYERS - 1}.weight"], padding=1)

    return state, network


def bias_free_denoising():
    state = {
        "first_layer.weight": weights(CHANNELS, 1, 3, 3),
        "last_layer.weight": weights(1, CHANNELS, 3, 3),
    }
    for i in range(LAYERS - 2):
        norm = f"bn_layer_list.{i}"
        state |= {
            f"hidden_layer_list.{i}.weight": weights(CHANNELS, CHANNELS, 3, 3),
            f"{norm}.weight": torch.randn(CHANNELS) * 1e-2,
            f"{norm}.bias": torch.randn(CHANNELS),
            f"{norm}.running_mean": torch.randn(CHANNELS),
            # Small enough that the 1e-5 added to the standard deviation is visible.
            f"{norm}.running_var": (torch.rand(CHANNELS) + 0.5) * 1e-4,
            f"{norm}.num_batches_tracked": torch.tensor(9),
        }

    def network(y):
        y = functional.conv2d(y, state["first_layer.weight"], padding=1).relu()
        for i in range(LAYERS - 2):
            norm = f"bn_layer_list.{i}"
            y = functional.conv2d(y, state[f"hidden_layer_list.{i}.weight"], padding=1)
            sd = state[f"{norm}.running_var"].sqrt() + 1e-5
            y = (y / sd[:, None, None] * state[f"{norm}.weight"][:, None, None]).relu()
        return functional.conv2d(y, state["last_layer.weight"], padding=1)

    return state, network


def check(path, network):
    found, described, _ = published.read(path)
    y = torch.rand(2, 1, 12, 12)
    torch.testing.assert_close(found(y), network(y))
    assert found(3 * y).allclose(3 * found(y), atol=1e-4)
    # Imported weights are stored like the weights of a network trained here.
    kept = path.with_name("kept.safetensors")
    denoisers.save(found, kept, **described)
    torch.testing.assert_close(denoisers.load(kept)(y, 0.1), y - found(y))
    again, _, _ = published.read(kept)
    torch.testing.assert_close(again(y), found(y))


def test_universal_inverse_problem(tmp_path):
    state, network = universal_inverse_problem()
    torch.save(state, tmp_path / "net.pt")
    check(tmp_path / "net.pt", network)


@pytest.mark.parametrize("wrapped", [True, False])
def test_bias_free_denoising(tmp_path, wrapped):
    state, network = bias_free_denoising()
    arguments = argparse.Namespace(model="dncnn", lr=0.001)
    content = {"model": [state] if wrapped else state, "args": arguments, "optimizer": None}
    torch.save(content, tmp_path / "net.pt")
    check(tmp_path / "net.pt", network)


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize(
    ("architecture", "sizes"),
    [("unet", {"channels": 4, "blocks": 2}), ("bfcnn", {"channels": 5, "layers": 6})],
)
def test_the_papers_authors(tmp_path, architecture, sizes, prefix):
    network = denoisers.initialized(architecture, 0, gain=0.5, **sizes).eval()
    state = {prefix + name: tensor for name, tensor in network.state_dict().items()}
    torch.save(state, tmp_path / "net.pt")
    check(tmp_path / "net.pt", network)


@pytest.mark.parametrize(
    ("entry", "wrapper", "said"),
    [
        ((), "_orig_mod.", "bfcnn, names below '_orig_mod.'"),
        ((), "module._orig_mod.", "bfcnn, names below 'module._orig_mod.'"),
        (("state_dict",), "model.", "bfcnn, entry 'state_dict', names below 'model.'"),
        (("model",), "", "bfcnn, entry 'model'"),
        (("ema", "shadow"), "", "bfcnn, entry 'ema/shadow', averaged weights (EMA)"),
        ((), "", "bfcnn, as it is"),
    ],
)
def test_wrapped_weights(tmp_path, entry, wrapper, said):
    state, network = universal_inverse_problem()
    content = {wrapper + name: tensor for name, tensor in state.items()}
    for name in reversed(entry):
        content = {name: content, "step": 3, "optimizer": {"state": {0: torch.zeros(2)}}}
    torch.save(content, tmp_path / "net.pt")
    check(tmp_path / "net.pt", network)
    assert published.read(tmp_path / "net.pt")[2] == said


@pytest.mark.parametrize("within", ["one state dict", "entries"])
def test_averaged_weights_are_chosen(tmp_path, within):
    (last, _), (averaged, network) = universal_inverse_problem(), universal_inverse_problem()
    if within == "entries":
        content = {"model": last, "ema": {"module." + k: v for k, v in averaged.items()}}
    else:
        content = {f"online_model.{k}": v for k, v in last.items()}
        content |= {f"ema_model.{k}": v for k, v in averaged.items()} | {"step": torch.tensor(3)}
    torch.save(content, tmp_path / "net.pt")
    check(tmp_path / "net.pt", network)
    assert published.read(tmp_path / "net.pt")[2].endswith("averaged weights (EMA)")


def test_the_papers_unet_is_recognized_by_its_names(tmp_path):
    """Names as the authors' code makes them: conv, ReLU, conv, norm, ReLU in the first block."""
    names = set(denoisers.build("unet", blocks=3).state_dict())
    assert {
        "encoder.0.0.weight", "encoder.0.2.weight", "encoder.0.3.gammas", "encoder.1.0.weight",
        "encoder.1.1.running_sd", "encoder.1.3.weight", "mid_block.0.weight", "upsample.0.weight",
        "decoder.0.0.weight", "decoder.0.3.weight", "decoder.2.4.gammas",
    } <= names  # fmt: skip
    assert "decoder.0.4.gammas" not in names


class Malicious:
    """A pickle that would make a folder when it is read."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("where", ["alone", "beside weights", "plain pickle"])
def test_a_malicious_file_is_refused_and_runs_nothing(tmp_path, where):
    path, harm = tmp_path / "net.pt", tmp_path / "harm"
    if where == "plain pickle":
        path.write_bytes(pickle.dumps(Malicious(harm), protocol=2))
    else:
        content = Malicious(harm)
        if where == "beside weights":
            content = {"model": universal_inverse_problem()[0], "args": content}
        torch.save(content, path)
    with pytest.raises(UnreadableWeights, match=r"net\.pt.*nothing of it was run.*mkdir"):
        published.read(path)
    assert not harm.exists()
    pickle.loads(pickle.dumps(Malicious(harm)))  # so that the test could fail
    assert harm.exists()


def test_a_header_cannot_name_code(tmp_path, monkeypatch):
    (tmp_path / "hostile.py").write_text("import os\nos.mkdir('harm')\nmake = None\n")
    monkeypatch.chdir(tmp_path)
    described = {"architecture": "function", "function": "hostile:make", "predicts": "noise"}
    for name in (described, {"architecture": "../hostile"}):
        path = tmp_path / "net.safetensors"
        safetensors.torch.save_file(
            {"a": torch.zeros(1)}, path, {"network": json.dumps({**name, "needs_sigma": False})}
        )
        with pytest.raises(UnreadableWeights, match="only unet and bfcnn are read"):
            published.read(path)
    assert not (tmp_path / "harm").exists()
    assert "hostile" not in sys.modules


@pytest.mark.parametrize("keep", [0, 10, 200, 0.5, 0.99])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_truncated_file_is_refused(tmp_path, suffix, keep):
    path = tmp_path / f"net{suffix}"
    state, _ = universal_inverse_problem()
    if suffix == ".pt":
        torch.save(state, path)
    else:
        safetensors.torch.save_file(state, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if keep >= 1 else int(keep * len(whole))])
    with pytest.raises(UnreadableWeights, match=r"net\.(pt|safetensors): "):
        published.read(path)


def wrong_files():
    state, _ = universal_inverse_problem()
    nan = {**state, "gammas.1": torch.full((1, CHANNELS, 1, 1), torch.nan)}
    missing = {k: v for k, v in state.items() if k != "conv_layers.2.weight"}
    more = {**state, "conv_layers.1.bias": torch.zeros(CHANNELS)}
    shape = {**state, "running_sd.0": torch.ones(1, CHANNELS + 1, 1, 1)}
    return {
        "numbers that are not finite": (nan, "finite"),
        "a missing layer": (missing, "conv_layers"),
        "an offset": (more, "bias"),
        "a wrong shape": (shape, "running_sd"),
        "another network": (
            nn.Linear(3, 3).state_dict(),
            r"no tensor 'encoder\.0\.0\.weight'\); .*`function`",
        ),
        "no tensors": ({"first_layer.weight": "text"}, "first_layer.weight is not a dense tensor"),
        "biases": (
            bias_free_denoising()[0] | {"first_layer.bias": torch.ones(CHANNELS)},
            "first_layer.bias",
        ),
        "a tensor": (torch.zeros(3), "Tensor"),
        "nothing": ({}, "nor a layout"),
    }


@pytest.mark.parametrize("header", ['"unet"', "3", "null", "{"])
def test_a_header_of_another_kind_is_refused(tmp_path, header):
    path = tmp_path / "net.safetensors"
    safetensors.torch.save_file({"a": torch.zeros(1)}, path, {"network": header})
    with pytest.raises(UnreadableWeights, match=r"net\.safetensors: not a safetensors file"):
        published.read(path)


@pytest.mark.parametrize("what", wrong_files())
def test_a_wrong_file_is_refused_by_name(tmp_path, what):
    content, message = wrong_files()[what]
    torch.save(content, tmp_path / "net.pt")
    with pytest.raises(UnreadableWeights, match=rf"net\.pt(.|\n)*({message})"):
        published.read(tmp_path / "net.pt")


def test_missing_and_invalid_files(tmp_path):
    with pytest.raises(UnreadableWeights, match="no such file"):
        published.read(tmp_path / "none.pt")
    (tmp_path / "text.pt").write_text("these are no weights")
    with zipfile.ZipFile(tmp_path / "zip.pt", "w") as file:
        file.writestr("archive/readme", "nor these")
    for name in ("text.pt", "zip.pt"):
        with pytest.raises(UnreadableWeights, match=f"{name}: cannot be read safely"):
            published.read(tmp_path / name)


USERS_OWN = """
import torch

class Blur(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.rand(1, 1, 3, 3))
        self.same = self.weight

    def forward(self, y, *sigma):
        return sum(sigma, torch.nn.functional.conv2d(y, self.weight, padding=1))

def make():
    return Blur()

class Detached(torch.nn.Module):
    def forward(self, y):
        return 0.5 * y.detach()

def detached():
    return Detached()

class Half(torch.autograd.Function):
    @staticmethod
    def forward(ctx, y):
        return y / 2

    @staticmethod
    def backward(ctx, grad):
        return grad / 2

class Backward(torch.nn.Module):
    def forward(self, y):
        return Half.apply(y)

def backward():
    return Backward()

def no_module():
    return 3
"""


@pytest.fixture
def users_own(tmp_path, monkeypatch):
    (tmp_path / "users_own.py").write_text(USERS_OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    sys.modules.pop("users_own", None)


@pytest.mark.parametrize("predicts", ["denoised", "noise"])
@pytest.mark.parametrize("needs_sigma", [True, False])
def test_a_users_function(users_own, tmp_path, predicts, needs_sigma):
    described = {
        "architecture": "function", "function": "users_own:make", "predicts": predicts,
        "needs_sigma": needs_sigma,
    }  # fmt: skip
    network = denoisers.build(**described).eval()
    y, sigma = torch.rand(1, 1, 8, 8), (0.25,) if needs_sigma else ()
    output = network.network(y, *sigma)
    expected = output if predicts == "noise" else y - output
    torch.testing.assert_close(network(y, *sigma), expected)
    # Its random weights are kept, though one is stored twice.
    denoisers.save(network, tmp_path / "kept.safetensors", **described)
    kept = denoisers.load(tmp_path / "kept.safetensors")
    assert kept.blind == (not needs_sigma)
    torch.testing.assert_close(kept(y, 0.25), y - expected)


@pytest.mark.parametrize("predicts", ["denoised", "noise"])
def test_a_jacobian_of_a_function_without_gradient_is_refused(users_own, predicts):
    described = {"function": "users_own:detached", "predicts": predicts, "needs_sigma": False}
    denoiser, y = NetworkDenoiser(denoisers.build("function", **described)), torch.rand(1, 8, 8)
    with torch.no_grad():
        assert denoiser(y[None], 0.1).shape == (1, 1, 8, 8)
    with pytest.raises(ValueError, match=r"users_own:detached.*gradient"):
        jacobian(denoiser, y, 0.1)


def users(function):
    options = {"predicts": "denoised", "needs_sigma": False}
    return NetworkDenoiser(denoisers.build("function", function=f"users_own:{function}", **options))


def test_only_leading_eigenpairs_refuse_modules_without_forward_mode(users_own):
    y = torch.rand(1, 4, 4)
    assert eigenbasis(users("backward"), y, y, 0.1).shrinkage == pytest.approx([0.5] * 16)
    with pytest.raises(ValueError, match="forward-mode"):
        eigenbasis(users("backward"), y, y, 0.1, keep=3)


@pytest.mark.parametrize(
    ("function", "error"),
    [
        ("users_own:none", AttributeError),
        ("users_own:no_module", TypeError),
        ("nowhere:make", ImportError),
    ],
)
def test_a_function_that_does_not_make_a_denoiser(users_own, function, error):
    with pytest.raises(error, match=r"none|nn\.Module|nowhere"):
        denoisers.build("function", function=function, predicts="noise", needs_sigma=False)
