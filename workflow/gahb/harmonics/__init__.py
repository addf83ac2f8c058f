"""How harmonic eigenvectors are, and how well a basis is adapted to its image.

`oscillation` looks at each eigenvector's local spectrum, `adaptivity` at how few coefficients an
image has in the basis of its own noisy version, and `known` at images whose geometry is known.
"""

import numpy as np
import xarray as xr


def roughness(vectors: xr.DataArray) -> np.ndarray:
    """How much neighbouring pixels differ: 0 if constant, 1 as in white noise: (rank,).

    Args:
        vectors: (rank, channel, y, x), of norm 1.
    """
    pixels = ("channel", "y", "x")
    squares = [np.square(vectors.diff(dim)) for dim in ("y", "x")]
    pairs = sum(s[0].size for s in squares)
    return sum(s.sum(pixels) for s in squares).values * vectors[0].size / (2 * pairs)
