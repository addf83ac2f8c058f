"""Harmonic: whether eigenvectors oscillate, each window at one frequency.

With P_w(k) the power of an eigenvector's Fourier transform in window w (Hann, half the image wide,
half overlapping), s is the fraction of sum_w sum_k P_w(k) within a bin of the two strongest
frequencies of each window, or of their mirror images -k. There are two, since a product of cosines
has two.

concentration = (s - s_0) / (1 - s_0), with s_0 the mean of s over random orthonormal bases:

1 for one or two plane waves, 0 for white noise, and below 0 for single pixels, whose spectrum is
flatter than that of noise. The measure of a basis is its mean over leading eigenvectors, weighted
by their eigenvalues. The mean of each eigenvector's pixels is subtracted first: constants are not
waves, and an eigenvector that is mostly constant is left out.
"""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import scipy.fft
import scipy.stats
import xarray as xr

#: Null models of a basis; `oscillation` has the definitions.
NULLS = ("random", "permuted", "signs", "mixed")
#: Narrower windows cannot resolve frequencies.
LEAST_WINDOW = 8
#: Strongest frequencies of a window that count.
PEAKS = 2
#: Numbers in bases that are measured together: as many as fit in a cache.
TOGETHER = 2**18


@dataclasses.dataclass(frozen=True)
class Oscillation:
    """How the leading eigenvectors of one basis oscillate.

    concentration: (rank,); without subtraction for constant eigenvectors.
    frequency: (rank,), cycles per pixel: mean over the strongest lobe of each window, by energy.
    extent: (rank,), 1 / (d sum_p e_p^4): the part of the pixels over which it extends; 1/3 in
        white noise, 1/d in a pixel.
    harmonic: the weighted mean of the concentrations; NaN where all eigenvectors are constant.
    rising: Spearman's correlation of frequency and rank.
    nulls: (null, draw), `harmonic` for bases without harmonics.
    """

    concentration: np.ndarray
    frequency: np.ndarray
    extent: np.ndarray
    harmonic: float
    rising: float
    nulls: np.ndarray


def window(side: int) -> int:
    """Side in pixels of the windows of an image."""
    return min(side, max(LEAST_WINDOW, side // 4 * 2))


@functools.cache
def _lobes(width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For the frequencies k that a real Fourier transform keeps: which others lie within a bin of k
    or -k, (k, frequency); how often each counts; and their size in cycles per pixel."""
    rows, columns = width, width // 2 + 1
    index = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), -1)
    index = index.reshape(-1, 2)
    ahead, behind = ((index[:, None] - sign * index) % width for sign in (1, -1))
    near = [np.isin(d, (0, 1, width - 1)).all(-1) for d in (ahead, behind)]
    signed = (index + width // 2) % width - width // 2
    # Both k and -k lie in the column of frequency 0 or, for an even width, of the highest one.
    twice = (index[:, 1] > 0) & (2 * index[:, 1] != width)
    return near[0] | near[1], 1 + twice.astype(np.float32), np.hypot(*signed.T) / width


def local_spectra(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The part s of each vector, and its frequency: both (vector,).

    Args:
        vectors: (vector, channel, y, x), square.
    """
    side = vectors.shape[-1]
    width = window(side)
    starts = np.linspace(0, side - width, -(-2 * (side - width) // width) + 1).round().astype(int)
    # Offset by half a pixel, so that no pixel has weight 0.
    hann = np.square(np.sin(np.pi * (np.arange(width) + 0.5) / width)).astype(np.float32)
    parts = [vectors[..., i : i + width, j : j + width] for i in starts for j in starts]
    parts = np.stack(parts, 1).astype(np.float32) * np.outer(hann, hann)
    power = np.square(np.abs(scipy.fft.rfft2(parts))).sum(2)
    near, counts, frequency = _lobes(width)
    power = power.reshape(-1, len(counts)) * counts
    energy = power.sum(1)
    lobes = []
    for _ in range(PEAKS):
        strongest = near[(power @ near.T.astype(np.float32)).argmax(1)]
        lobes.append(np.where(strongest, power, 0))
        power = np.where(strongest, 0, power)
    inside = sum(lobe.sum(1) for lobe in lobes)
    # The strongest lobe represents its window; a window without energy does not count.
    at = (lobes[0] @ frequency) / np.maximum(lobes[0].sum(1), np.finfo(np.float32).tiny)
    energy, inside, at = (each.reshape(len(vectors), -1) for each in (energy, inside, at))
    whole = energy.sum(1, dtype=float)
    return inside.sum(1, dtype=float) / whole, (energy * at).sum(1) / whole


def varying(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors minus the mean of each channel, of norm 1, and which of them are not constant.

    Constants, whose mean has more than half of the squared norm, stay unchanged.

    Args:
        vectors: (vector, channel, y, x).
    """
    centred = vectors - vectors.mean((2, 3), keepdims=True)
    norms, whole = (np.square(v).sum((1, 2, 3), keepdims=True) for v in (centred, vectors))
    vary = 2 * norms > whole
    scaled = centred / np.sqrt(np.where(vary, norms, 1))
    return np.where(vary, scaled, vectors), vary[:, 0, 0, 0]


def random_bases(shape: tuple[int, ...], draws: int, seed: int) -> np.ndarray:
    """The part s of the vectors of random orthonormal bases: (draw, vector).

    Args:
        shape: (vector, channel, y, x), of each basis.
    """
    generator = np.random.default_rng(seed)

    def draw():
        vectors = generator.standard_normal((shape[0], np.prod(shape[1:])))
        return np.linalg.qr(vectors.T)[0].T.reshape(shape)

    return _shares(draw, draws)


def _shares(draw: Callable[[], np.ndarray], draws: int) -> np.ndarray:
    """The part s of the vectors of `draws` bases from `draw`, minus their means: (draw, vector)."""
    found, waiting = [], []
    for _ in range(draws):
        waiting.append(varying(draw())[0])
        if sum(basis.size for basis in waiting) >= TOGETHER:
            found.append(local_spectra(np.concatenate(waiting))[0])
            waiting = []
    if waiting:
        found.append(local_spectra(np.concatenate(waiting))[0])
    return np.concatenate(found).reshape(draws, -1)


def oscillation(
    vectors: np.ndarray, eigenvalues: np.ndarray, random: np.ndarray, seed: int
) -> Oscillation:
    """How the leading eigenvectors oscillate, compared with bases without harmonics:

    - random: random orthonormal bases. Tests whether there is any structure.
    - permuted: these vectors, with the same permutation of pixels for all. Tests whether the
      position of pixels matters, and so also rejects vectors that are merely localized, which
      permuting spreads.
    - signs: these vectors, with random signs of the pixels, the same for all. Magnitudes stay in
      place, so this tests whether signs are ordered; vectors of noise, localized or not, keep their
      distribution.
    - mixed: these vectors, rotated at random in the space that they span, which is as smooth as
      they are. Tests whether each vector has frequencies, or a place, of its own. Constants are
      left out.

    Args:
        vectors: (rank, channel, y, x), orthonormal.
        eigenvalues: (rank,), the weights; negative ones count as 0.
        random: `random_bases` of the same shape; each null has as many draws.
        seed: seed of the permutations, signs and rotations.
    """
    generator = np.random.default_rng(seed)
    draws, flat = len(random), vectors.reshape(*vectors.shape[:-2], -1)
    of_waves, vary = varying(vectors)
    weights = np.where(vary, np.maximum(eigenvalues, 0), 0)
    # Without any positive eigenvalue all weights are equal.
    weights = weights if weights.any() else vary.astype(float)
    weights = weights / weights.sum() if vary.any() else np.full(len(vectors), np.nan)
    noise = random.mean()

    def measured(share):
        return (share - noise) / (1 - noise)

    def permuted():
        return flat[..., generator.permutation(flat.shape[-1])].reshape(vectors.shape)

    def signs():
        return vectors * generator.choice([-1.0, 1.0], vectors.shape[-2:])

    def mixed():
        found, count = vectors.copy(), np.count_nonzero(vary)
        rotation = np.linalg.qr(generator.standard_normal((count, count)))[0]
        found[vary] = np.tensordot(rotation, vectors[vary], 1)
        return found

    nulls = random, *(_shares(draw, draws) for draw in (permuted, signs, mixed))
    share, frequency = local_spectra(of_waves)
    return Oscillation(
        concentration=measured(share),
        frequency=frequency,
        extent=1 / (vectors[0].size * np.square(np.square(vectors)).sum((1, 2, 3))),
        harmonic=float(measured(share) @ weights),
        rising=_spearman(frequency),
        nulls=np.stack([measured(each) @ weights for each in nulls]),
    )


def _spearman(frequency: np.ndarray) -> float:
    """Rank correlation with k = 1, 2, ...; 0 if all values are the same."""
    if np.ptp(frequency) == 0:
        return 0.0
    return float(scipy.stats.spearmanr(np.arange(len(frequency)), frequency).statistic)


def roughness(vectors: xr.DataArray) -> np.ndarray:
    """How much neighboring pixels differ, from 0 for constants to 1 for white noise: (rank,).

    Args:
        vectors: (rank, channel, y, x), of norm 1.
    """
    pixels = ("channel", "y", "x")
    squares = [np.square(vectors.diff(dim)) for dim in ("y", "x")]
    pairs = sum(s[0].size for s in squares)
    return sum(s.sum(pixels) for s in squares).values * vectors[0].size / (2 * pairs)
