"""Performance of a denoiser: PSNR curves.

A denoiser f maps noisy images y = x + sigma z, z ~ N(0, I), to estimates of x. It is called
denoiser(y, sigma) with y of shape (image, channel, y, x).
"""

import numpy as np
import torch

from gahb.images import to_float


def psnr(estimate: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    """-10 log10(mean squared error per pixel) in dB of each image; peak value 1.

    At most 144 dB, of float32's rounding: who memorizes an image returns it without an error.
    """
    error = (estimate - clean).square().flatten(1).mean(1)
    return -10 * torch.log10(error.clamp(min=2**-48))


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
                curves[s, start : start + batch] += psnr(denoiser(x + sigma * z, sigma), x)
    return (curves / repeats).cpu().numpy()
