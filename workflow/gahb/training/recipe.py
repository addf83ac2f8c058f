"""How a network is trained, and when it is evaluated."""

import dataclasses
import math

import numpy as np

#: The lowest noise level of the noise "mixed": 46 dB.
LOWEST = 0.005
#: Fraction of the levels of "mixed" that are square roots of U(0, 1), where samples start.
HIGH = 0.4


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Args:
        steps: gradient steps.
        batch: images in each.
        microbatch: images that pass through the network at a time, with gradients accumulated; a
            divisor of `batch`. Norms divide by the standard deviation of a microbatch. If None, the
            whole batch.
        learning_rate: peak learning rate.
        loss: "squared", the squared error as in the paper, or "weighted": divided by its running
            mean at the noise level of the image.
        noise: noise levels sigma: "squared", u^2 as in the paper, or "mixed": three fifths of
            them log-uniform, the others nearer to 1.
        optimizer: "adam", as in the paper, or "muon": Muon for the hidden convolutions, Adam for
            gains and for the first and the last layer.
        schedule: "cosine" (linear warm-up, then cosine decay to 0), "constant" (after a warm-up, so
            that a longer training begins with the same steps) or "halving" (as in the paper).
        warmup: fraction of the steps over which the learning rate rises, unless "halving".
        halve_every: images seen between two halvings of the learning rate.
        epoch: the training set is repeated to at most this many images and then shuffled.
        ema: decay per step of the running average of the weights, which is the result; if None, the
            result is the last weights.
        precision: "bf16" (autocast), "fp32", or "auto": bf16 if that is faster on the device.
        deterministic: on a GPU, use only kernels that give the same bytes each time.
    """

    steps: int
    batch: int
    learning_rate: float
    loss: str = "squared"
    noise: str = "squared"
    optimizer: str = "adam"
    schedule: str = "cosine"
    warmup: float = 0.05
    halve_every: int = 25_000_000
    epoch: int = 250_000
    ema: float | None = None
    microbatch: int | None = None
    precision: str = "auto"
    deterministic: bool = False

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of `step`, counted from 0."""
        if self.schedule == "halving":
            return self.learning_rate * 0.5 ** (step * self.batch // self.halve_every)
        warmup = max(1, round(self.warmup * self.steps))
        if step < warmup:
            return self.learning_rate * (step + 1) / warmup
        if self.schedule == "constant":
            return self.learning_rate
        angle = math.pi * (step - warmup) / (self.steps - warmup)
        return self.learning_rate * 0.5 * (1 + math.cos(angle))


def history_steps(steps: int, points: int = 16) -> list[int]:
    """Steps at which the history is recorded: spaced logarithmically, the last included."""
    first = min(steps, 50)
    return sorted({round(s) for s in np.geomspace(first, steps, points)})
