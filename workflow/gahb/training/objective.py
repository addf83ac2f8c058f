"""What a training minimizes: noise levels and how their errors are weighted.

Both leave the posterior mean the optimum, because an image's weight depends on sigma alone.
"""

import math

import torch

from gahb.training.recipe import HIGH, LOWEST


def squared_levels(n: int, generator: torch.Generator) -> torch.Tensor:
    """n noise levels sigma = u^2, u ~ U(0, 1), of shape (n, 1, 1, 1), as the paper."""
    return torch.rand(n, 1, 1, 1, generator=generator, device=generator.device).square()


def mixed_levels(n: int, generator: torch.Generator) -> torch.Tensor:
    """n noise levels of shape (n, 1, 1, 1): three fifths log-uniform, the others near 1.

    The former are on [LOWEST, 1] and the latter square roots of U(0, 1). The levels of a batch are
    a regular grid of quantiles with one random shift (Kingma et al. 2021, Variational diffusion
    models, appendix I.1): each is distributed as said, and each batch sees all of them alike.
    """
    shift = torch.rand(1, 1, 1, 1, generator=generator, device=generator.device)
    grid = torch.arange(n, device=generator.device).view(-1, 1, 1, 1) / n
    u = (grid + shift) % 1
    return torch.where(u < HIGH, (u / HIGH).sqrt(), LOWEST ** ((1 - u) / (1 - HIGH)))


LEVELS = {"squared": squared_levels, "mixed": mixed_levels}

#: The loss per pixel of a network that predicts no noise at all: E sigma^2.
BLANK_LOSS = {"squared": 1 / 5, "mixed": 0.257}


class RunningError:
    """Mean squared error at each noise level, a running mean in bins of log sigma.

    An image's squared error is divided by it, so that every level counts alike, whatever its error
    (Karras et al. 2024, Analyzing and improving the training dynamics of diffusion models, learn
    the same weight). It starts as that of a network that predicts nothing, sigma^2.

    Args:
        device: where it is kept.

    sums and counts: (BINS,) of the errors and of the images, the older ones decayed.
    new: (2, BINS), those of the step that is being taken.
    """

    BINS = 24
    DECAY = 0.95

    def __init__(self, device: torch.device):
        middle = (torch.arange(self.BINS, device=device) + 0.5) / self.BINS
        self.sums, self.counts = LOWEST ** (2 - 2 * middle), torch.ones(self.BINS, device=device)
        self.new = torch.zeros(2, self.BINS, device=device)

    def weighted(self, errors: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """Errors (image,) over what they were at these sigmas up to the last step."""
        place = 1 - torch.log(sigma.flatten().clamp(min=LOWEST)) / math.log(LOWEST)
        inside = torch.nn.functional.one_hot(
            (place * self.BINS).long().clamp(0, self.BINS - 1), self.BINS
        ).to(errors.dtype)
        # Where no image has been for thousands of steps, nothing is known.
        level = (self.sums / self.counts).nan_to_num(nan=1.0)
        self.new += torch.stack([errors.detach() @ inside, inside.sum(0)])
        return errors / (inside @ level)

    def update(self) -> None:
        """End the step: its errors are known from now on."""
        self.sums = self.DECAY * self.sums + self.new[0]
        self.counts = self.DECAY * self.counts + self.new[1]
        self.new.zero_()
