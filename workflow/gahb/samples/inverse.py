"""Inverse problems: samples that agree with measurements of an image.

Kadkhodaie & Simoncelli (2021), algorithm 2. The part P x of an image x is known, with P = M M^T an
orthogonal projection. In each step the sampler's estimate f(y) is replaced by

.. math:: f(y) - P f(y) + P x,

whatever the sampler: the constrained estimate is a denoiser like any other.
"""

import dataclasses
from collections.abc import Callable

import torch
from torch import nn


@dataclasses.dataclass(frozen=True)
class Measurement:
    """The measured part of the image that is sampled.

    project: (image, channel, y, x) -> same shape, the measured part of an image: P above.
    measured: (channel, y, x), P x of the true image.
    """

    project: Callable[[torch.Tensor], torch.Tensor]
    measured: torch.Tensor

    def imposed(self, images: torch.Tensor) -> torch.Tensor:
        """`images` (image, channel, y, x) with their measured part replaced by the true one."""
        return images - self.project(images) + self.measured.to(images)


class Constrained(nn.Module):
    """A denoiser whose estimates agree with a measurement."""

    def __init__(self, denoiser: nn.Module, measurement: Measurement):
        super().__init__()
        self.denoiser, self.measurement = denoiser, measurement
        self.blind = denoiser.blind

    def forward(self, y: torch.Tensor, sigma: float) -> torch.Tensor:
        return self.measurement.imposed(self.denoiser(y, sigma))


def inpainting(image: torch.Tensor, known: torch.Tensor) -> Measurement:
    """Known pixels of `image` (channel, y, x); `known` is True there."""
    return Measurement(lambda y: y * known.to(y.device), image * known)


def super_resolution(image: torch.Tensor, factor: int) -> Measurement:
    """Means of `image` (channel, y, x) over blocks of factor x factor pixels.

    Raises:
        ValueError: a side of the image is not a multiple of `factor`.
    """
    if image.shape[1] % factor or image.shape[2] % factor:
        raise ValueError(f"sides {tuple(image.shape[1:])} must be multiples of factor = {factor}")

    def project(y):
        means = torch.nn.functional.avg_pool2d(y, factor)
        return means.repeat_interleave(factor, -1).repeat_interleave(factor, -2)

    return Measurement(project, project(image[None])[0])
