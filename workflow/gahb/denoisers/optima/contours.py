"""Contours of C^alpha images, and their masks."""

import math

import torch


def masks(contour: torch.Tensor, side: int) -> torch.Tensor:
    """Part of each pixel below the contour (chain, side): (chain, y, x), in quarters.

    Blurred by a box of 2 x 2 pixels, as in `gahb.datasets.calpha`.
    """
    rows = torch.arange(-1, side, dtype=contour.dtype)
    rows[0] = 0
    below = (rows[:, None] >= contour[:, None]).float()
    below = below[:, 1:] + below[:, :-1]
    return (below + torch.cat([below[..., :1], below[..., :-1]], -1)) / 4


class Contours:
    """Map white noise to the row at which the background changes in each column, not rounded.

    As in `gahb.datasets.calpha.contours`. The contour moves by `matrix` times the move of the
    noise.
    """

    def __init__(self, side: int, alpha: float):
        k = torch.fft.rfftfreq(side, 1 / side)
        self.side, self.gain = side, torch.where(k == 0, 1, k).pow(-alpha)
        kernel = side * torch.fft.irfft(self.gain.to(torch.complex64), side)
        shift = torch.arange(side)
        #: Derivative of the contour in each column (row) by each entry of the noise (column).
        self.matrix = kernel[(shift[:, None] - shift) % side]
        # Bumps narrower than this need very unlikely noise.
        widths = torch.arange(0.3, side / 2, 0.1)[:, None]
        norms = self.bumps(widths, torch.zeros_like(widths)).norm(dim=1)
        self.least_width = float(widths[(norms < 1).nonzero()[0]])

    def __call__(self, noise: torch.Tensor) -> torch.Tensor:
        filtered = torch.fft.irfft(torch.fft.rfft(noise) * self.gain, self.side)
        return self.side * filtered + self.side // 2

    def bumps(self, width: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        """Noise that moves the contour by a row at `place` and less around it, like a Gaussian of
        `width` columns: (chain, side), for arguments (chain, 1)."""
        k = 2 * math.pi / self.side * torch.arange(self.side // 2 + 1)
        bump = torch.exp(-0.5 * (k * width) ** 2)
        height = torch.fft.irfft(bump, self.side).amax(1, keepdim=True)
        moved = torch.fft.irfft(torch.polar(bump / self.gain, -k * place), self.side)
        return moved / (self.side * height)
