"""Denoisers and images known in closed form, in the conventions of networks made elsewhere."""

import numpy as np
import torch
from gahb.denoisers.imported.conventions import SIGMA_DATA, cosine_schedule, linear_schedule
from gahb.denoisers.references import wiener
from torch import nn


class Memorizer:
    """E[X | X + s z] for equally probable images X."""

    def __init__(self, images):
        self.images = images

    def __call__(self, u, s):
        distances = (u[:, None] - self.images).square().sum((2, 3, 4))
        weights = (-distances / (2 * s[:, None] ** 2)).softmax(1)
        return torch.einsum("nk,kcyx->ncyx", weights, self.images)


class Gaussian:
    """E[X | X + s z] for Gaussian images with mean m and covariance C."""

    def __init__(self, mean, covariance):
        self.mean = mean
        self.values, self.vectors = torch.linalg.eigh(covariance)

    def __call__(self, u, s):
        gain = self.values / (self.values + s[:, None] ** 2)
        rotated = (u - self.mean).flatten(1) @ self.vectors
        return ((gain * rotated) @ self.vectors.T).reshape(u.shape) + self.mean


class Exact(nn.Module):
    """A posterior mean D(u, s) as a network of the named parametrization, for values in [a, b].

    Written from the networks' own papers, x_t = sqrt(A) X + sqrt(1 - A) z, independently of the
    project.
    """

    def __init__(self, posterior_mean, parametrization, schedule="linear"):
        super().__init__()
        self.posterior_mean, self.parametrization = posterior_mean, parametrization
        a = {"linear": linear_schedule, "cosine": cosine_schedule}[schedule]()
        self.alphas_cumprod = np.array(a)

    def forward(self, x, label):
        kind = self.parametrization
        if kind.startswith("vp-"):
            a = self._at(label).reshape(-1, 1, 1, 1)
            clean = self.posterior_mean(x / a.sqrt(), ((1 - a) / a).sqrt().flatten())
            noise = (x - a.sqrt() * clean) / (1 - a).sqrt()
            velocity = a.sqrt() * noise - (1 - a).sqrt() * clean
            return {"vp-epsilon": noise, "vp-v": velocity, "vp-sample": clean}[kind]
        s = (4 * label).exp() if kind == "edm" else label
        column = s.reshape(-1, 1, 1, 1)
        u = x * (column**2 + SIGMA_DATA**2).sqrt() if kind == "edm" else x
        clean = self.posterior_mean(u, s)
        if kind == "edm":
            total = column**2 + SIGMA_DATA**2
            skip, out = SIGMA_DATA**2 / total, column * SIGMA_DATA / total.sqrt()
            return (clean - skip * u) / out
        return {"sigma": clean, "score": (clean - u) / column**2}[kind]

    def _at(self, t):
        """A at a real-valued step: log sqrt(1 / A - 1) is linear between steps."""
        level = np.log(1 / self.alphas_cumprod - 1) / 2
        level = np.interp(t.double().cpu().numpy(), np.arange(len(level)), level)
        return torch.from_numpy(1 / (1 + np.exp(2 * level))).to(t)


def fields(count, side=16, channels=1, seed=0, dtype=torch.float32):
    """Smooth random images (image, channel, y, x) in [0, 1]."""
    rng = np.random.default_rng(seed)
    f = np.fft.fftfreq(side)
    k = np.hypot(f[:, None], f[None])
    k[0, 0] = 1 / side
    x = np.fft.ifft2(np.fft.fft2(rng.normal(size=(count, channels, side, side))) / k**1.3).real
    x = (x - x.mean((2, 3), keepdims=True)) / x.std((2, 3), keepdims=True)
    return torch.from_numpy((0.5 + 0.18 * x).clip(0, 1)).to(dtype)


SIDE = 8
#: Mean and covariance of Gaussian images: variances along axes.
VARIANCES = 2.0 / (1 + np.arange(SIDE**2))
AXES = np.linalg.qr(np.random.default_rng(0).normal(size=(SIDE**2, SIDE**2)))[0]
MEAN = 0.5 + 0.1 * np.random.default_rng(1).normal(size=SIDE**2)


def draw(count: int, seed) -> torch.Tensor:
    """Gaussian images with that mean and covariance."""
    z = np.random.default_rng(seed).normal(size=(count, SIDE**2))
    return torch.from_numpy(MEAN + z * VARIANCES**0.5 @ AXES.T).reshape(-1, 1, SIDE, SIDE)


def fitted(images) -> wiener.Wiener:
    """Their Wiener filter."""
    return wiener.Wiener(**wiener.fit(images)).double()
