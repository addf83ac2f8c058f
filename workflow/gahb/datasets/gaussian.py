"""Gaussian images: stationary on the torus, so that spectrum and mean determine them.

Coefficients of the orthonormal Fourier transform are independent, with variance |k|^-beta (k = 0 is
treated as 1) or the power spectrum of another data set's images; channels are independent. Values
are not bounded.
"""

import numpy as np
import scipy.fft

from gahb import store
from gahb.datasets.base import Source

#: Images whose spectra are added up at a time.
BLOCK = 1024
#: Mean and standard deviation of pixels where no data set is imitated.
MEAN, SD = 0.5, 0.2


def _power_law(side: int, beta: float) -> np.ndarray:
    k = scipy.fft.fftfreq(side, 1 / side)
    k2 = k[:, None] ** 2 + k**2
    spectrum = np.where(k2 == 0, 1, k2)[None] ** (-beta / 2)
    return spectrum * SD**2 / spectrum.mean()


def _of(original: Source) -> tuple[np.ndarray, np.ndarray]:
    """Mean (channel,) and power spectrum (channel, y, x) about it, averaged over a source."""
    total = power = 0
    for start in range(0, original.count, BLOCK):
        images = original.read(start, min(start + BLOCK, original.count))
        images = images / (255 if images.dtype == np.uint8 else 1)
        coefficients = scipy.fft.fft2(images.astype(np.float64), norm="ortho")
        total = total + coefficients[:, :, 0, 0].real.sum(0)
        power = power + np.square(np.abs(coefficients)).sum(0)
    constant, spectrum = total / original.count, power / original.count
    spectrum[:, 0, 0] -= constant**2
    return constant / images.shape[-1], spectrum


def draw(seed: int, index: np.ndarray, mean: np.ndarray, spectrum: np.ndarray) -> np.ndarray:
    """The images of these indices: (image, channel, y, x), float32."""
    white = [
        np.random.Generator(np.random.SFC64([seed, int(i)])).standard_normal(spectrum.shape)
        for i in index
    ]
    coefficients = scipy.fft.fft2(np.array(white)) * np.sqrt(spectrum)
    return (mean[:, None, None] + scipy.fft.ifft2(coefficients).real).astype(np.float32)


def gaussian(
    *,
    images: int,
    seed: int,
    beta: float | None = None,
    side: int | None = None,
    sd: float | None = None,
    original: Source | None = None,
) -> Source:
    """A source of `images` Gaussian images.

    Args:
        images: number of images.
        seed: seed of their white noise.
        beta, side: exponent of the spectrum and side of the images, without `original`.
        sd: standard deviation of the pixels; by default as in `original`, or SD.
        original: images whose mean and spectrum they have.
    """
    if original:
        mean, spectrum = _of(original)
        origin = f"Gaussian with the spectrum of: {original.origin}"
    else:
        mean, spectrum = np.array([MEAN]), _power_law(side, beta)
        origin = f"Gaussian with the spectrum |k|^-{beta:g}"
    if sd is not None:
        spectrum *= sd**2 / spectrum.mean()
    # As it is stored, and thus known.
    mean, spectrum = mean.astype(np.float32), spectrum.astype(np.float32)
    distribution = {
        "mean": store.variable("channel", mean, "mean of a pixel"),
        "spectrum": store.variable(
            ("channel", "row_frequency", "column_frequency"),
            spectrum,
            "variance of a coefficient of the orthonormal Fourier transform",
        ),
    }
    return Source(
        images,
        lambda start, stop: draw(seed, np.arange(start, stop), mean, spectrum),
        origin,
        distribution=distribution,
    )
