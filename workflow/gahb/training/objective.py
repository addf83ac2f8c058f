"""The objective of training: noise levels and the weights of their errors.

The optimum is the posterior mean for all of them, because an image's weight depends only on sigma.
"""

import math

import torch

from gahb.training.recipe import HIGH, LOWEST


def squared_levels(n: int, generator: torch.Generator) -> torch.Tensor:
    """n noise levels sigma = u^2, u ~ U(0, 1), of shape (n, 1, 1, 1), as in the paper."""
    return torch.rand(n, 1, 1, 1, generator=generator, device=generator.device).square()


def mixed_levels(n: int, generator: torch.Generator) -> torch.Tensor:
    """n noise levels of shape (n, 1, 1, 1): three fifths log-uniform, the others near 1.

    The former are on [LOWEST, 1] and the latter square roots of U(0, 1). The levels of a batch are
    a regular grid of quantiles with one random shift (Kingma et al. 2021, Variational diffusion
    models, appendix I.1): each level has this distribution, and every batch covers all of it
    evenly.
    """
    shift = torch.rand(1, 1, 1, 1, generator=generator, device=generator.device)
    grid = torch.arange(n, device=generator.device).view(-1, 1, 1, 1) / n
    u = (grid + shift) % 1
    return torch.where(u < HIGH, (u / HIGH).sqrt(), LOWEST ** ((1 - u) / (1 - HIGH)))


LEVELS = {"squared": squared_levels, "mixed": mixed_levels}

#: The loss per pixel of a network that predicts no noise at all, E sigma^2.
BLANK_LOSS = {"squared": 1 / 5, "mixed": 0.257}


class RunningError:
    """Mean squared error at each noise level, a running mean in bins of log sigma.

    An image's squared error is divided by it, so that every level counts equally, whatever its
    error (Karras et al. 2024, Analyzing and improving the training dynamics of diffusion models,
    learn the same weight). It starts at sigma^2, the error of a network that predicts nothing.

    Args:
        device: device on which it is kept.

    sums and counts: (BINS,), decayed sums of errors and counts of images.
    new: (2, BINS), sums and counts of the current step.
    """

    BINS = 24
    DECAY = 0.95

    def __init__(self, device: torch.device):
        middle = (torch.arange(self.BINS, device=device) + 0.5) / self.BINS
        self.sums, self.counts = LOWEST ** (2 - 2 * middle), torch.ones(self.BINS, device=device)
        self.new = torch.zeros(2, self.BINS, device=device)

    def weighted(self, errors: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """Errors (image,) over their running means at these sigmas up to the last step."""
        place = 1 - torch.log(sigma.flatten().clamp(min=LOWEST)) / math.log(LOWEST)
        inside = torch.nn.functional.one_hot(
            (place * self.BINS).long().clamp(0, self.BINS - 1), self.BINS
        ).to(errors.dtype)
        # In bins without images for thousands of steps, the mean is unknown.
        level = (self.sums / self.counts).nan_to_num(nan=1.0)
        self.new += torch.stack([errors.detach() @ inside, inside.sum(0)])
        return errors / (inside @ level)

    def update(self) -> None:
        """End the step: its errors count from now on."""
        self.sums = self.DECAY * self.sums + self.new[0]
        self.counts = self.DECAY * self.counts + self.new[1]
        self.new.zero_()
