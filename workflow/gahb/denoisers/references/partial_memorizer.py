r"""The denoiser that has memorized part of its training set: the memorizer of M of its N images.

With little noise it returns the nearest of the M images, and so is wrong on the other N - M. For
Gaussian clusters of variance v in d dimensions, Buchanan et al. (2025, On the edge of memorization
in diffusion models) predict a mean squared error of d v (1 - M/N) on the training set.
"""

import torch

from gahb.denoisers.references.memorizer import Memorizer
from gahb.images import Members


def fit(training: Members, *, memorized: int) -> dict[str, torch.Tensor]:
    """The number of images that it knows.

    Raises:
        ValueError: it is larger than the training set.
    """
    if memorized > len(training):
        raise ValueError(
            f"memorized: found {memorized} of N = {len(training)} training images; right is at "
            "most N"
        )
    return {"memorized": torch.tensor(memorized)}


def build(tensors: dict[str, torch.Tensor], training: Members) -> Memorizer:
    """The memorizer of the first images of the training set."""
    return Memorizer(torch.as_tensor(training[: int(tensors["memorized"])]))
