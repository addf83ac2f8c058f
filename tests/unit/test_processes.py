"""Several processes and microbatches take the steps of one process and whole batches."""

import copy
import multiprocessing

import numpy as np
import pytest
import torch
import torch.distributed as dist
from conftest import Stored
from gahb import denoisers
from gahb.training import Checkpoint, Recipe, Streamed, Training, processes, training_flop

STEPS, WORLD = 6, 2
NEW = {"loss": "weighted", "noise": "mixed", "optimizer": "muon", "learning_rate": 0.05}
#: name: (architecture, recipe, whether the images are streamed)
CASES = {
    "paper": ("bfcnn", {}, False),
    "paper, bf16": ("bfcnn", {"precision": "bf16"}, False),
    "default": ("unet", NEW | {"ema": 0.9}, False),
    "streamed": ("unet", NEW | {"microbatch": 4}, True),
}


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


class _Plain(torch.nn.Sequential):
    """A network without norms."""

    def __init__(self):
        torch.manual_seed(0)
        ends = [torch.nn.Conv2d(*c, 3, padding=1, bias=False) for c in ((1, 6), (6, 1))]
        super().__init__(ends[0], torch.nn.ReLU(), ends[1])


def _training(architecture, recipe, streamed=False, network=None) -> Training:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (20, 1, 8, 8), generator=generator, dtype=torch.uint8)
    if streamed:
        images = Streamed(Stored(images), 9, torch.device("cpu"))
    options = {"unet": {"blocks": 1}, "bfcnn": {"layers": 4}}.get(architecture)
    network = network or denoisers.initialized(architecture, 0, channels=4, gain=0.1, **options)
    fixed = {"steps": STEPS, "batch": 8, "learning_rate": 0.01, "epoch": 50, "precision": "fp32"}
    return Training(network, images, Recipe(**fixed | recipe), seed=0)


def _advance(training, steps=STEPS) -> Training:
    training.network.train()
    for _ in range(steps):
        training.advance()
    return training


def _state(training) -> dict[str, np.ndarray]:
    return {name: t.detach().numpy().copy() for name, t in training.state().items()}


def _take_part(rank: int, folder) -> None:
    """One of the processes: every case, in one go and interrupted after two steps."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=WORLD)
    for name, case in CASES.items():
        checkpoint = Checkpoint(folder / name, "settings", 5)
        through, first = _advance(_training(*case)), _advance(_training(*case), 2)
        if processes.number() == 0:
            checkpoint.save(first, {})
        dist.barrier()
        resumed = _training(*case)
        checkpoint.restore(resumed)
        _advance(resumed, STEPS - 2)
        for kind, training in {"through": through, "resumed": resumed}.items():
            np.savez(folder / f"{name}-{kind}-{rank}.npz", **_state(training))
    compiled = _training(*CASES["default"])
    compiled.forward = torch.compile(compiled.network, backend="aot_eager")
    np.savez(folder / f"compiled-{rank}.npz", **_state(_advance(compiled)))
    asked = [processes.any_of(rank == 1), processes.any_of(False)]
    dist.destroy_process_group()
    assert asked == [True, False]


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """The states that two processes have saved."""
    folder = tmp_path_factory.mktemp("together")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["gahb.training", "gahb.denoisers.unet", "pytest"])
    started = [context.Process(target=_take_part, args=(r, folder)) for r in range(WORLD)]
    for process in started:
        process.start()
    for process in started:
        process.join(120)
        assert process.exitcode == 0
    return lambda name: dict(np.load(folder / f"{name}.npz"))


def _same(one, other, **tolerance):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_allclose(one[name], other[name], err_msg=name, **tolerance)


@pytest.mark.parametrize("name", CASES)
def test_two_processes_are_one_to_rounding(together, name):
    alone = _state(_advance(_training(*CASES[name])))
    close = {"rtol": 0.05, "atol": 2e-3} if "bf16" in name else {"rtol": 1e-3, "atol": 1e-5}
    _same(alone, together(f"{name}-through-0"), **close)


@pytest.mark.parametrize("name", CASES)
def test_all_processes_have_the_same_bytes_and_resume_to_them(together, name):
    first = together(f"{name}-through-0")
    for other in ("through-1", "resumed-0", "resumed-1"):
        _same(first, together(f"{name}-{other}"), rtol=0, atol=0)


def test_two_compiled_processes_are_one_to_rounding(together):
    alone = _state(_advance(_training(*CASES["default"])))
    _same(alone, together("compiled-0"), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("recipe", [{}, NEW | {"ema": 0.9}])
@pytest.mark.parametrize("microbatch", [1, 4])
def test_without_norms_microbatches_are_one_batch_to_rounding(recipe, microbatch):
    whole = _advance(_training("plain", recipe, network=_Plain()))
    parts = _advance(_training("plain", recipe | {"microbatch": microbatch}, network=_Plain()))
    _same(_state(whole), _state(parts), rtol=1e-3, atol=1e-5)


def test_with_norms_a_step_is_the_mean_of_steps_of_the_microbatches():
    """Each is divided by its own standard deviation, as a batch of its size would be."""
    recipe = Recipe(STEPS, batch=8, learning_rate=0.01, precision="fp32", microbatch=4)
    network = denoisers.initialized("unet", 0, channels=4, blocks=1, gain=0.1).train()
    # Of black images, so that what the network is given is the noise.
    training, seen = Training(network, torch.zeros(8, 1, 8, 8), recipe, seed=0), []
    halves = [copy.deepcopy(network) for _ in range(2)]
    network.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    training.advance()
    for half, noise in zip(halves, seen, strict=True):
        ((half(noise) - noise).square().sum() / 4).backward()
    of_parts = [dict(half.named_parameters()) for half in halves]
    for name, parameter in network.named_parameters():
        mean = sum(of_part[name].grad for of_part in of_parts) / 2
        torch.testing.assert_close(parameter.grad, mean, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("batch", "microbatch"), [(8, 3), (8, 16)])
def test_a_batch_that_cannot_be_divided_is_refused(batch, microbatch):
    with pytest.raises(ValueError, match=f"batch of {batch} cannot be .* of {microbatch} "):
        _training("unet", {"batch": batch, "microbatch": microbatch})


def test_counting_operations_leaves_the_network_as_it_was():
    network = denoisers.initialized("unet", 0, channels=4, blocks=1).train()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    training_flop(network, (1, 8, 8))
    assert network.training
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_compiled_network_trains_as_it_does_otherwise(precision):
    plain, compiled = (_training("unet", {"precision": precision}) for _ in range(2))
    compiled.forward = torch.compile(compiled.network, backend="aot_eager")
    close = {"rtol": 0.05, "atol": 2e-3} if precision == "bf16" else {"rtol": 1e-4, "atol": 1e-6}
    _same(_state(_advance(plain)), _state(_advance(compiled)), **close)
