"""Another data set under one fixed random permutation of the pixels: the paper's control.

The pixels of an image keep their joint density but lose their geometry.
"""

import numpy as np

from gahb.datasets.base import Source


def shuffled(*, original: Source, seed: int) -> Source:
    """`original` with the pixels of every image permuted in the same way."""
    order = np.random.default_rng(seed).permutation(original.read(0, 1)[0, 0].size)

    def read(start, stop):
        images = original.read(start, stop)
        return images.reshape(*images.shape[:2], -1)[..., order].reshape(images.shape)

    return Source(
        original.count,
        read,
        f"pixels shuffled: {original.origin}",
        original.group,
        original.group_names,
    )
