"""Training: batches, noise and schedules against closed forms; exact, refusing, never lost."""

import itertools
import math
import multiprocessing
import os
import random
import resource
import runpy
import signal
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from gahb import networks, store
from gahb.denoising import Denoiser, psnr_curve
from gahb.training import (
    Checkpoint,
    CheckpointError,
    Diverged,
    Interrupted,
    Recipe,
    Streamed,
    Training,
    asked_to_stop,
    compiling_pays,
    fit,
    history_steps,
    noise_levels,
    shuffled,
    training_flop,
)
from scipy.stats import kstest
from study.config import checked
from study.plan import Plan

SIZES = {"unet": {"channels": 4, "blocks": 1}, "bfcnn": {"channels": 4, "layers": 4}}


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def _images(count=20, side=8):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (count, 1, side, side), generator=generator, dtype=torch.uint8)


def _training(images=None, seed=0, architecture="unet", **recipe):
    recipe = Recipe(**{"steps": 12, "batch": 8, "rate": 0.01, "epoch": 50, **recipe})
    network = networks.initialized(architecture, 0, **SIZES[architecture])
    return Training(network, _images() if images is None else images, recipe, seed)


def _advance(training, steps):
    training.network.train()
    for _ in range(steps):
        training.advance()
    return training


def _bytes(training):
    return networks.flat(training.averaged).tobytes()


def _nothing(training):
    return {}


# The recipe.


def test_cosine_schedule():
    recipe = Recipe(steps=1000, batch=1, rate=0.1, warmup=0.1)
    rates = [recipe.learning_rate(step) for step in range(1000)]
    np.testing.assert_allclose(rates[:100], 0.1 * np.arange(1, 101) / 100)
    assert rates[100] == 0.1
    assert rates[550] == pytest.approx(0.05)
    assert rates[999] == pytest.approx(0.1 * math.sin(math.pi / 2 / 900) ** 2)
    assert np.all(np.diff(rates[100:]) < 0)


def test_the_papers_recipe():
    """1000 epochs of 250,000 images in batches of 512; the rate halves every 100 epochs."""
    config = {
        "datasets": {"faces": {"source": "disks", "side": 80, "images": 10}},
        "networks": {"unet": {"architecture": "unet", "training": "paper"}},
        "trainings": {"paper": {"epochs": 1000, "schedule": "halving"}},
        "studies": {},
    }
    wildcards = {"dataset": "faces", "network": "unet", "side": "S1", "N": "10"}
    values = Plan(checked(config)).train.values(wildcards)
    recipe = Recipe(**values["recipe"])
    assert (recipe.steps, recipe.batch, recipe.epoch) == (488_282, 512, 250_000)
    for epoch, rate in ((0, 1e-3), (99, 1e-3), (101, 5e-4), (999, 1e-3 / 2**9)):
        assert recipe.learning_rate(epoch * 250_000 // 512) == rate
    assert values["sizes"] == {"channels": 64, "blocks": 3}


def test_noise_levels_are_squares_of_uniform_numbers():
    sigma = noise_levels(20_000, torch.Generator().manual_seed(0))
    assert sigma.shape == (20_000, 1, 1, 1)
    assert kstest(sigma.sqrt().flatten().numpy(), "uniform").pvalue > 0.01
    assert sigma.square().mean() == pytest.approx(1 / 5, rel=0.02)


@pytest.mark.parametrize(("count", "epoch"), [(1, 10), (7, 20), (7, 3), (100, 100)])
def test_every_epoch_sees_each_image_equally_often(count, epoch):
    length = count * max(1, round(epoch / count))
    stream = torch.cat(list(shuffled(count, epoch, 0, 0, 5 * length, 8)))
    for one in stream.split(length):
        assert (torch.bincount(one, minlength=count) == length // count).all()
    if count == 100:
        assert len({tuple(one.tolist()) for one in stream.split(length)}) == 5


def test_the_stream_is_the_same_from_any_place_in_any_pieces():
    whole = next(shuffled(7, 20, 3, 0, 100, 100))
    assert len(whole) == 100
    for start, stop, size in itertools.product((0, 1, 20, 55), (56, 100), (1, 8, 33)):
        pieces = list(shuffled(7, 20, 3, start, stop, size))
        assert torch.equal(torch.cat(pieces), whole[start:stop])
        assert all(len(piece) == size for piece in pieces[:-1])


def test_history_is_dense_early_and_ends_with_the_last_step():
    steps = history_steps(100_000)
    assert steps[0] == 50 and steps[-1] == 100_000
    assert np.diff(np.log(steps)) == pytest.approx(np.log(2000) / 15, rel=0.02)
    assert history_steps(1) == [1]
    assert history_steps(30) == [30]


def test_averaged_weights():
    training = _training(ema=0.5)
    expected = networks.flat(training.network).astype(float)
    for step in range(1, 13):
        _advance(training, 1)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * networks.flat(training.network)
    np.testing.assert_allclose(networks.flat(training.averaged), expected, rtol=1e-5, atol=1e-6)


def test_flop_of_the_papers_unet():
    """3.35 GMAC forwards at 80x80: three times that to train, two FLOP in each."""
    assert training_flop(networks.build("unet"), (1, 80, 80)) == pytest.approx(6 * 3.35e9, rel=0.01)


def test_only_long_trainings_are_compiled(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: name)
    paper, small = networks.build("unet"), networks.build("unet", channels=24, blocks=2)
    quick, full = Recipe(1500, 32, 2e-3), Recipe(488_282, 512, 1e-3)
    gpu = torch.device("cuda")
    assert compiling_pays(paper, (1, 80, 80), full, gpu)
    assert not compiling_pays(paper, (1, 80, 80), full, torch.device("cpu"))
    assert not compiling_pays(small, (1, 24, 24), quick, gpu)
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert not compiling_pays(paper, (1, 80, 80), full, gpu)


# Truth.


def test_approaches_the_optimum_on_constant_images():
    """The best denoiser of constant images is very nearly the mean of the pixels."""
    levels = torch.linspace(20, 235, 200).round().to(torch.uint8)
    images = levels.view(-1, 1, 1, 1).expand(-1, 1, 4, 4).contiguous()
    network = networks.initialized("bfcnn", 0, channels=24, layers=5, gain=0.1)
    recipe = Recipe(steps=500, batch=32, rate=5e-3, precision="fp32")
    training = _advance(Training(network, images, recipe, seed=0), recipe.steps)
    sigma = [0.05, 0.1, 0.2]

    def error(denoiser):
        return (10 ** (-psnr_curve(denoiser, images, sigma, seed=1) / 10)).mean(1)

    best = error(lambda y: y.mean((2, 3), keepdim=True).expand_as(y))
    np.testing.assert_allclose(best, np.square(sigma) / 16, rtol=0.3)
    excess = error(Denoiser(training.averaged)) / best
    assert np.all(excess > 0.9)
    assert np.all(excess < [3, 2.2, 1.7]), excess


# The same bytes.


@pytest.mark.parametrize("architecture", SIZES)
def test_same_seed_same_bytes(architecture):
    one, two, other = (
        _advance(_training(architecture=architecture, seed=s), 12) for s in (0, 0, 1)
    )
    assert _bytes(one) == _bytes(two) != _bytes(other)


@pytest.mark.parametrize("recipe", [{}, {"ema": 0.9}, {"precision": "bf16"}])
@pytest.mark.parametrize("architecture", SIZES)
def test_resumed_from_any_step(architecture, recipe, tmp_path):
    whole = _advance(_training(architecture=architecture, **recipe), 12)
    for step in (0, 1, 7, 11):
        checkpoint = Checkpoint(tmp_path / "weights", "settings", 5)
        first = _advance(_training(architecture=architecture, **recipe), step)
        checkpoint.save(first, {"step": np.array([step])})
        second = _training(architecture=architecture, **recipe)
        assert checkpoint.restore(second)["step"] == [step]
        assert _bytes(_advance(second, 12 - step)) == _bytes(whole)
        assert torch.equal(second.loss, whole.loss)


@pytest.mark.parametrize("pool", [1, 24, 1000])
def test_streamed_set_gives_the_same_bytes(pool, tmp_path):
    images, read = _images(), []

    def reader(indices):
        read.append(len(indices))
        return images.numpy()[indices]

    streamed = Streamed(reader, len(images), pool, torch.device("cpu"))
    training = _advance(_training(streamed), 12)
    assert _bytes(training) == _bytes(_advance(_training(), 12))
    assert max(read) <= max(pool, 8) and sum(read) == 12 * 8
    checkpoint = Checkpoint(tmp_path / "weights", "settings", 5)
    checkpoint.save(_advance(_training(streamed), 5), {})
    resumed = _training(streamed)
    checkpoint.restore(resumed)
    assert _bytes(_advance(resumed, 7)) == _bytes(training)


# Never lost.


def test_history_and_measurements_do_not_change_the_training(tmp_path):
    def measure(training):
        images = _images(4)
        return {"psnr": psnr_curve(Denoiser(training.averaged), images, [0.1], seed=0).mean()}

    recipe = {"steps": 60}
    history = fit(_training(**recipe), Checkpoint(tmp_path / "a", "", 5), measure)
    assert list(history["step"]) == history_steps(60)
    assert history["psnr"].shape == history["loss"].shape
    measured, plain = _training(**recipe), _training(**recipe)
    fit(measured, Checkpoint(tmp_path / "b", "", 0), measure)
    fit(plain, Checkpoint(tmp_path / "c", "", 5), _nothing)
    assert _bytes(measured) == _bytes(plain)


STEPS = 400


def _long_training():
    return _training(steps=STEPS, ema=0.9)


def _fit_in_a_process(weights, step):
    """Train until done or asked to stop; `step` tells how far it is."""
    torch.set_num_threads(1)

    def progress(training):
        step.value = training.step

    training = _long_training()
    # Every 20 ms or so: at steps that differ from run to run.
    checkpoint = Checkpoint(weights, "settings", 0.02 / 60)
    try:
        fit(training, checkpoint, _nothing, asked_to_stop(), progress)
    except Interrupted:
        sys.exit(os.EX_TEMPFAIL)
    np.save(f"{weights}.npy", networks.flat(training.averaged))


@pytest.fixture(scope="module")
def processes():
    """Starts real processes that have torch imported already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["gahb.training", "gahb.networks.unet", "gahb.store", "torch._dynamo", "scipy.stats",
         "pytest", "study.plan"]
    )  # fmt: skip
    return context


def test_killed_at_random_moments_ends_with_the_same_bytes(processes, tmp_path):
    chance = random.Random(0)
    weights = tmp_path / "weights"
    kills = [signal.SIGKILL, signal.SIGTERM] * 6
    for number in kills:
        step = processes.Value("i", -1)
        process = processes.Process(target=_fit_in_a_process, args=(weights, step))
        process.start()
        until = time.monotonic() + 60
        while step.value < 0 and time.monotonic() < until:
            time.sleep(0.001)
        stop_at = step.value + chance.randint(0, 15)
        while step.value < stop_at and time.monotonic() < until:
            time.sleep(0.0005)
        time.sleep(chance.uniform(0, 0.01))
        os.kill(process.pid, number)
        process.join(60)
        assert process.exitcode == (-9 if number == signal.SIGKILL else 75)
    assert not Path(f"{weights}.npy").exists()
    process = processes.Process(target=_fit_in_a_process, args=(weights, step))
    process.start()
    process.join(60)
    assert process.exitcode == 0
    whole = _advance(_long_training(), STEPS)
    assert np.load(f"{weights}.npy").tobytes() == _bytes(whole)


def _write_without_space(weights, message):
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
    try:
        Checkpoint(weights, "settings", 5).save(_advance(_training(), 3), {})
    except CheckpointError as error:
        message.send(str(error))


def test_full_disk_keeps_the_last_good_checkpoint(processes, tmp_path):
    weights = tmp_path / "weights"
    checkpoint = Checkpoint(weights, "settings", 5)
    checkpoint.save(_advance(_training(), 2), {})
    before = checkpoint.path.read_bytes()
    receive, send = processes.Pipe()
    process = processes.Process(target=_write_without_space, args=(weights, send))
    process.start()
    assert receive.poll(60)
    message = receive.recv()
    process.join()
    assert str(checkpoint.path) in message and "cannot be written" in message
    assert checkpoint.path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [checkpoint.path]


def test_folder_that_cannot_be_written_fails_before_the_first_step(tmp_path):
    (tmp_path / "file").write_text("in the way of a folder")
    training = _training()
    with pytest.raises(CheckpointError, match="cannot be written"):
        fit(training, Checkpoint(tmp_path / "file" / "weights", "", 5), _nothing)
    assert training.step == 0


def test_checkpoint_of_other_settings_is_never_used(tmp_path):
    weights = tmp_path / "weights"
    old = Checkpoint(weights, "old", 5)
    old.save(_advance(_training(), 3), {})
    new = Checkpoint(weights, "new", 5)
    training = _training()
    assert new.restore(training) == {} and training.step == 0
    old.path.rename(new.path)
    with pytest.raises(CheckpointError, match="other settings"):
        new.restore(training)
    new.remove()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_damaged_checkpoint(keep, tmp_path):
    checkpoint = Checkpoint(tmp_path / "weights", "settings", 5)
    checkpoint.save(_training(), {})
    checkpoint.path.write_bytes(checkpoint.path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoint.restore(_training())


def test_diverged_training_stops_and_keeps_the_last_good_checkpoint(tmp_path):
    checkpoint = Checkpoint(tmp_path / "weights", "settings", 0)
    training = _training(steps=200, rate=1e4, precision="fp32")
    with pytest.raises(Diverged, match=r"loss per pixel is .* a learning rate below 10000 may"):
        fit(training, checkpoint, _nothing)
    restored = _training(steps=200)
    checkpoint.restore(restored)
    restored.check()


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_not_saved(poison, tmp_path):
    checkpoint = Checkpoint(tmp_path / "weights", "settings", 0)
    training = _advance(_training(), 2)
    checkpoint.save(training, {})
    before = checkpoint.path.read_bytes()
    list(training.network.parameters())[-1].data[(0,) * 4] = poison
    with pytest.raises(Diverged, match="not finite"):
        checkpoint.save(training, {})
    assert checkpoint.path.read_bytes() == before


# The script.


class _Params(dict):
    values = property(lambda self: self["values"])


def _run_the_script(folder, step):
    """Run scripts/train.py as snakemake does; tells when training goes on."""
    recipe = {"steps": 150, "batch": 8, "rate": 0.01}
    values = {
        "architecture": "unet", "sizes": SIZES["unet"], "recipe": recipe, "snapshots": True,
        "side": "S1", "N": 10, "seed": 1, "initialization_seed": 2,
    }  # fmt: skip
    job = types.SimpleNamespace(
        input=types.SimpleNamespace(images=folder / "images.zarr", split=folder / "split.zarr"),
        output=[folder / "weights.safetensors", folder / "history.zarr"],
        params=_Params(values=values, code="", upstream=""),
        wildcards={}, rule="train", threads=1, log=[folder / "log"],
        resources=types.SimpleNamespace(checkpoint_minutes=5),
    )  # fmt: skip
    advance = Training.advance

    def counted(training):
        advance(training)
        step.value = training.step

    Training.advance = counted
    script = Path(networks.__file__).parents[2] / "scripts" / "train.py"
    runpy.run_path(str(script), {"snakemake": job})


def test_script_asks_to_be_run_again_and_ends_with_the_same_files(processes, tmp_path):
    numbers = np.arange(30)
    for name in ("stopped", "whole"):
        pixels = xr.Dataset(
            {"images": store.variable(("image", "channel", "y", "x"), _images(30).numpy(), "i")},
            attrs=store.provenance("Images", {}),
        )
        parts = {"S1": numbers[:10], "S2": numbers[10:20], "test": numbers[20:]}
        split = xr.Dataset(
            {k: store.variable(f"n_{k}", v, "index") for k, v in parts.items()},
            attrs=store.provenance("Split", {}),
        )
        store.save(pixels, tmp_path / name / "images.zarr")
        store.save(split, tmp_path / name / "split.zarr")

    def run(name, stop_at=None):
        step = processes.Value("i", -1)
        process = processes.Process(target=_run_the_script, args=(tmp_path / name, step))
        process.start()
        until = time.monotonic() + 60
        while stop_at is not None and step.value < stop_at and time.monotonic() < until:
            time.sleep(0.001)
        if stop_at is not None:
            os.kill(process.pid, signal.SIGUSR1)
        process.join(60)
        return process.exitcode, step.value

    code, reached = run("stopped", stop_at=40)
    assert code == os.EX_TEMPFAIL and 40 <= reached < 150
    assert f"stopped at step {reached} of 150; run again" in (tmp_path / "stopped/log").read_text()
    assert run("stopped") == (0, 150)
    assert run("whole") == (0, 150)
    files = {
        name: {
            file.relative_to(tmp_path / name): file.read_bytes()
            for file in sorted((tmp_path / name).rglob("*"))
            if file.is_file() and file.name != "log"
        }
        for name in ("stopped", "whole")
    }
    assert files["stopped"] == files["whole"]
    history = store.open_store(tmp_path / "whole" / "history.zarr")
    assert list(history.step) == history_steps(150)
    final = networks.load(tmp_path / "whole" / "weights.safetensors")
    assert np.array_equal(history.weights[-1], networks.flat(final))
    assert "\r" not in (tmp_path / "whole" / "log").read_text()
