"""Training a blind universal denoiser (section 2 of the paper).

Minimizes E ||f(x + sigma z) - x||^2 over z ~ N(0, I) and sigma = u^2, u ~ U(0, 1): all noise
levels, with more weight on the small ones, and the network is not told which. The loss is summed
over pixels and averaged over the batch.

Every random number is a function of the seed and of the step alone, so that a training goes on
from the weights, the optimizer and the step as if it had never stopped.
"""

import contextlib
import copy
import dataclasses
import glob
import hashlib
import math
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from gahb.denoising import to_float

#: The loss per pixel of a network that predicts no noise at all: E sigma^2 = E u^4.
BLANK_LOSS = 1 / 5


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Args:
        steps: gradient steps.
        batch: images in each.
        rate: peak learning rate of Adam.
        schedule: "cosine" (linear warm-up, then cosine decay to 0) or "halving" (as the paper).
        warmup: part of the steps over which the cosine schedule warms up.
        halve_every: images seen between two halvings of the learning rate.
        epoch: the training set is repeated to about this many images and then shuffled.
        ema: decay per step of the running average of the weights that is the result; if None the
            result is the last weights.
        precision: "bf16" (autocast), "fp32", or "auto": bf16 where the device computes in it.
        deterministic: on a GPU, use only kernels that give the same bytes each time.
    """

    steps: int
    batch: int
    rate: float
    schedule: str = "cosine"
    warmup: float = 0.05
    halve_every: int = 25_000_000
    epoch: int = 250_000
    ema: float | None = None
    precision: str = "auto"
    deterministic: bool = False

    def learning_rate(self, step: int) -> float:
        """Learning rate of `step`, counted from 0."""
        if self.schedule == "halving":
            return self.rate * 0.5 ** (step * self.batch // self.halve_every)
        warmup = max(1, round(self.warmup * self.steps))
        if step < warmup:
            return self.rate * (step + 1) / warmup
        return self.rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (self.steps - warmup)))


class Interrupted(Exception):
    """Training was asked to stop; its checkpoint lets it go on."""


class Diverged(Exception):
    """The loss has exploded, or is no longer finite."""


class CheckpointError(Exception):
    """The checkpoint cannot be written, or cannot be used; says which and why."""


def noise_levels(n: int, generator: torch.Generator) -> torch.Tensor:
    """n noise levels sigma = u^2, u ~ U(0, 1), of shape (n, 1, 1, 1)."""
    return torch.rand(n, 1, 1, 1, generator=generator, device=generator.device).square()


def _mixed(*parts: int) -> int:
    """A seed of 64 bits for each combination of `parts`."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0])


def shuffled(
    count: int, epoch: int, seed: int, start: int, stop: int, size: int
) -> Iterator[torch.Tensor]:
    """Indices of images, `size` at a time, from places `start` to `stop` of an endless stream.

    The stream is `count` images, repeated to about `epoch` and then shuffled, again and again: each
    epoch sees each image equally often.
    """
    length = count * max(1, round(epoch / count))
    held = torch.empty(0, dtype=torch.long)
    while start < stop:
        while len(held) < min(size, stop - start):
            number, place = divmod(start + len(held), length)
            generator = torch.Generator().manual_seed(_mixed(seed, 1, number))
            order = torch.randperm(length, generator=generator) % count
            held = torch.cat([held, order[place:]])
        taken, held = held[: min(size, stop - start)], held[size:]
        start += len(taken)
        yield taken


@dataclasses.dataclass(frozen=True)
class Streamed:
    """A training set that is too large for the device: the next images are read ahead.

    The batches are the same as those of a set on the device.

    Args:
        read: indices -> those images (image, channel, y, x), bytes or floats in [0, 1].
        count: number of images.
        pool: images read at a time. Up to three such pools are in memory.
        device: where the images go.
    """

    read: Callable[[np.ndarray], np.ndarray]
    count: int
    pool: int
    device: torch.device

    def __len__(self) -> int:
        return self.count

    def batches(self, orders: Iterator[torch.Tensor], batch: int) -> Iterator[torch.Tensor]:
        pools = (torch.from_numpy(self.read(order.numpy())).to(self.device) for order in orders)
        with ThreadPoolExecutor(1) as reader:
            ahead = reader.submit(next, pools, None)
            while (pool := ahead.result()) is not None:
                ahead = reader.submit(next, pools, None)
                yield from pool.split(batch)


class Training:
    """The state of one training: it can be saved at any step and resumed exactly.

    Args:
        network: predicts the noise; moved to the device of `images`.
        images: training set (image, channel, y, x), bytes or floats in [0, 1], or `Streamed`.
        recipe: how to train.
        seed: of the batches, noise levels and noises.
        compiled: whether the network is compiled (see `compiling_pays`).

    network is what is trained, averaged its running average (itself without one): the result.
    """

    def __init__(
        self,
        network: nn.Module,
        images: torch.Tensor | Streamed,
        recipe: Recipe,
        seed: int,
        compiled: bool = False,
    ):
        self.device = torch.device(images.device)
        self.network = network.to(self.device, memory_format=torch.channels_last)
        self.averaged = copy.deepcopy(network) if recipe.ema else network
        self.forward = torch.compile(network) if compiled else network
        self.images = images
        self.recipe, self.seed = recipe, seed
        self.autocast = recipe.precision == "bf16" or (
            recipe.precision == "auto" and computes_bf16(self.device)
        )
        self.optimizer = torch.optim.Adam(network.parameters(), lr=recipe.rate, fused=True)
        self.generator = torch.Generator(self.device)
        self.loss = torch.zeros((), device=self.device)
        self._start_at(0)

    def _start_at(self, step: int) -> None:
        self.step = step
        recipe, images = self.recipe, self.images
        streamed = isinstance(images, Streamed)
        orders = shuffled(
            len(images),
            recipe.epoch,
            self.seed,
            step * recipe.batch,
            recipe.steps * recipe.batch,
            recipe.batch * max(1, images.pool // recipe.batch) if streamed else recipe.batch,
        )
        if streamed:
            self.batches = images.batches(orders, recipe.batch)
        else:
            self.batches = (images[o.to(self.device, non_blocking=True)] for o in orders)

    def advance(self) -> None:
        """One gradient step. The loss per pixel is kept as a running mean, on the device."""
        recipe = self.recipe
        x = to_float(next(self.batches))
        generator = self.generator.manual_seed(_mixed(self.seed, 2, self.step))
        sigma = noise_levels(len(x), generator)
        noise = sigma * torch.randn(x.shape, generator=generator, device=self.device)
        y = (x + noise).to(memory_format=torch.channels_last)
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.learning_rate(self.step)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            predicted = self.forward(y)
        loss = (predicted.float() - noise).square().sum() / len(x)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.step += 1
        self.loss.lerp_(loss.detach() / x[0].numel(), 1 / min(self.step, 50))
        if recipe.ema:
            # A short memory at first, so that the random start is soon forgotten.
            decay = min(recipe.ema, (1 + self.step) / (10 + self.step))
            with torch.no_grad():
                torch._foreach_lerp_(
                    list(self.averaged.state_dict().values()),
                    list(self.network.state_dict().values()),
                    1 - decay,
                )

    def check(self) -> None:
        """Raise Diverged if it has. Waits for the device, so it is not done in every step."""
        loss = float(self.loss)
        finite = torch.stack([p.detach().isfinite().all() for p in self.network.parameters()]).all()
        if not loss < 10 * BLANK_LOSS or not finite:
            raise Diverged(
                f"the loss per pixel is {loss:.3g} at step {self.step} of {self.recipe.steps} "
                f"(predicting nothing gives {BLANK_LOSS}), the weights are "
                f"{'finite' if finite else 'not finite'}; a learning rate below "
                f"{self.recipe.rate:g} may help"
            )

    def state(self) -> dict[str, torch.Tensor]:
        """Everything that the next step depends on, by name."""
        tensors = {f"network/{k}": v for k, v in self.network.state_dict().items()}
        if self.recipe.ema:
            tensors |= {f"averaged/{k}": v for k, v in self.averaged.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            for k, v in self.optimizer.state[parameter].items():
                tensors[f"adam/{k}/{name}"] = v
        return tensors | {"step": torch.tensor(self.step), "loss": self.loss}

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Go on from a `state`."""
        self.network.load_state_dict(_below(tensors, "network"))
        if self.recipe.ema:
            self.averaged.load_state_dict(_below(tensors, "averaged"))
        for name, parameter in self.network.named_parameters():
            moments = {k: _below(tensors, f"adam/{k}") for k in ("step", "exp_avg", "exp_avg_sq")}
            if name in moments["step"]:
                self.optimizer.state[parameter] = {
                    # In the memory format of the parameter: the fused kernel goes by addresses.
                    k: torch.empty_like(parameter).copy_(v[name]) if v[name].ndim else
                    v[name].to(self.device)
                    for k, v in moments.items()
                }  # fmt: skip
        self.loss = tensors["loss"].to(self.device)
        self._start_at(int(tensors["step"]))


def _below(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {
        k.removeprefix(f"{prefix}/"): v for k, v in tensors.items() if k.startswith(f"{prefix}/")
    }


def computes_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is the faster precision on the device.

    On a CPU it takes tile instructions (AMX). Without them it was slower than float32: a little
    where the CPU has other bfloat16 instructions, 9 times where it has none.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_amx_tile_supported()


def use_gpu_kernels(deterministic: bool) -> None:
    """Choose a GPU's kernels: TF32 for float32, and the fastest found or only reproducible ones.

    To be called before the GPU is used. A CPU's kernels are all reproducible.
    """
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = not deterministic
    if deterministic:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        torch.use_deterministic_algorithms(True)


def training_flop(network: nn.Module, shape: tuple[int, ...]) -> int:
    """Floating-point operations to train on one image of `shape`: three times those of f."""
    parameter = next(network.parameters())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, *shape, device=parameter.device))
    return 3 * counter.get_total_flops()


def compiling_pays(
    network: nn.Module, shape: tuple[int, ...], recipe: Recipe, device: torch.device
) -> bool:
    """Whether a training is so long that it earns back the minute or two of torch.compile.

    Decided from the recipe and the network's size alone, so that a training that is resumed runs
    the same code. Never on a CPU, where no gain was measured that can be relied on.
    """
    if device.type != "cuda" or not (shutil.which("g++") or shutil.which("clang++")):
        return False
    # A GPU at a fourth of its speed; small steps take as long as it takes to launch their kernels.
    step = max(recipe.batch * training_flop(network, shape) / 2e14, 5e-3)
    return recipe.steps * step > 600


def asked_to_stop() -> Callable[[], bool]:
    """Catch SIGTERM, SIGUSR1 and SIGINT from now on; returns whether one of them has come."""
    caught = []
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
        signal.signal(number, lambda *signalled: caught.append(signalled))
    return lambda: bool(caught)


class Checkpoint:
    """A file from which a killed training goes on exactly where it was.

    Its name ends in a hash of the settings, so that a checkpoint of other settings is not found.

    Args:
        weights: path of the file that the training is to make; checkpoints lie beside it.
        settings: what the training was asked to do.
        minutes: between two saves.
    """

    def __init__(self, weights: str | Path, settings: str, minutes: float):
        self.weights, self.settings, self.minutes = Path(weights), settings, minutes
        digest = hashlib.sha256(settings.encode()).hexdigest()[:16]
        self.path = self.weights.with_name(f"{self.weights.name}.{digest}.checkpoint")
        self.saved = time.monotonic()

    def due(self) -> bool:
        return time.monotonic() - self.saved > 60 * self.minutes

    def save(self, training: Training, history: dict[str, np.ndarray]) -> None:
        """Replace the checkpoint, whole or not at all.

        Raises:
            Diverged: the training has; the checkpoint stays what it was.
            CheckpointError: it cannot be written; it stays what it was.
        """
        training.check()
        tensors = {k: v.detach().contiguous().cpu() for k, v in training.state().items()}
        tensors |= {f"history/{k}": torch.from_numpy(v) for k, v in history.items()}
        partial = self.path.with_name(f"{self.path.name}.partial")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            safetensors.torch.save_file(tensors, partial, {"settings": self.settings})
            with open(partial, "rb") as file:
                os.fsync(file.fileno())
            partial.replace(self.path)
        except (OSError, safetensors.SafetensorError) as error:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            raise CheckpointError(f"{self.path}: cannot be written ({error})") from error
        self.saved = time.monotonic()

    def restore(self, training: Training) -> dict[str, np.ndarray]:
        """Load the checkpoint into `training` if there is one; returns the history so far.

        Raises:
            CheckpointError: it is damaged, or of other settings.
        """
        if not self.path.exists():
            return {}
        try:
            with safetensors.safe_open(self.path, "pt") as file:
                settings = file.metadata()["settings"]
            tensors = safetensors.torch.load_file(self.path)
        except Exception as error:
            raise CheckpointError(f"{self.path}: is damaged ({error}); delete it") from error
        if settings != self.settings:
            raise CheckpointError(f"{self.path}: is of a training with other settings; delete it")
        training.load(tensors)
        return {k: v.numpy() for k, v in _below(tensors, "history").items()}

    def remove(self) -> None:
        """Remove all checkpoints beside the weights, those of other settings too."""
        for path in self.weights.parent.glob(f"{glob.escape(self.weights.name)}.*.checkpoint*"):
            path.unlink()


def history_steps(steps: int, points: int = 16) -> list[int]:
    """Steps at which the history is recorded: spaced logarithmically, the last included."""
    first = min(steps, 50)
    return sorted({round(s) for s in np.geomspace(first, steps, points)})


def fit(
    training: Training,
    checkpoint: Checkpoint,
    measure: Callable[[Training], dict[str, np.ndarray]],
    asked_to_stop: Callable[[], bool] = lambda: False,
    progress: Callable[[Training], None] = lambda training: None,
) -> dict[str, np.ndarray]:
    """Train to the last step of the recipe, from the checkpoint if there is one.

    Args:
        training: what is trained.
        checkpoint: where its state is kept meanwhile.
        measure: what is recorded of it, by name, at the steps of `history_steps`.
        asked_to_stop: checked after each step.
        progress: called after each step.

    Returns: the recorded values by name, each with a first axis `step`, and the steps.

    Raises:
        Interrupted: asked to stop; the checkpoint holds the last step.
        Diverged: the loss has; the checkpoint holds an earlier state.
        CheckpointError: the checkpoint cannot be written or used.
    """
    steps = training.recipe.steps
    record_at = set(history_steps(steps))
    history = checkpoint.restore(training)
    # At the start too: a folder that cannot be written shows at once.
    checkpoint.save(training, history)
    training.network.train()
    while training.step < steps:
        training.advance()
        if training.step in record_at:
            training.check()
            new = {"step": training.step, "loss": float(training.loss), **measure(training)}
            training.network.train()
            history = {
                k: np.concatenate([history[k], [v]]) if k in history else np.array([v])
                for k, v in new.items()
            }
        progress(training)
        if asked_to_stop() and training.step < steps:
            checkpoint.save(training, history)
            raise Interrupted(f"stopped at step {training.step} of {steps}; run again to go on")
        if checkpoint.due():
            checkpoint.save(training, history)
    return history
