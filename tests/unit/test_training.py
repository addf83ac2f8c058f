"""Training: batches, noise and schedules against closed forms; exact, refusing, never lost."""

import contextlib
import hashlib
import itertools
import math
import multiprocessing
import os
import random
import resource
import signal
import time
import types

import numpy as np
import pytest
import scripts.training
import torch
from conftest import Stored, data_set
from gahb import denoisers, store
from gahb.denoisers import NetworkDenoiser
from gahb.psnr import psnr_curve
from gahb.training.batches import Streamed, batch_order
from gahb.training.checkpoint import Checkpoint, CheckpointError
from gahb.training.device import compiling_pays, training_flop
from gahb.training.loop import train
from gahb.training.objective import squared_levels
from gahb.training.recipe import Recipe, history_steps
from gahb.training.state import Diverged, Training
from scipy.stats import kstest
from study.entries import steps

OPTIONS = {"unet": {"channels": 4, "blocks": 1}, "bfcnn": {"channels": 4, "layers": 4}}


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def _images(count=20, side=8):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (count, 1, side, side), generator=generator, dtype=torch.uint8)


def _training(images=None, seed=0, architecture="unet", **recipe):
    recipe = Recipe(**{"steps": 12, "batch": 8, "learning_rate": 0.01, "epoch": 50, **recipe})
    network = denoisers.initialized(architecture, 0, **OPTIONS[architecture])
    return Training(network, _images() if images is None else images, recipe, seed)


def _advance(training, steps):
    training.network.train()
    for _ in range(steps):
        training.advance()
    return training


def _bytes(training):
    return denoisers.flat(training.averaged).tobytes()


# The recipe.


def test_cosine_schedule():
    recipe = Recipe(steps=1000, batch=1, learning_rate=0.1, warmup=0.1)
    rates = [recipe.learning_rate_at(step) for step in range(1000)]
    np.testing.assert_allclose(rates[:100], 0.1 * np.arange(1, 101) / 100)
    assert rates[100] == 0.1
    assert rates[550] == pytest.approx(0.05)
    assert rates[999] == pytest.approx(0.1 * math.sin(math.pi / 2 / 900) ** 2)
    assert np.all(np.diff(rates[100:]) < 0)


def test_constant_schedule():
    """Constant after the same warm-up as cosine: every step is the end of a shorter training."""
    recipe = Recipe(steps=1000, batch=1, learning_rate=0.1, warmup=0.1, schedule="constant")
    rates = [recipe.learning_rate_at(step) for step in range(1000)]
    np.testing.assert_allclose(rates[:100], 0.1 * np.arange(1, 101) / 100)
    assert set(rates[100:]) == {0.1}


def test_the_papers_schedule():
    """1000 epochs of 250,000 images in batches of 512; the rate halves every 100 epochs."""
    recipe = Recipe(488_282, 512, 1e-3, schedule="halving")
    for epoch, rate in ((0, 1e-3), (99, 1e-3), (101, 5e-4), (999, 1e-3 / 2**9)):
        assert recipe.learning_rate_at(epoch * 250_000 // 512) == rate


def test_noise_levels_are_squares_of_uniform_numbers():
    sigma = squared_levels(20_000, torch.Generator().manual_seed(0))
    assert sigma.shape == (20_000, 1, 1, 1)
    assert kstest(sigma.sqrt().flatten().numpy(), "uniform").pvalue > 0.01
    assert sigma.square().mean() == pytest.approx(1 / 5, rel=0.02)


@pytest.mark.parametrize(
    ("N", "images"),
    [(1, 250_000), (100, 250_000), (3000, 249_000), (100_000, 200_000), (10**6, 10**6)],
)
def test_epochs_are_as_long_as_in_the_authors_code(N, images):
    """They repeat a set as often as it fits into 250,000 images, and at least once."""
    recipe = {"epochs": 1000, "epoch": 250_000, "batch": 500}
    assert steps(recipe, N) == 1000 * images // 500
    assert recipe == {"epoch": 250_000, "batch": 500}


@pytest.mark.parametrize(("count", "epoch"), [(1, 10), (7, 20), (7, 3), (100, 100)])
def test_every_epoch_sees_each_image_equally_often(count, epoch):
    length = count * max(1, epoch // count)
    stream = torch.cat(list(batch_order(count, epoch, 0, 0, 5 * length, 8)))
    for one in stream.split(length):
        assert (torch.bincount(one, minlength=count) == length // count).all()
    if count == 100:
        assert len({tuple(one.tolist()) for one in stream.split(length)}) == 5


def test_the_stream_is_the_same_from_any_place_in_any_pieces():
    whole = next(batch_order(7, 20, 3, 0, 100, 100))
    assert len(whole) == 100
    for start, stop, size in itertools.product((0, 1, 20, 55), (56, 100), (1, 8, 33)):
        pieces = list(batch_order(7, 20, 3, start, stop, size))
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
    expected = denoisers.flat(training.network).astype(float)
    for step in range(1, 13):
        _advance(training, 1)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * denoisers.flat(training.network)
    np.testing.assert_allclose(denoisers.flat(training.averaged), expected, rtol=1e-5, atol=1e-6)


def test_operations_of_the_papers_unet():
    """3.35 GMAC forward at 80x80; training takes three times that, with two FLOP each."""
    assert training_flop(denoisers.build("unet"), (1, 80, 80)) == pytest.approx(
        6 * 3.35e9, rel=0.01
    )


def test_only_long_trainings_are_compiled(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: name)
    paper, small = denoisers.build("unet"), denoisers.build("unet", channels=24, blocks=2)
    quick, full = Recipe(1500, 32, 2e-3), Recipe(488_282, 512, 1e-3)
    gpu = torch.device("cuda")
    assert compiling_pays(paper, (1, 80, 80), full, gpu)
    assert not compiling_pays(paper, (1, 80, 80), full, torch.device("cpu"))
    assert not compiling_pays(small, (1, 24, 24), quick, gpu)
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert not compiling_pays(paper, (1, 80, 80), full, gpu)


# Correctness.


def test_training_approaches_the_optimum_on_constant_images():
    """The best denoiser of constant images is very nearly the mean of the pixels."""
    levels = torch.linspace(20, 235, 200).round().to(torch.uint8)
    images = levels.view(-1, 1, 1, 1).expand(-1, 1, 4, 4).contiguous()
    network = denoisers.initialized("bfcnn", 0, channels=24, layers=5, gain=0.1)
    recipe = Recipe(steps=500, batch=32, learning_rate=5e-3, precision="fp32")
    training = _advance(Training(network, images, recipe, seed=0), recipe.steps)
    sigma = [0.05, 0.1, 0.2]

    def error(denoiser):
        return (10 ** (-psnr_curve(denoiser, images, sigma, seed=1) / 10)).mean(1)

    best = error(lambda y, _: y.mean((2, 3), keepdim=True).expand_as(y))
    np.testing.assert_allclose(best, np.square(sigma) / 16, rtol=0.3)
    excess = error(NetworkDenoiser(training.averaged)) / best
    assert np.all(excess > 0.9)
    assert np.all(excess < [3, 2.2, 1.7]), excess


# The same bytes.


@pytest.mark.parametrize("architecture", OPTIONS)
def test_the_same_seed_gives_the_same_bytes(architecture):
    one, two, other = (
        _advance(_training(architecture=architecture, seed=s), 12) for s in (0, 0, 1)
    )
    assert _bytes(one) == _bytes(two) != _bytes(other)


@pytest.mark.parametrize("recipe", [
    {}, {"ema": 0.9}, {"precision": "bf16"}, {"loss": "weighted", "noise": "mixed"},
    {"optimizer": "muon"},
])  # fmt: skip
@pytest.mark.parametrize("architecture", OPTIONS)
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
    images = Stored(_images())
    streamed = Streamed(images, pool, torch.device("cpu"))
    training = _advance(_training(streamed), 12)
    assert _bytes(training) == _bytes(_advance(_training(), 12))
    assert max(images.taken) <= max(pool, 8) and sum(images.taken) == 12 * 8
    checkpoint = Checkpoint(tmp_path / "weights", "settings", 5)
    checkpoint.save(_advance(_training(streamed), 5), {})
    resumed = _training(streamed)
    checkpoint.restore(resumed)
    assert _bytes(_advance(resumed, 7)) == _bytes(training)


# Never lost.


def test_the_loop_ends_with_the_last_step_and_resumes_from_any():
    training = _training()
    assert list(train(training)) == list(range(1, 13))
    assert list(train(training)) == []
    assert _bytes(training) == _bytes(_advance(_training(), 12))


def test_measuring_and_saving_do_not_change_the_training(tmp_path):
    measured = _training()
    checkpoint = Checkpoint(tmp_path / "weights", "settings", 0)
    for _ in train(measured):
        psnr_curve(NetworkDenoiser(measured.averaged), _images(4), [0.1], seed=0)
        checkpoint.save(measured, {})
    assert _bytes(measured) == _bytes(_advance(_training(), 12))


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


def test_a_checkpoint_with_other_settings_is_never_used(tmp_path):
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
    training = _training(steps=200, learning_rate=1e4, precision="fp32")
    with pytest.raises(Diverged, match=r"loss per pixel is .* a learning rate below 10000 may"):
        for _ in train(training):
            checkpoint.save(training, {})
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

STEPS = 400


@pytest.fixture(scope="module")
def processes():
    """Starts real processes that have torch imported already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["gahb.training.state", "gahb.denoisers.networks.unet", "gahb.store", "torch._dynamo",
         "scipy.stats", "pytest", "study.job"]
    )  # fmt: skip
    return context


class _Job(types.SimpleNamespace):
    """A job on the CPU that reports its progress, and saves a checkpoint about every 20 ms."""

    device, parameters, name = torch.device("cpu"), {}, "training (tiny)"
    resources = types.MappingProxyType({"checkpoint_minutes": 0.02 / 60})

    def progress(self, total, unit):
        return _Bar(self.step)


class _Bar:
    """The images seen so far, in steps of 8, shared with another process."""

    def __init__(self, step):
        self._step = step

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def update(self, images):
        self.n += images
        self._step.value = self.n // 8

    def set_postfix_str(self, text, refresh):
        pass


def _run_the_script(folder, step=None, **recipe):
    """Train in `folder`, from its images and split."""
    torch.set_num_threads(1)
    job = _Job(step=step or types.SimpleNamespace(), log=str(folder / "log"))
    recipe = {"steps": STEPS, "batch": 8, "learning_rate": 0.01, "ema": 0.9, **recipe}
    files = [str(folder / f) for f in
             ("images.zarr", "split.zarr", "denoiser.safetensors", "history.zarr")]  # fmt: skip
    with open(folder / "log", "w", buffering=1) as log, contextlib.redirect_stdout(log):
        scripts.training.main(
            *files, architecture="unet", options=OPTIONS["unet"], snapshots=True, recipe=recipe,
            subset="S1", N=10, initialization_seed=2, seed=1, job=job,
        )  # fmt: skip


def _data(folder):
    """A folder with the images and the split of a small data set."""
    data_set(folder, _images(30).numpy(), S1=range(10), S2=range(10, 20), test=range(20, 30))
    return folder


def _files(folder):
    return {
        file.relative_to(folder): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        # safetensors leaves its own file behind when it is killed.
        if file.is_file() and file.name != "log" and not file.name.startswith(".tmp")
    }


def test_killed_at_random_moments_ends_with_the_same_bytes(processes, tmp_path):
    folder, chance = _data(tmp_path / "killed"), random.Random(0)

    def start():
        step = processes.Value("i", -1)
        process = processes.Process(target=_run_the_script, args=(folder, step))
        process.start()
        return process, step

    stops = []
    for number in [signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1] * 2:
        process, step = start()
        until = time.monotonic() + 60
        while step.value < 0 and time.monotonic() < until:
            time.sleep(0.001)
        first = stop_at = step.value
        stop_at += chance.randint(0, 15)
        while step.value < stop_at and time.monotonic() < until:
            time.sleep(0.0005)
        time.sleep(chance.uniform(0, 0.01))
        os.kill(process.pid, number)
        process.join(60)
        assert process.exitcode == (-9 if number == signal.SIGKILL else os.EX_TEMPFAIL)
        if number != signal.SIGKILL:
            said = f"stopped at step {step.value} of {STEPS}; run again"
            assert said in (folder / "log").read_text()
            stops.append(said)
            assert first <= step.value < STEPS
        assert not (folder / "denoiser.safetensors").exists()
    process, _ = start()
    process.join(60)
    assert process.exitcode == 0
    _run_the_script(_data(tmp_path / "whole"))
    assert _files(folder) == _files(tmp_path / "whole")
    text = (folder / "log").read_text()
    assert "\r" not in text
    # The log of the last attempt contains the earlier ones, in order.
    places = [text.index(said) for said in stops]
    assert places == sorted(places)
    for said, place in zip(stops, places, strict=True):
        step = said.split()[3]
        assert f"resumed from step {step} of {STEPS}" in text[place:] or step == "0"


def test_history_and_weights_of_the_script(tmp_path):
    _run_the_script(_data(tmp_path), steps=60)
    history = store.open_store(tmp_path / "history.zarr")
    assert list(history.step) == history_steps(60)
    assert (history.images_seen == 8 * history.step).all()
    recipe = Recipe(60, 8, 0.01)
    assert list(history.learning_rate) == [recipe.learning_rate_at(s - 1) for s in history.step]
    network = denoisers.load(tmp_path / "denoiser.safetensors")
    y = torch.rand(2, 1, 8, 8)
    last = denoisers.build("unet", **OPTIONS["unet"]).eval()
    denoisers.set_flat(last, history.weights.values[-1])
    torch.testing.assert_close(network(y, 0.1), NetworkDenoiser(last)(y, 0.1))
    assert not list(tmp_path.glob("*.checkpoint*"))


def test_signal_handlers_are_restored(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    _run_the_script(_data(tmp_path), steps=2)
    assert signal.getsignal(signal.SIGTERM) is before


def test_folder_that_cannot_be_written_fails_before_the_first_step(tmp_path):
    step = types.SimpleNamespace(value=None)
    folder = _data(tmp_path)
    (folder / "denoiser.safetensors").mkdir()
    digest = hashlib.sha256(b"{}").hexdigest()[:16]
    (folder / f"denoiser.safetensors.{digest}.checkpoint.partial").mkdir()
    with pytest.raises(CheckpointError, match="cannot be written"):
        _run_the_script(folder, step)
    assert step.value is None


@pytest.mark.parametrize(
    ("values", "message"),
    [({"N": 11}, "N = 11, but .* at most 10 images"), ({"options": {"blocks": 4}}, "of 2.4")],
)
def test_the_script_refuses_impossible_trainings(values, message, tmp_path):
    folder = _data(tmp_path)
    recipe = {"steps": 1, "batch": 1, "learning_rate": 1.0}
    values = {"options": {}, "N": 10, "subset": "S1", "recipe": recipe, "seed": 0, **values}
    files = [str(folder / f) for f in ("images.zarr", "split.zarr", "denoiser", "history")]
    with pytest.raises(ValueError, match=message):
        scripts.training.main(
            *files, architecture="unet", snapshots=False, initialization_seed=0, **values
        )
