"""Measurements of a denoiser at one step of its training.

It generates samples from the same noise at each step, by the probability flow: which of them are
memorized, and how close are they to a training image and to the samples of another denoiser, also
beyond the covariance? And how well do references explain its outputs on noisy images?
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import torch

from gahb import beyond
from gahb.agreement import measures, noisy_images
from gahb.samples.flow import followed
from gahb.similarity.memorized import fit
from gahb.similarity.pixels import nearest, paired_cosine

#: A map from (y, sigma) to an estimate of x.
Denoiser = Callable[[torch.Tensor, float], torch.Tensor]


def memory(samples: torch.Tensor, training) -> tuple[torch.Tensor, torch.Tensor]:
    """Whether each sample is memorized (1 or 0), and its cosine with the closest training image.

    Both (sample,), NaN where a sample is not finite. Memorized is defined in
    `similarity.memorized.Fit`: the 1/3 rule once contrast and mean are fitted.

    Args:
        samples: (sample, channel, y, x).
        training: training images, as in `gahb.similarity.pixels`.
    """
    finite = samples.flatten(1).isfinite().all(1)
    safe = torch.where(finite[:, None, None, None], samples, 0.0)
    found = nearest(safe, training, 2)
    memorized = fit(safe, training, found).memorized.float()
    return tuple(torch.where(finite, v, torch.nan) for v in (memorized, found.cosine[:, 0]))


@dataclasses.dataclass(frozen=True)
class Noisy:
    """The same noisy images for every denoiser.

    images: (sigma, image, channel, y, x).
    sigmas: their noise levels.
    """

    images: torch.Tensor
    sigmas: Sequence[float]

    @torch.no_grad()
    def denoised(self, denoiser: Denoiser) -> torch.Tensor:
        """f at each noisy image: (sigma, image, channel, y, x)."""
        return torch.stack([denoiser(y, s) for y, s in zip(self.images, self.sigmas, strict=True)])


def noisy(clean: torch.Tensor, sigmas: Sequence[float], seed: int) -> Noisy:
    """`clean` (image, channel, y, x) with the same z at each noise level."""
    return Noisy(noisy_images(clean, sigmas, seed), list(sigmas))


def explained(
    answers: Mapping[str, torch.Tensor], denoised: torch.Tensor, sigmas: Sequence[float]
) -> torch.Tensor:
    """r2 by which each reference explains a denoiser: (reference, sigma, image).

    `gahb.agreement` defines r2.

    Args:
        answers: outputs of each reference for noisy images (sigma, image, channel, y, x).
        denoised: outputs of the denoiser for them.
        sigmas: their noise levels.
    """

    def r2(answer):
        pairs = zip(answer, denoised, sigmas, strict=True)
        return torch.stack([measures(a, b, sigma)["r2"] for a, b, sigma in pairs])

    return torch.stack([r2(answer) for answer in answers.values()])


def at_step(
    denoiser: Denoiser,
    training,
    starts: torch.Tensor,
    sigmas: Sequence[float],
    judged: Noisy,
    answers: Mapping[str, torch.Tensor],
    other: Denoiser | None = None,
    g: torch.Tensor | None = None,
) -> dict[str, torch.Tensor]:
    """All measurements at one step, by name.

    memorized, closest and, with another denoiser, between and beyond: (sample,). agreement:
    (reference, sigma, image).

    Args:
        denoiser: f at this step.
        training: its training images, as in `gahb.similarity.pixels`.
        starts: (sample, channel, y, x), at noise level sigmas[0].
        sigmas: noise levels of the flow.
        judged: noisy images on which references are compared with f.
        answers: outputs of each reference for these.
        other: a denoiser trained on other images, at the same step.
        g: samples of the Gaussian of all images from these starts, needed with `other`.
    """
    samples = followed(denoiser, starts, sigmas)
    memorized, closest = memory(samples, training)
    found = {"memorized": memorized, "closest": closest}
    found["agreement"] = explained(answers, judged.denoised(denoiser), judged.sigmas)
    if other is not None:
        others = followed(other, starts, sigmas)
        found["between"] = paired_cosine(samples, others)
        found["beyond"] = beyond.beyond(samples, others, g)
    return found
