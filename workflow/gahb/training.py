"""Training a blind universal denoiser (section 3 of the specification; section 2 of the paper).

Minimizes E ||f(x + sigma z) - x||^2 over z ~ N(0, I) and sigma = u^2, u ~ U(0, 1): all noise
levels, with more weight on the small ones, and the network is not told which. The loss is summed
over pixels and averaged over the batch.
"""

import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import nn

from gahb.denoising import to_float


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
        precision: "bf16" (autocast) or "fp32".
    """

    steps: int
    batch: int
    rate: float
    schedule: str = "cosine"
    warmup: float = 0.05
    halve_every: int = 25_000_000
    epoch: int = 250_000
    precision: str = "bf16"

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
    """The loss is no longer finite."""


class WrongCheckpoint(Exception):
    """The checkpoint was made by a training with other settings."""


def noise_levels(n: int, generator: torch.Generator) -> torch.Tensor:
    """n noise levels sigma = u^2, u ~ U(0, 1), of shape (n, 1, 1, 1)."""
    return torch.rand(n, 1, 1, 1, generator=generator, device=generator.device).square()


class _Batches:
    """An endless shuffled stream over `count` images, repeated to about `epoch` per shuffle."""

    def __init__(self, count: int, epoch: int, generator: torch.Generator):
        self.count, self.generator = count, generator
        self.length = count * max(1, round(epoch / count))
        self.order = torch.empty(0, dtype=torch.long, device=generator.device)
        self.position = 0

    def next(self, batch: int) -> torch.Tensor:
        while len(self.order) - self.position < batch:
            shuffled = torch.randperm(
                self.length, generator=self.generator, device=self.generator.device
            )
            self.order = torch.cat([self.order[self.position :], shuffled % self.count])
            self.position = 0
        self.position += batch
        return self.order[self.position - batch : self.position]


def history_steps(steps: int, points: int = 16) -> list[int]:
    """Steps at which the history is recorded: dense early, logarithmic later, the last included."""
    first = min(steps, 50)
    return sorted({round(s) for s in np.geomspace(first, steps, points)})


class Training:
    """The state of one training: it can be saved at any step and resumed exactly.

    Args:
        network: predicts the noise; moved to the device of `images`.
        images: training set (image, channel, y, x), bytes or floats in [0, 1].
        recipe: how to train.
        seed: of the batches, noise levels and noises.
    """

    def __init__(self, network: nn.Module, images: torch.Tensor, recipe: Recipe, seed: int):
        self.device = images.device
        self.network = network.to(self.device, memory_format=torch.channels_last)
        self.images = images.contiguous()
        self.recipe = recipe
        self.optimizer = torch.optim.Adam(network.parameters(), lr=recipe.rate, fused=True)
        self.batch_generator = torch.Generator(self.device).manual_seed(seed)
        self.noise_generator = torch.Generator(self.device).manual_seed(seed ^ 0x5DEECE66)
        self.batches = _Batches(len(images), recipe.epoch, self.batch_generator)
        self.step = 0
        self.loss = torch.zeros((), device=self.device)

    def advance(self) -> None:
        """One gradient step. The loss per pixel is kept as a running mean, on the device."""
        recipe = self.recipe
        x = to_float(self.images[self.batches.next(recipe.batch)])
        sigma = noise_levels(len(x), self.noise_generator)
        noise = sigma * torch.randn(x.shape, generator=self.noise_generator, device=self.device)
        y = (x + noise).to(memory_format=torch.channels_last)
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.learning_rate(self.step)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
            predicted = self.network(y)
        loss = (predicted.float() - noise).square().sum() / len(x)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.step += 1
        self.loss.lerp_(loss.detach() / x[0].numel(), 1 / min(self.step, 50))

    def state(self) -> dict[str, torch.Tensor]:
        """Everything that the next step depends on, as flat tensors."""
        tensors = {f"network/{k}": v for k, v in self.network.state_dict().items()}
        for i, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"adam/{i}/{k}": v for k, v in moments.items()}
        return tensors | {
            "step": torch.tensor(self.step),
            "loss": self.loss,
            "batches/order": self.batches.order,
            "batches/position": torch.tensor(self.batches.position),
            "batches/generator": self.batch_generator.get_state(),
            "noise/generator": self.noise_generator.get_state(),
        }

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Go on from a `state`."""
        self.network.load_state_dict(_below(tensors, "network"))
        optimizer = self.optimizer.state_dict()
        for name, value in _below(tensors, "adam").items():
            i, k = name.split("/")
            optimizer["state"].setdefault(int(i), {})[k] = value
        self.optimizer.load_state_dict(optimizer)
        self.step = int(tensors["step"])
        self.loss = tensors["loss"].to(self.device)
        self.batches.order = tensors["batches/order"].to(self.device)
        self.batches.position = int(tensors["batches/position"])
        self.batch_generator.set_state(tensors["batches/generator"])
        self.noise_generator.set_state(tensors["noise/generator"])


def _below(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {
        k.removeprefix(f"{prefix}/"): v for k, v in tensors.items() if k.startswith(f"{prefix}/")
    }


class Checkpoint:
    """A file from which a killed training goes on exactly where it was.

    Args:
        path: of the file; it is replaced whole, never written in place.
        settings: what the training was asked to do; a checkpoint of other settings is refused.
        minutes: between two saves.
    """

    def __init__(self, path: str | Path, settings: str, minutes: float = 5):
        self.path, self.settings, self.minutes = Path(path), settings, minutes
        self.saved = time.monotonic()

    def due(self) -> bool:
        return time.monotonic() - self.saved > 60 * self.minutes

    def save(self, training: Training, history: dict[str, np.ndarray]) -> None:
        tensors = {k: v.detach().contiguous().cpu() for k, v in training.state().items()}
        tensors |= {f"history/{k}": torch.from_numpy(v) for k, v in history.items()}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_name(f"{self.path.name}.partial")
        safetensors.torch.save_file(tensors, partial, {"settings": self.settings})
        partial.replace(self.path)
        self.saved = time.monotonic()

    def restore(self, training: Training) -> dict[str, np.ndarray]:
        """Load the checkpoint into `training` if there is one; returns the history so far.

        Raises:
            WrongCheckpoint: it is of other settings, or damaged.
        """
        if not self.path.exists():
            return {}
        try:
            with safetensors.safe_open(self.path, "pt") as file:
                settings = file.metadata()["settings"]
            tensors = safetensors.torch.load_file(self.path)
        except Exception as error:
            raise WrongCheckpoint(f"{self.path} is damaged ({error}); delete it") from error
        if settings != self.settings:
            raise WrongCheckpoint(f"{self.path} is of a training with other settings; delete it")
        training.load(tensors)
        return {k: v.numpy() for k, v in _below(tensors, "history").items()}

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


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
        Diverged: the loss is not finite; the checkpoint holds an earlier state.
        WrongCheckpoint: the checkpoint cannot be used.
    """
    steps = training.recipe.steps
    history = checkpoint.restore(training)
    record_at = set(history_steps(steps))
    training.network.train()
    while training.step < steps:
        training.advance()
        if training.step in record_at:
            if not training.loss.isfinite():
                raise Diverged(
                    f"the loss is {float(training.loss)} at step {training.step} of {steps}; "
                    f"a learning rate below {training.recipe.rate:g} may help"
                )
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
