"""The variation of the images in a data set, measured while they are written."""

import numpy as np

#: Standard deviation about the mean image, with white = 1, below which images hardly vary. Values
#: of 12 bits saved as 16 cannot exceed it: they end at 1/16.
HARDLY = 1 / 32
#: Images that are nowhere brighter than this fraction of white have probably lost their scale.
DARK = 1 / 8


class Variation:
    """Deviation from the mean image, and extremes, of images that are added in blocks."""

    def __init__(self):
        self.count = self.flat = self.total = self.squares = self.brightest = 0

    def add(self, images: np.ndarray) -> None:
        """Add images (image, channel, y, x), bytes or floats in [0, 1]."""
        self.white = 255 if images.dtype == np.uint8 else 1
        each = images.reshape(len(images), -1)
        low, high = each.min(1), each.max(1)
        self.count += len(images)
        self.flat += int((low == high).sum())
        self.brightest = max(self.brightest, high.max().item())
        self.total = self.total + each.sum(0, dtype=np.float64)
        self.squares += np.einsum("ij,ij->", each, each, dtype=np.float64)

    @property
    def deviation(self) -> float:
        """Root mean square, over images and pixels, of the difference from the mean image."""
        mean = self.total / self.count
        variance = self.squares / (self.count * mean.size) - (mean**2).mean()
        return max(variance, 0) ** 0.5 / self.white

    def warning(self) -> str:
        """The likely mistake in images that hardly vary; empty for others."""
        deviation = self.deviation
        if self.count < 2 or deviation > HARDLY:
            return ""
        found = (
            f"the images hardly vary: their standard deviation about the mean image is "
            f"{deviation:.2g} where white is 1"
        )
        if self.flat:
            found += f"; {self.flat} of {self.count} are of one value alone"
        if self.brightest < DARK * self.white:
            found += f"; the brightest value is {self.brightest:.3g} where white is {self.white}"
        if self.brightest <= 1.001 * self.white / 255:  # floats are rounded
            factor = "of 0 and 1" if self.white == 255 else "divided by 255 twice"
            return f"{found}; if they are {factor}, multiply them by 255"
        if self.brightest <= self.white / 15:
            return f"{found}; if they are of 12 bits saved as 16, multiply them by 16"
        return found
