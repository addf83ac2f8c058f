"""Patches of the photographs that ship inside scikit-image: real pictures, no download."""

import numpy as np

from gahb.datasets.base import Source
from gahb.datasets.pictures import Pictures, prepared
from gahb.packages import Needed

skimage, data = Needed("skimage"), Needed("skimage.data")

PICTURES = (
    "astronaut",
    "brick",
    "camera",
    "chelsea",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "motorcycle",
    "rocket",
)


def picture(name: str) -> np.ndarray:
    """A bundled photograph as bytes (y, x, channel)."""
    image = data.stereo_motorcycle()[0] if name == "motorcycle" else getattr(data, name)()
    return image.reshape(*image.shape[:2], -1)


def photographs(*, side: int, stride: int, scales: list[float], seed: int) -> Source:
    """Patches of all bundled photographs, with `group` the photograph."""
    pictures = Pictures(
        len(PICTURES),
        lambda index: (picture(PICTURES[i]) for i in index),
        PICTURES.__getitem__,
        f"photographs of scikit-image {skimage.__version__}",
    )
    return prepared(pictures, side=side, patches={"stride": stride, "scales": scales}, seed=seed)
