"""Performance of a denoiser: PSNR curves.

A denoiser f maps noisy images y = x + sigma z, z ~ N(0, I), to estimates of x. It is called
denoiser(y, sigma) with y of shape (image, channel, y, x).
"""

import numpy as np
import torch

from gahb.decibels import LEAST
from gahb.images import to_float


def psnr(estimate: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    """-10 log10(mean squared error per pixel) in dB of each image; peak value 1.

    At most 144 dB, the rounding error of float32: a memorized image is returned without error.
    """
    error = (estimate - clean).square().flatten(1).mean(1)
    return -10 * torch.log10(error.clamp(min=LEAST))


@torch.no_grad()
def psnr_curve(denoiser, images, sigmas, seed: int, repeats: int = 1, batch: int = 256):
    """Output PSNR of each image at each noise level, in dB: array (sigma, image).

    Args:
        denoiser: f, on the device of `images`.
        images: clean images (image, channel, y, x), bytes or floats.
        sigmas: noise levels.
        seed: seed of the noise. Images have the same z at each noise level, so that curves are
            smooth.
        repeats: independent noises per image; the PSNRs are averaged over them in dB.
        batch: images denoised at a time.
    """
    generator = torch.Generator(images.device).manual_seed(seed)
    curves = torch.zeros(len(sigmas), len(images), device=images.device)
    for _ in range(repeats):
        for at, x, z in _with_noise(images, generator, batch):
            for s, sigma in enumerate(map(float, sigmas)):
                curves[s, at] += psnr(denoiser(x + sigma * z, sigma), x)
    return (curves / repeats).cpu().numpy()


@torch.no_grad()
def posterior_curve(optimum, images, sigmas, seed: int, batch: int = 256) -> dict[str, np.ndarray]:
    """Statistics of an optimum found by Monte Carlo, arrays (sigma, image) by name:

    psnr: output PSNR of its posterior mean in dB.
    variance, error: variance of x given y, and squared Monte Carlo error of the posterior mean, per
    pixel.
    rhat: Gelman and Rubin's ratio.

    Args:
        optimum: has `posterior` (`gahb.denoisers.optima`).
        images, sigmas, seed, batch: as in `psnr_curve`, and with the same noise.
    """
    generator = torch.Generator(images.device).manual_seed(seed)
    names = ("psnr", "variance", "error", "rhat")
    found = {name: torch.zeros(len(sigmas), len(images)) for name in names}
    for at, x, z in _with_noise(images, generator, batch):
        for s, sigma in enumerate(map(float, sigmas)):
            posterior = optimum.posterior(x + sigma * z, sigma)
            found["psnr"][s, at] = psnr(posterior.mean, x)
            for name in names[1:]:
                found[name][s, at] = getattr(posterior, name)
    return {name: values.numpy() for name, values in found.items()}


def _with_noise(images, generator, batch):
    """(place, x, z) of each batch; z of an image does not depend on how many follow."""
    for start in range(0, len(images), batch):
        x = to_float(images[start : start + batch])
        z = [torch.randn(x.shape[1:], generator=generator, device=x.device) for _ in x]
        yield slice(start, start + batch), x, torch.stack(z)
