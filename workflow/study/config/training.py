"""How networks are trained; the defaults are the library's."""

from typing import Literal

from gahb.training.recipe import Recipe
from pydantic import MISSING

from study.config.base import Count, Entry, number

LENGTHS = ("steps", "images", "epochs")


class Training(Entry):
    """give exactly one of steps, images (seen) and epochs"""

    model_config = {"json_schema_extra": {"oneOf": [{"required": [key]} for key in LENGTHS]}}
    RENAMED = {"rate": "learning_rate"}
    REMOVED = {"gpus": "a network is trained on one GPU; `microbatch` makes large batches fit"}

    steps: Count | MISSING = MISSING
    """Gradient steps."""
    images: Count | MISSING = MISSING
    """Images seen, over all steps."""
    epochs: Count | MISSING = MISSING
    """Passes over the training set, repeated as often as it fits into `epoch`."""
    epoch: Count = Recipe.epoch
    """A training set is repeated as often as it fits into this many images, then shuffled."""
    batch: Count = 512
    """Images in each step."""
    learning_rate: number(gt=0, le=1) = 0.001
    """Peak learning rate; about 0.05 suits Muon, about 0.001 Adam."""
    loss: Literal["squared", "weighted"] = Recipe.loss
    """The squared error, as in the paper; or weighted, the squared error of an image over its
    running mean at the image's noise level, so that every level counts equally."""
    noise: Literal["squared", "mixed"] = Recipe.noise
    """Noise levels sigma in training: squared, u^2 with uniform u, as in the paper; or mixed, three
    fifths log-uniform on [0.005, 1] and the others closer to 1."""
    optimizer: Literal["adam", "muon"] = Recipe.optimizer
    """Adam, as in the paper; or Muon (Jordan et al., 2024) for the hidden convolutions, with Adam
    for the rest."""
    schedule: Literal["cosine", "constant", "halving"] = Recipe.schedule
    """Cosine decay after a warm-up; constant after one, for the study of dynamics; or halving, as
    in the paper."""
    warmup: number(ge=0, le=1) = Recipe.warmup
    """Fraction of the steps over which the learning rate rises, unless the schedule is halving."""
    halve_every: Count = Recipe.halve_every
    """Images seen between two halvings; the paper halves every 100 epochs."""
    ema: number(gt=0, lt=1) | None = Recipe.ema
    """Decay per step of a running average of the weights, which is then the trained network; null
    takes the last weights."""
    precision: Literal["auto", "bf16", "fp32"] = Recipe.precision
    """bf16 is autocast to bfloat16 with float32 weights; auto is bf16 on GPUs and CPUs that are
    faster with it, else fp32."""
    deterministic: bool = Recipe.deterministic
    """On a GPU, use only kernels that give the same bytes in each run; a CPU's always do."""
    microbatch: Count | None = Recipe.microbatch
    """Images that pass through the network at a time, if a batch does not fit into memory; a
    divisor of batch. Norms then divide by the standard deviation of a microbatch. null takes the
    whole batch."""
    snapshots: bool = False
    """Whether the history keeps the weights at each of its steps."""

    def mistakes(self):
        given = [key for key in LENGTHS if key in self.model_fields_set]
        if len(given) != 1:
            found = " and ".join(given) or "none of them"
            yield "", f"found {found}; {Training.__doc__}"
        if self.microbatch and self.batch % self.microbatch:
            found = f"found {self.microbatch}, no divisor of the batch of {self.batch}"
            yield "microbatch", found
