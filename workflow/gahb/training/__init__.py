"""Training a blind universal denoiser (section 2 of the paper).

Minimizes E ||f(x + sigma z) - x||^2 over z ~ N(0, I) and all noise levels sigma, of which the
network is not told. How the levels are drawn and their errors weighted is in `objective`; the
paper's choice is sigma = u^2, u ~ U(0, 1), and no weight. The loss is summed over pixels and
averaged over the batch.

Every random number is a function of the seed and of the step alone, so that a training goes on
from the weights, the optimizer and the step as if it had never stopped.
"""

from gahb.training.batches import Streamed, batch_order
from gahb.training.checkpoint import Checkpoint, CheckpointError
from gahb.training.device import compiling_pays, training_flop, use_gpu_kernels
from gahb.training.loop import train
from gahb.training.recipe import Recipe, history_steps
from gahb.training.state import Diverged, Training

__all__ = [
    "Checkpoint", "CheckpointError", "Diverged", "Recipe", "Streamed", "Training", "batch_order",
    "compiling_pays", "history_steps", "train", "training_flop", "use_gpu_kernels",
]  # fmt: skip
