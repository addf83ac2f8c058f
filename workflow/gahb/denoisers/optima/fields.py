r"""C^alpha images given their contour: linear in two stationary fields, hence Gaussian.

x = m b + (1 - m) c with a mask m and two backgrounds, each an offset ~ N(1/2, 1/12) and a gain
times a field, the sum of harmonics with variances |k|^-2alpha / 3. The likelihood of y keeps the
leading harmonics and treats the others as white noise:

.. math::
    & y - \tfrac 1 2 = \Phi \xi + \text{noise}, \qquad A = 1 + \Phi^\top W \Phi, \qquad
    W = \mathrm{diag}(1 / \text{variance of the noise}), \\
    & \log p(y) = \tfrac 1 2 \bigl(\lVert A^{-1/2} \Phi^\top W y\rVert^2 - y^\top W y
    - \log \lvert A\rvert + \log \lvert W\rvert\bigr) + \text{constant}.
"""

import functools
import math

import torch

#: Standard deviation of an offset: offsets are nearly uniform on (0, 1).
OFFSET = 12**-0.5
#: Harmonics of each background in the likelihood have a variance above this fraction of the
#: noise's; minimum and maximum number of harmonics.
KEPT, LEAST, MOST = 0.1, 8, 40


@functools.cache
def _frequencies(side: int) -> torch.Tensor:
    """Row and column frequency of each real harmonic but the constant, and whether it is a sine,
    ordered by |k|: (d - 1, 3)."""
    found = []
    half = side // 2
    for i in range(side):
        for j in range(side):
            k = ((i + half) % side - half, (j + half) % side - half)
            opposite = (-i % side, -j % side)
            if (i, j) == (0, 0):
                continue
            sine = (i, j) > opposite  # k gives the cosine and -k the sine, or vice versa
            found.append((k[0] ** 2 + k[1] ** 2, i, j, sine))
    return torch.tensor([f[1:] for f in sorted(found)])


def squared_frequencies(side: int) -> torch.Tensor:
    """|k|^2 of the constant and of each real harmonic, increasing: (d,)."""
    half = side // 2
    k2 = sum(((f + half) % side - half).double() ** 2 for f in _frequencies(side).T[:2])
    return torch.cat([k2.new_zeros(1), k2])


class Harmonics:
    """The leading orthonormal harmonics of the torus, the constant last.

    Args:
        side: side of the images.
        alpha: exponent of their spectrum.
        count: number of harmonics without the constant.
    """

    def __init__(self, side: int, alpha: float, count: int):
        chosen = torch.cat([_frequencies(side)[:count], torch.zeros(1, 3, dtype=torch.long)])
        i, j, sine = chosen.T
        s = torch.arange(side)
        phase = 2 * math.pi / side * (i[:, None, None] * s[:, None] + j[:, None, None] * s)
        waves = torch.where(sine[:, None, None] > 0, phase.double().sin(), phase.double().cos())
        scale = waves.flatten(1).norm(dim=1)
        self.waves = (waves.flatten(1).T / scale).float()
        variances = squared_frequencies(side)[1:].pow(-alpha) / 3
        #: Standard deviations of the coefficients of a field of gain 1.
        self.sd = variances[:count].sqrt().float()
        #: Variance of a pixel of such a field due to the harmonics left out.
        self.rest = float(variances[count:].sum()) / side**2
        # <w f_k, f_l> = (+-V[k - l] +- V[k + l]) / (2 |f_k| |f_l|) for V the cosine or sine
        # transform.
        minus = (i[:, None] - i) % side * side + (j[:, None] - j) % side
        plus = (i[:, None] + i) % side * side + (j[:, None] + j) % side
        mixed = sine[:, None] != sine
        self.minus, self.plus = (t + mixed * side**2 for t in (minus, plus))
        both, second = (sine[:, None] & sine) > 0, (sine[:, None] < sine)
        by = (2 * scale[:, None] * scale).double()
        self.of_minus = (torch.where(second, -1, 1) / by).float()
        self.of_plus = (torch.where(both, -1, 1) / by).float()

    def products(self, weights: torch.Tensor) -> torch.Tensor:
        """<w f_k, f_l> for weights (..., y, x): (..., k, l)."""
        transform = torch.fft.fft2(weights)
        values = torch.cat([transform.real.flatten(-2), -transform.imag.flatten(-2)], -1)
        found = values[..., self.minus].mul_(self.of_minus)
        return found.addcmul_(values[..., self.plus], self.of_plus)


class Likelihood:
    """log p(y | contour, gains) and E[x | y, contour, gains], for many chains.

    Args:
        y: (chain, y, x), 1/2 subtracted.
        sigma: noise level.
        alpha: regularity.
        log_range: mean log of the range of a field of gain 1.
    """

    def __init__(self, y: torch.Tensor, sigma: float, alpha: float, log_range: float):
        self.y, self.sigma, self.side = y, sigma, y.shape[-1]
        typical = 0.5 * math.exp(-log_range)
        variances = squared_frequencies(self.side)[1:].pow(-alpha) / 3
        count = int((typical**2 * variances > KEPT * sigma**2).sum())
        self.harmonics = Harmonics(self.side, alpha, min(max(count, LEAST), MOST))

    def factored(self, mask, gains):
        """Precisions of the pixels, standard deviations of the coefficients, Cholesky factor of
        their posterior precision and log |covariance of y| for each mask and its gains."""
        h = self.harmonics
        squares = gains.square()[..., None, None]
        other = 1 - mask
        m2, n2 = mask.square(), other.square()
        w = 1 / (self.sigma**2 + h.rest * (squares[:, 0] * m2 + squares[:, 1] * n2))
        blocks = h.products(torch.stack([w * m2, w * mask * other, w * n2], 1))
        r = len(h.sd)
        constant = torch.full((len(gains), 1), OFFSET * self.side)
        sd = torch.cat([gains[:, :1] * h.sd, constant, gains[:, 1:] * h.sd, constant], 1)
        A = torch.empty(len(gains), 2 * r + 2, 2 * r + 2)
        A[:, : r + 1, : r + 1], A[:, r + 1 :, r + 1 :] = blocks[:, 0], blocks[:, 2]
        A[:, r + 1 :, : r + 1], A[:, : r + 1, r + 1 :] = blocks[:, 1], blocks[:, 1].mT
        A *= sd[:, :, None] * sd[:, None]
        A.diagonal(dim1=1, dim2=2).add_(1)
        factor = torch.linalg.cholesky_ex(A)[0]
        log_det = 2 * factor.diagonal(dim1=1, dim2=2).log().sum(1) - w.log().sum((1, 2))
        return w, sd, factor, log_det

    def __call__(self, mask, gains, normal=None):
        """log p (chain,) up to a constant; mean of x (chain, y, x); b and c (chain, 2, y, x), drawn
        from their posterior with the standard normal numbers (chain, coefficient), or their
        means."""
        y, other = self.y, 1 - mask
        w, sd, factor, log_det = self.factored(mask, gains)
        weighted = w * y
        parts = [(weighted * p).flatten(1) @ self.harmonics.waves for p in (mask, other)]
        told = torch.cat(parts, 1) * sd
        solved = torch.linalg.solve_triangular(factor, told[..., None], upper=False)
        explained = solved.square().sum((1, 2)) - (weighted * y).sum((1, 2))
        drawn = solved if normal is None else solved + normal[..., None]
        both = torch.cat([solved, drawn], 2)
        coefficients = torch.linalg.solve_triangular(factor.mT, both, upper=True) * sd[..., None]
        halves = coefficients.view(len(y), 2, -1, 2).movedim(3, 0)
        fields = (halves @ self.harmonics.waves.T).view(2, len(y), 2, self.side, self.side)
        b, c = fields[0].unbind(1)
        mean = mask * b + other * c
        # The residual may be due to the harmonics left out, treated as white noise.
        mean = mean + (1 - self.sigma**2 * w) * (y - mean)
        return (explained - log_det) / 2, mean, fields[1]

    def of_all(self, mask, gains) -> torch.Tensor:
        """log p of every y under every mask and its gains, up to a constant per y: (mask, y)."""
        found = []
        for m, g in zip(mask.split(64), gains.split(64), strict=True):
            w, sd, factor, log_det = self.factored(m, g)
            weighted = (w[:, None] * self.y).flatten(2)
            parts = [(weighted * p.flatten(1)[:, None]) @ self.harmonics.waves for p in (m, 1 - m)]
            told = (torch.cat(parts, 2) * sd[:, None]).mT
            solved = torch.linalg.solve_triangular(factor, told, upper=False)
            explained = solved.square().sum(1) - (weighted * self.y.flatten(1)).sum(2)
            found.append((explained - log_det[:, None]) / 2)
        return torch.cat(found)
