r"""How to call a network made elsewhere, and what its answer says about the clean image.

A denoiser is f(y) = E[x | y] for y = x + sigma z and images x in [0, 1]. A network made elsewhere
knows images X in [a, b]. With

.. math:: u = a + (b - a)\, y, \qquad s = (b - a)\, \sigma, \qquad u = X + s z,

and its estimate D of X, f(y) = (D - a) / (b - a). With alpha^2 = 1 / (1 + s^2), the network N is
called as

- told "nothing": N(u)
- told "number": N(u, s), s a number
- told "sigma": N(u, s), s (image,) (k-diffusion; EDM, Karras et al., 2022)
- told "step": N(alpha u, t), t (image,), since alpha u = alpha X + sqrt(1 - alpha^2) z, a variance
  preserving process (DDPM, Ho et al., 2020). Its level at step t is s_t = sqrt(1 / A_t - 1) with
  A_t = prod(1 - beta); t is real, log s being linear between steps, and stays in their range.
- told "edm": N(c_in u, ln(s) / 4), c_in = 1 / sqrt(s^2 + q^2), q = 1/2 (EDM, table 1)

and its answer n means

.. math::
    \text{denoised: } D = n, \quad \text{noise: } D = u - n, \quad \text{epsilon: } D = u - s n,
    \quad \text{v: } D = \alpha^2 u - \alpha s n, \quad \text{score: } D = u + s^2 n,
    \quad \text{edm: } D = (q^2 u + s q \sqrt{s^2 + q^2}\, n) / (s^2 + q^2).

**Gray images, and a network for C equal channels.** All that such a network learns about its image
is in the mean of the channels, whose noise is s / sqrt(C). So y is repeated, sigma is sqrt(C) times
as large, and the C estimates are averaged.
"""

import dataclasses

import numpy as np
import torch
from torch import nn

from gahb.denoisers.levels import Sigma, apart, several

#: q of EDM, the standard deviation of images in [-1, 1].
SIGMA_DATA = 0.5
#: Meaning of each `parametrization`: what a network is told, and what it predicts.
PARAMETRIZATIONS = {
    "vp-epsilon": ("step", "epsilon"),
    "vp-v": ("step", "v"),
    "vp-sample": ("step", "denoised"),
    "edm": ("edm", "edm"),
    "sigma": ("sigma", "denoised"),
    "score": ("sigma", "score"),
}
#: Values of `predicts`.
PREDICTIONS = ("denoised", "noise", "epsilon", "v", "score")


@dataclasses.dataclass(frozen=True)
class Convention:
    """What a network made elsewhere is told and what it returns: see the top of this module.

    told: "nothing", "number", "sigma", "step" or "edm".
    predicts: "denoised", "noise", "epsilon", "v", "score" or "edm".
    range: its values for black and white, a and b.
    alphas_cumprod: A_t for each step t, of a network that is told "step".
    repeat: C, how many times a channel is repeated.
    """

    told: str = "nothing"
    predicts: str = "noise"
    range: tuple[float, float] = (0.0, 1.0)
    alphas_cumprod: tuple[float, ...] | None = None
    repeat: int = 1

    @property
    def needs_sigma(self) -> bool:
        """Whether f depends on sigma."""
        return self.told != "nothing" or self.predicts not in ("denoised", "noise")

    @property
    def largest(self) -> float:
        """The largest finite sigma of any step, for images in [0, 1]."""
        a = min(a for a in self.alphas_cumprod if a > 0)
        return (1 / a - 1) ** 0.5 / (self.range[1] - self.range[0]) / self.repeat**0.5

    def __str__(self) -> str:
        """As the config says it."""
        names = {pair: name for name, pair in PARAMETRIZATIONS.items()}
        pair = self.told, self.predicts
        said = f"parametrization: {names[pair]}" if pair in names else f"predicts: {self.predicts}"
        told = ", needs_sigma: true" if self.told == "number" else ""
        schedules = [name for name, made in SCHEDULES.items() if made() == self.alphas_cumprod]
        steps = f", schedule: {schedules[0]}" if schedules and self.told == "step" else ""
        return f"{said}{told}{steps}, range: [{self.range[0]:g}, {self.range[1]:g}]"

    def answer(self, network, y: torch.Tensor, sigma: float) -> torch.Tensor:
        """The network's answer for y (image, channel, y, x), with sigma a number."""
        u, s = self._seen(y, sigma)
        match self.told:
            case "nothing":
                return network(u)
            case "number":
                return network(u, s)
            case "sigma":
                label, scale = s, 1.0
            case "step":
                label, scale = self.step(s), (1 + s**2) ** -0.5
            case "edm":
                label, scale = np.log(s) / 4, (s**2 + SIGMA_DATA**2) ** -0.5
        return network(scale * u, torch.full((len(u),), label, dtype=u.dtype, device=u.device))

    def noise(self, n: torch.Tensor, y: torch.Tensor, sigma: float) -> torch.Tensor:
        """y - f(y), from the network's answer n."""
        u, s = self._seen(y, sigma)
        match self.predicts:
            case "denoised":
                found = u - n
            case "noise":
                found = n
            case "epsilon":
                found = s * n
            case "v":
                found = s / (1 + s**2) * (s * u + (1 + s**2) ** 0.5 * n)
            case "score":
                found = -(s**2) * n
            case "edm":
                total = s**2 + SIGMA_DATA**2
                found = s / total * (s * u - SIGMA_DATA * total**0.5 * n)
        found = found / (self.range[1] - self.range[0])
        return found if self.repeat == 1 else found.mean(1, keepdim=True)

    def step(self, s: float) -> float:
        """The step t whose noise level is s."""
        a = np.array(self.alphas_cumprod)
        a = a[a > 0]  # a terminal SNR of zero has no finite s
        return float(np.interp(np.log(s), np.log(1 / a - 1) / 2, np.arange(len(a))))

    def _seen(self, y: torch.Tensor, sigma: float) -> tuple[torch.Tensor, float]:
        """u and s."""
        low, high = self.range
        if self.repeat > 1:
            y = y.expand(-1, self.repeat, -1, -1)
        return low + (high - low) * y, float(sigma) * (high - low) * self.repeat**0.5


class Adapted(nn.Module):
    """A network made elsewhere as one of ours: (image, channel, y, x) -> the noise y - f(y).

    Called (y, sigma), or (y) if it needs no sigma.

    Args:
        network: the network.
        convention: what it is told and returns.
        name: its name, for errors.

    Raises:
        ValueError: its answer differs in shape from its input, or the gradient of y is asked for
            and there is none.
    """

    def __init__(self, network: nn.Module, convention: Convention, name: str):
        super().__init__()
        self.network, self.convention, self.name = network, convention, name
        self.needs_sigma = convention.needs_sigma
        for module in network.modules():
            if isinstance(module, nn.GroupNorm):
                module.register_forward_pre_hook(_contiguous)

    def forward(self, y: torch.Tensor, sigma: Sigma = 1.0) -> torch.Tensor:
        if several(sigma):
            return apart(lambda y, _, one: self(y, one), y, sigma, sigma)
        n = self.convention.answer(self.network, y, sigma)
        shape = (len(y), y.shape[1] * self.convention.repeat, *y.shape[2:])
        if not isinstance(n, torch.Tensor) or n.shape != shape:
            kind = tuple(n.shape) if isinstance(n, torch.Tensor) else type(n).__name__
            raise ValueError(f"{self.name} makes images of shape {shape} into {kind}")
        if y.requires_grad and not n.requires_grad:
            raise ValueError(
                f"{self.name} returns something without a gradient with respect to y, which a "
                "Jacobian needs: does it detach y, or compute under no_grad?"
            )
        return self.convention.noise(n, y, sigma)


def _contiguous(module: nn.Module, inputs: tuple) -> tuple:
    """Torch's forward derivative of a group norm fails on channels_last."""
    return (inputs[0].contiguous(),)


def linear_schedule(steps: int = 1000) -> tuple[float, ...]:
    """A_t for betas from 1e-4 to 0.02 (Ho et al., 2020, section 4)."""
    return tuple(np.cumprod(1 - np.linspace(1e-4, 0.02, steps)).tolist())


def cosine_schedule(steps: int = 1000) -> tuple[float, ...]:
    """A_t from squared cosines, betas at most 0.999 (Nichol & Dhariwal, 2021, equation 17)."""
    cosine = np.cos((np.arange(steps + 1) / steps + 0.008) / 1.008 * np.pi / 2) ** 2
    return tuple(np.cumprod(1 - np.minimum(1 - cosine[1:] / cosine[:-1], 0.999)).tolist())


#: Values of `schedule`.
SCHEDULES = {"linear": linear_schedule, "cosine": cosine_schedule}
