"""Squared errors of a denoiser per image and noise level, and its trace, from the same outputs.

Errors are sums over the entries of an image, mse(x, sigma) = E_z |x - f(x + sigma z)|^2, estimated
from pairs z and -z. Each image has its own noises, the same for every denoiser, so that differences
between denoisers are far less noisy than their errors. Noises differ between levels, so that an
integral over levels averages them out.
"""

import numpy as np
import torch

from gahb.images import to_float


def noises(seed: int, index: np.ndarray, level: int, pairs: int, shape) -> torch.Tensor:
    """z ~ N(0, I) for each image at one noise level, (pair, image, *shape), on the CPU.

    They depend only on the seed, the image and the level, not on the number of images.

    Args:
        seed: seed of all noises.
        index: (image,), indices of the images in their data set.
        level: number of the noise level.
        pairs: number of noises for each image; the other of a pair is -z.
        shape: shape of an image.
    """
    each = [
        np.random.Generator(np.random.SFC64([seed, int(i), level])).standard_normal(
            (pairs, *shape), np.float32
        )
        for i in index
    ]
    return torch.from_numpy(np.stack(each, 1))


@torch.no_grad()
def measured(
    denoiser, images, index, sigmas, *, pairs: int, seed: int, batch: int = 256
) -> tuple[np.ndarray, np.ndarray]:
    """Squared error and trace of the Jacobian at noisy images, one value for each pair of noises.

    The trace comes from the same outputs, by Stein's lemma, without a Jacobian:
    E_z tr J(x + sigma z) = E_z <z, f(x + sigma z) - f(x - sigma z)> / (2 sigma).

    Args:
        denoiser: f, on the device of `images`.
        images: clean images x (image, channel, y, x), bytes or floats.
        index: (image,), their indices in the data set, which determine their noises.
        sigmas: noise levels.
        pairs: number of pairs z, -z for each image and noise level.
        seed: seed of the noises.
        batch: images denoised at a time; it changes the result by rounding alone.

    Returns: mse (in squared intensities) and trace, (sigma, pair, image), in float64.

    Raises:
        ValueError: an error is not finite; the message names the image and sigma.
    """
    mse, trace = np.empty((2, len(sigmas), pairs, len(images)))
    for start in range(0, len(images), batch):
        part = slice(start, start + batch)
        x = to_float(images[part])
        for s, sigma in enumerate(map(float, sigmas)):
            for p, z in enumerate(noises(seed, index[part], s, pairs, x.shape[1:])):
                z = z.to(x.device)
                above, below = denoiser(torch.cat([x + sigma * z, x - sigma * z]), sigma).chunk(2)
                both = torch.stack([above - x, below - x]).double()
                mse[s, p, part] = both.square().flatten(2).sum(2).mean(0).cpu()
                along = (z * (above - below)).double().flatten(1).sum(1)
                trace[s, p, part] = along.cpu() / (2 * sigma)
            wrong = np.flatnonzero(~np.isfinite(mse[s, :, part]).all(0))
            if len(wrong):
                found = mse[s, :, start + wrong[0]]
                raise ValueError(
                    f"squared error {found[~np.isfinite(found)][0]} of image "
                    f"{index[start + wrong[0]]} at sigma = {sigma:.4g}; all have to be finite"
                )
    return mse, trace
