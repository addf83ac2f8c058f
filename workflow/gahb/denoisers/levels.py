"""The noise level of a batch of images: one number for all, or a vector with one per image."""

from collections.abc import Callable

import torch

#: A number, or (image,).
Sigma = float | torch.Tensor


def several(sigma: Sigma) -> bool:
    """Whether each image has a noise level of its own."""
    return isinstance(sigma, torch.Tensor) and sigma.ndim > 0


def columns(sigma: Sigma, y: torch.Tensor, ndim: int) -> Sigma:
    """Sigma reshaped to broadcast with `ndim` dimensions, the first for images: (image, 1, ...).

    A number stays as it is.

    Args:
        sigma: a number, or (image,).
        y: the images (image, channel, y, x), whose type and device the result has.
        ndim: dimensions of the result.

    Raises:
        ValueError: sigma is neither a number nor one for each image.
    """
    if not several(sigma):
        return float(sigma)
    if sigma.shape != y.shape[:1]:
        raise ValueError(
            f"sigma: found a tensor of shape {tuple(sigma.shape)} for {len(y)} images; right is a "
            "number, or a vector with one for each image"
        )
    return sigma.to(y).reshape(-1, *[1] * (ndim - 1))


def apart(f: Callable, y: torch.Tensor, sigma: Sigma, labels: torch.Tensor) -> torch.Tensor:
    """f(images, their sigma, label) for the images of each label, in the order of `y`.

    Args:
        f: called once for each label.
        y: (image, channel, y, x).
        sigma: a number, or (image,).
        labels: (image,), or a scalar for all.
    """
    if not labels.ndim:
        return f(y, sigma, labels.item())
    columns(sigma, y, 1)
    found, places = [], []
    for label in labels.unique():
        at = (labels == label).nonzero()[:, 0].to(y.device)
        own = sigma[at.to(sigma.device)] if several(sigma) else sigma
        found.append(f(y[at], own, label.item()))
        places.append(at)
    return torch.cat(found)[torch.cat(places).argsort()] if found else y.clone()
