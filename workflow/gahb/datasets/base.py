"""What every source of images gives."""

import dataclasses
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass(frozen=True)
class Source:
    """Images that can be read in ranges.

    Args:
        count: number of images.
        read: (start, stop) -> images start..stop-1, (image, channel, y, x), uint8 or float32 in
            [0, 1]; the same image whatever the range.
        origin: where the images come from, in words.
        group: (count,) the picture that each image was cut from; images of one picture never go to
            different sides. None where images are independent.
        group_names: name of each picture.
    """

    count: int
    read: Callable[[int, int], np.ndarray]
    origin: str
    group: np.ndarray | None = None
    group_names: tuple[str, ...] = ()
