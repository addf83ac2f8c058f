"""Denoisers with weights: networks that predict the noise."""

import numpy as np
import torch
from torch import nn

from gahb.denoisers.levels import Sigma, columns, several
from gahb.denoisers.networks.batchnorm import folded


class NetworkDenoiser(nn.Module):
    """f(y) = y - network(y), in evaluation mode.

    The network is copied if its norms can be folded into its convolutions.

    Args:
        network: maps (image, channel, y, x) to the noise in it; one with `needs_sigma` = True is
            called (y, sigma), with sigma as given to the denoiser: a number, or (image,).

    blind: whether the network is not told sigma.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = folded(network) if hasattr(network, "normalized") else network
        self.blind = not getattr(network, "needs_sigma", False)
        self.eval()

    def forward(self, y: torch.Tensor, sigma: Sigma) -> torch.Tensor:
        parts = y.split(at_a_time(y))
        if self.blind:
            found = [part - self.network(part) for part in parts]
        elif several(sigma):
            of_parts = columns(sigma, y, 1).split(at_a_time(y))
            pairs = zip(parts, of_parts, strict=True)
            found = [part - self.network(part, own) for part, own in pairs]
        else:
            found = [part - self.network(part, sigma) for part in parts]
        return torch.cat(found) if len(found) > 1 else found[0]


def at_a_time(y: torch.Tensor) -> int:
    """Number of images like `y` (image, channel, y, x) to denoise at a time, for speed.

    On a CPU, as many as keep the activations in its caches: with 256 at a time a UNet takes 1.7
    times as long at 40 x 40.
    """
    if y.device.type != "cpu":
        return max(1, len(y))
    return max(1, 2**15 // (y.shape[-2] * y.shape[-1]))


def flat(network: nn.Module) -> np.ndarray:
    """All weights and running statistics in one vector, in the order of the state dict."""
    return torch.cat([t.flatten() for t in network.state_dict().values()]).cpu().numpy()


def set_flat(network: nn.Module, vector: np.ndarray) -> None:
    """Set a network's weights to a vector made by `flat` from a network like it."""
    state = network.state_dict()
    parts = torch.from_numpy(vector).split([t.numel() for t in state.values()])
    network.load_state_dict({k: p.view(state[k].shape) for k, p in zip(state, parts, strict=True)})
