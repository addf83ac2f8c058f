"""A mixture of images: one of a few equally likely templates plus white Gaussian noise.

Values are not bounded.
"""

import numpy as np

from gahb import store
from gahb.datasets.base import Source


def mixture(*, original: Source, templates: int, sd: float, images: int, seed: int) -> Source:
    """A source of `images` images: the first `templates` of `original`, spread by `sd`.

    Raises:
        ValueError: `original` has fewer than `templates` images.
    """
    if templates > original.count:
        raise ValueError(f"templates: {templates} are asked for, but {original.count} images given")
    chosen = original.read(0, templates)
    chosen = (chosen / (255 if chosen.dtype == np.uint8 else 1)).astype(np.float32)

    def read(start, stop):
        found = np.empty((stop - start, *chosen.shape[1:]), np.float32)
        for image, i in zip(found, range(start, stop), strict=True):
            generator = np.random.Generator(np.random.SFC64([seed, i]))
            image[:] = chosen[generator.integers(templates)]
            image += sd * generator.standard_normal(image.shape, np.float32)
        return found

    dims = ("template", "channel", "y", "x")
    distribution = {
        "templates": store.variable(dims, chosen, "images without the noise"),
        "spread": store.variable((), np.float32(sd), "standard deviation of the noise"),
    }
    origin = f"{templates} images with noise of {sd:g}: {original.origin}"
    return Source(images, read, origin, distribution=distribution)
