"""Denoisers: everything that maps noisy images y = x + sigma z to estimates f(y) of x.

All are modules with one call, `denoiser(y, sigma)`, y of shape (image, channel, y, x) and sigma a
number, or a vector with one for each image (`levels`); those with `blind` = True ignore sigma. By
Miyasawa's formula the score of the density of y is (f(y) - y) / sigma^2 when f(y) = E[x | y]. One
file each:

- a network, `networks/architecture.py`, holds `build(**options) -> nn.Module`, which predicts the
  noise: (image, channel, y, x) -> same shape; one with `needs_sigma` = True is called (y, sigma),
  and one with `start_at` is given its training images before the first step.
- a reference, the closed form of a training set, `references/reference.py`, holds
  `fit(training) -> dict`, the tensors kept from it, and `build(tensors, training) -> nn.Module`,
  the denoiser. Keyword arguments of `fit` are its options in the config.

To add a denoiser, add one file here and its options to the config.
"""

from gahb.denoisers.files import (
    build,
    built,
    described,
    fit,
    initialized,
    load,
    save,
    save_reference,
)
from gahb.denoisers.network import NetworkDenoiser, flat, set_flat

__all__ = [
    "NetworkDenoiser",
    "build",
    "built",
    "described",
    "fit",
    "flat",
    "initialized",
    "load",
    "save",
    "save_reference",
    "set_flat",
]
