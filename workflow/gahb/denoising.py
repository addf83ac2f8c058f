"""Denoisers and their performance: PSNR curves, and denoisers known in closed form.

A denoiser f maps noisy images y = x + sigma z, z ~ N(0, I), to estimates of x. It is any callable
on tensors of shape (image, channel, y, x). By Miyasawa's formula the score of the density of y is
(f(y) - y) / sigma^2 when f(y) = E[x | y].
"""

import numpy as np
import torch
from torch import nn


class Denoiser(nn.Module):
    """f(y) = y - network(y), in evaluation mode: the network predicts the noise."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network
        self.eval()

    def forward(self, y):
        return y - self.network(y)


def to_float(images: torch.Tensor) -> torch.Tensor:
    """Images as float32 in [0, 1]; bytes are divided by 255."""
    return images.float() / 255 if images.dtype == torch.uint8 else images.float()


def psnr(estimate: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    """-10 log10(mean squared error per pixel) in dB of each image; peak value 1 (section 2)."""
    return -10 * torch.log10((estimate - clean).square().flatten(1).mean(1))


def input_psnr(sigma):
    """Expected PSNR in dB of the noisy image itself: -20 log10(sigma)."""
    return -20 * np.log10(sigma)


def sigma_from_psnr(decibel):
    """Noise level whose input PSNR is `decibel` dB."""
    return 10 ** (-np.asarray(decibel) / 20)


@torch.no_grad()
def psnr_curve(denoiser, images, sigmas, seed: int, repeats: int = 1, batch: int = 256):
    """Output PSNR of each image at each noise level, in dB: array (sigma, image).

    Args:
        denoiser: f, on the device of `images`.
        images: clean images (image, channel, y, x), bytes or floats.
        sigmas: noise levels.
        seed: of the noise. Images see the same z at each noise level, so that curves are smooth.
        repeats: independent noises per image; the PSNRs are averaged over them in dB.
        batch: images denoised at a time.
    """
    generator = torch.Generator(images.device).manual_seed(seed)
    curves = torch.zeros(len(sigmas), len(images), device=images.device)
    for _ in range(repeats):
        for start in range(0, len(images), batch):
            x = to_float(images[start : start + batch])
            z = torch.randn(x.shape, generator=generator, device=x.device)
            for s, sigma in enumerate(sigmas):
                curves[s, start : start + batch] += psnr(denoiser(x + float(sigma) * z), x)
    return (curves / repeats).cpu().numpy()
