r"""Soft thresholding in a fixed basis (Donoho & Johnstone, 1994).

.. math::
    f(y) = \sum_k \mathrm{sign}(c_k) \max(\lvert c_k\rvert - t, 0)\, e_k, \qquad
    c_k = \langle y, e_k\rangle, \qquad t = \sigma \sqrt{2 \ln d}

with d the number of pixels times channels. Channels are transformed separately. The mean of an
image, or the means left by wavelets of the coarsest scale, are kept unchanged. It uses only the
side of the training images.
"""

import math

import torch
from torch import nn

from gahb import bases
from gahb.denoisers.levels import Sigma, columns
from gahb.images import Members


class Threshold(nn.Module):
    """Soft thresholding.

    Args:
        steps: matrices of the basis (`gahb.bases`).
        kept: side of the square of lowest frequencies that are kept.
    """

    blind = False

    def __init__(self, steps: list[torch.Tensor], kept: int):
        super().__init__()
        self.count, self.kept = len(steps), kept
        for i, step in enumerate(steps):
            self.register_buffer(f"step_{i}", step)

    def forward(self, y: torch.Tensor, sigma: Sigma) -> torch.Tensor:
        steps = [getattr(self, f"step_{i}") for i in range(self.count)]
        found = bases.coefficients(y, steps)
        t = columns(sigma, y, 4) * math.sqrt(2 * math.log(y[0].numel()))
        shrunk = found.sign() * (found.abs() - t).relu()
        shrunk[..., : self.kept, : self.kept] = found[..., : self.kept, : self.kept]
        return bases.combined(shrunk, steps)


def fit(training: Members, *, basis: str) -> dict[str, torch.Tensor]:
    """The matrices of the basis "dct" or "wavelet" in float32, and the side of the kept square.

    Raises:
        ValueError: wavelets for images with an odd side.
    """
    steps = bases.basis(basis, training[:1].shape[-1])
    kept = 1 if basis == "dct" else len(steps[-1]) // 2
    found = {f"step_{i}": step.float() for i, step in enumerate(steps)}
    return found | {"kept": torch.tensor(kept)}


def build(tensors: dict[str, torch.Tensor], training: Members) -> Threshold:
    steps = [tensors[f"step_{i}"] for i in range(len(tensors) - 1)]
    return Threshold(steps, int(tensors["kept"]))
