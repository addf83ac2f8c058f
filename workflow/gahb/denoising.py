"""Denoisers and their performance: PSNR curves, and denoisers known in closed form.

A denoiser f maps noisy images y = x + sigma z, z ~ N(0, I), to estimates of x. It is any callable
on tensors of shape (image, channel, y, x); one that is not blind has `needs_sigma` = True and is
called f(y, sigma). By Miyasawa's formula the score of the density of y is (f(y) - y) / sigma^2 when
f(y) = E[x | y].
"""

import numpy as np
import torch
from torch import nn

from gahb.networks.batchnorm import folded


class Denoiser(nn.Module):
    """f(y) = y - network(y), in evaluation mode: the network predicts the noise.

    The network is copied if its norms can be folded into its convolutions.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = folded(network) if hasattr(network, "normalized") else network
        self.needs_sigma = getattr(network, "needs_sigma", False)
        self.eval()

    def forward(self, y, *sigma):
        parts = [part - self.network(part, *sigma) for part in y.split(at_a_time(y))]
        return torch.cat(parts) if len(parts) > 1 else parts[0]


def at_a_time(y: torch.Tensor) -> int:
    """How many images (image, channel, y, x), like `y`, a network denoises fastest at a time.

    On a CPU, as many as leave the activations in its caches: with 256 at a time a UNet takes 1.7
    times as long at 40 x 40.
    """
    if y.device.type != "cpu":
        return max(1, len(y))
    return max(1, 2**15 // (y.shape[-2] * y.shape[-1]))


class GaussianDenoiser:
    """E[x | y] for x ~ N(mean, covariance): Wiener's linear filter, needs sigma.

    f(y) = mean + C (C + sigma^2)^-1 (y - mean).

    Args:
        mean: (channel, y, x).
        covariance: C, (d, d), d = mean.numel().
    """

    needs_sigma = True

    def __init__(self, mean: torch.Tensor, covariance: torch.Tensor):
        self.mean = mean
        self.variances, self.axes = torch.linalg.eigh(covariance)

    def __call__(self, y, sigma):
        coefficients = (y - self.mean).flatten(1) @ self.axes
        shrinkage = self.variances / (self.variances + sigma**2)
        return self.mean + (coefficients * shrinkage @ self.axes.T).reshape(y.shape)


class MemorizingDenoiser:
    """E[x | y] for x one of the training images, each as likely: it memorizes them; needs sigma.

    f(y) = sum_i x_i softmax_i(-|y - x_i|^2 / (2 sigma^2)).

    Args:
        images: (image, channel, y, x).
    """

    needs_sigma = True

    def __init__(self, images: torch.Tensor):
        self.images = images

    def __call__(self, y, sigma):
        x = self.images.flatten(1)
        # |y|^2 is the same for every image and drops out of the softmax.
        near = (y.flatten(1) @ x.T - x.square().sum(1) / 2) / sigma**2
        return (near.softmax(1) @ x).reshape(y.shape)


def told(denoiser, sigma: float):
    """`denoiser` as a function of y alone: one that needs sigma is told it, a blind one is not."""
    if getattr(denoiser, "needs_sigma", False):
        return lambda y: denoiser(y, sigma)
    return denoiser


def to_float(images: torch.Tensor) -> torch.Tensor:
    """Images as float32 in [0, 1]; bytes are divided by 255."""
    return images.float() / 255 if images.dtype == torch.uint8 else images.float()


def psnr(estimate: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    """-10 log10(mean squared error per pixel) in dB of each image; peak value 1."""
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
            for s, sigma in enumerate(map(float, sigmas)):
                curves[s, start : start + batch] += psnr(told(denoiser, sigma)(x + sigma * z), x)
    return (curves / repeats).cpu().numpy()
