"""The state of a training, and the gradient step that it takes."""

import copy

import torch
from torch import nn

from gahb.images import to_float
from gahb.training.batches import Streamed, batch_order, mixed
from gahb.training.device import computes_bf16
from gahb.training.muon import Muon
from gahb.training.objective import BLANK_LOSS, LEVELS, RunningError
from gahb.training.recipe import Recipe

#: Adam's learning rate for the other parameters, relative to Muon's.
ADAM_TO_MUON = 1 / 5


class Diverged(Exception):
    """The loss has exploded, or is no longer finite."""


class Training:
    """The state of one training: it can be saved at any step and resumed exactly.

    Args:
        network: predicts the noise; moved to the device of `images`. One with `needs_sigma` = True
            is told the noise level of each image.
        images: training set (image, channel, y, x), bytes or floats in [0, 1], or `Streamed`.
        recipe: how to train.
        seed: seed of the batches, noise levels and noises.
        compiled: whether the network is compiled (see `compiling_pays`).

    Raises:
        ValueError: the batch cannot be divided into microbatches.

    network is the trained network, and averaged its running average, which is the result (network
    itself without averaging).
    """

    def __init__(
        self,
        network: nn.Module,
        images: torch.Tensor | Streamed,
        recipe: Recipe,
        seed: int,
        compiled: bool = False,
    ):
        self.at_a_time = recipe.microbatch or recipe.batch
        if recipe.batch % self.at_a_time:
            raise ValueError(
                f"a batch of {recipe.batch} cannot be divided into microbatches of {self.at_a_time}"
            )
        self.device = torch.device(images.device)
        self.network = network.to(self.device, memory_format=torch.channels_last)
        self.averaged = copy.deepcopy(network) if recipe.ema else network
        self.forward = torch.compile(network) if compiled else network
        self.told = getattr(network, "needs_sigma", False)
        self.images = images
        self.recipe, self.seed = recipe, seed
        self.autocast = recipe.precision == "bf16" or (
            recipe.precision == "auto" and computes_bf16(self.device)
        )
        self.optimizers = _optimizers(network, recipe)
        self.error = RunningError(self.device) if recipe.loss == "weighted" else None
        self.generator = torch.Generator(self.device)
        self.loss = torch.zeros((), device=self.device)
        self._start_at(0)

    def _start_at(self, step: int) -> None:
        self.step = step
        recipe, images = self.recipe, self.images
        streamed = isinstance(images, Streamed)
        orders = batch_order(
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
        """Take a gradient step. A running mean of the loss per pixel is kept on the device."""
        recipe, n = self.recipe, self.recipe.batch
        images = to_float(next(self.batches))
        pixels = images.shape[1:]
        generator = self.generator.manual_seed(mixed(self.seed, 2, self.step))
        sigmas = LEVELS[recipe.noise](n, generator)
        noises = sigmas * torch.randn((n, *pixels), generator=generator, device=self.device)
        self.network.zero_grad(set_to_none=True)
        loss = torch.zeros((), device=self.device)
        parts = (part.split(self.at_a_time) for part in (images, sigmas, noises))
        for x, sigma, noise in zip(*parts, strict=True):
            y = (x + noise).to(memory_format=torch.channels_last)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
                predicted = self.forward(y, sigma.flatten()) if self.told else self.forward(y)
            squared = (predicted.float() - noise).square()
            error = squared.sum() / n
            loss += error.detach()
            if self.error:
                error = self.error.weighted(squared.flatten(1).mean(1), sigma).sum() / n
            error.backward()
        if self.error:
            self.error.update()
        for optimizer, factor in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = factor * recipe.learning_rate_at(self.step)
            optimizer.step()
        self.step += 1
        self.loss.lerp_(loss / pixels.numel(), 1 / min(self.step, 50))
        if recipe.ema:
            # A short memory at first, so that the random start is forgotten quickly.
            decay = min(recipe.ema, (1 + self.step) / (10 + self.step))
            with torch.no_grad():
                torch._foreach_lerp_(
                    list(self.averaged.state_dict().values()),
                    list(self.network.state_dict().values()),
                    1 - decay,
                )

    def check(self) -> None:
        """Raise Diverged if training has. This waits for the device, so not every step does it."""
        loss = float(self.loss)
        finite = torch.stack([p.detach().isfinite().all() for p in self.network.parameters()]).all()
        blank = BLANK_LOSS[self.recipe.noise]
        if not loss < 10 * blank or not finite:
            raise Diverged(
                f"the loss per pixel is {loss:.3g} at step {self.step} of {self.recipe.steps} "
                f"(predicting nothing gives {blank}), the weights are "
                f"{'finite' if finite else 'not finite'}; a learning rate below "
                f"{self.recipe.learning_rate:g} may help"
            )

    def state(self) -> dict[str, torch.Tensor]:
        """Everything that the next step depends on, by name."""
        tensors = {f"network/{k}": v for k, v in self.network.state_dict().items()}
        if self.recipe.ema:
            tensors |= {f"averaged/{k}": v for k, v in self.averaged.state_dict().items()}
        for kind, (optimizer, _) in self.optimizers.items():
            for name, parameter in self.network.named_parameters():
                for k, v in optimizer.state.get(parameter, {}).items():
                    tensors[f"{kind}/{k}/{name}"] = v
        if self.error:
            tensors |= {"error/sums": self.error.sums, "error/counts": self.error.counts}
        return tensors | {"step": torch.tensor(self.step), "loss": self.loss}

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Resume from a `state`."""
        self.network.load_state_dict(below(tensors, "network"))
        if self.recipe.ema:
            self.averaged.load_state_dict(below(tensors, "averaged"))
        parameters = dict(self.network.named_parameters())
        for kind, (optimizer, _) in self.optimizers.items():
            for key, value in below(tensors, kind).items():
                k, name = key.split("/")
                # In the memory format of the parameter, since the fused kernel works by addresses.
                optimizer.state[parameters[name]][k] = (
                    torch.empty_like(parameters[name]).copy_(value)
                    if value.ndim
                    else value.to(self.device)
                )
        if self.error:
            self.error.sums = tensors["error/sums"].to(self.device)
            self.error.counts = tensors["error/counts"].to(self.device)
        self.loss = tensors["loss"].to(self.device)
        self._start_at(int(tensors["step"]))


def below(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The tensors whose names begin with `prefix`/, which is removed."""
    return {
        k.removeprefix(f"{prefix}/"): v for k, v in tensors.items() if k.startswith(f"{prefix}/")
    }


def _optimizers(network: nn.Module, recipe: Recipe) -> dict[str, tuple]:
    """By name: (optimizer, its learning rate over the recipe's)."""
    rate = recipe.learning_rate
    if recipe.optimizer == "adam":
        return {"adam": (torch.optim.Adam(network.parameters(), lr=rate, fused=True), 1)}
    # Neither the gains, (1, channel, 1, 1), nor the first and last layers, on images.
    image_channels = next(network.parameters()).shape[1]
    hidden = [p for p in network.parameters() if min(p.shape[:2]) > image_channels]
    others = [p for p in network.parameters() if min(p.shape[:2]) <= image_channels]
    found = {}
    if hidden:  # a network with one layer has none
        found["muon"] = Muon(hidden, rate), 1
    if others:
        found["adam"] = torch.optim.Adam(others, lr=rate * ADAM_TO_MUON, fused=True), ADAM_TO_MUON
    return found
