"""Similarity beyond pixels: cosines between features of a network supplied by the user.

A copy that is shifted, cropped or recolored is far away in pixel space. With e(x) the features of
an image x, divided by their norm, the cosine of two images is <e(x), e(y)>, for which
self-supervised copy detectors are trained (Pizzi et al., 2022; used by Somepalli et al., 2023). No
mean is removed from features.
"""

import tempfile

import numpy as np
import torch
from torch import nn

from gahb.functions import made_by
from gahb.images import read_ahead, to_float
from gahb.similarity.memorized import second_rank
from gahb.similarity.pixels import Leading

#: Images embedded at a time, and features compared at a time.
BATCH, BLOCK = 256, 2**14
#: Number of nearest images among which the second, of another cluster, is sought.
RANKS = 8


def embedding(function: str, device="cpu") -> nn.Module:
    """The network returned by the user's function, on the device and frozen.

    Random numbers drawn by the function are the same in every job.

    Args:
        function: as in `gahb.functions.made_by`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return made_by(function).to(device).eval().requires_grad_(False)


@torch.no_grad()
def features(network: nn.Module, images, device="cpu", batch: int = BATCH) -> np.ndarray:
    """Features of images divided by their norm, (image, feature), in a file and not in memory.

    The file has no name and disappears with the array. Features that are all 0 stay so.

    Args:
        network: (image, channel, y, x), floats in [0, 1], -> (image, feature).
        images: anything with a length that gives images, bytes or floats, when indexed with a
            slice; they are read, and embedded, `batch` at a time.
        device: device of the network.

    Raises:
        ValueError: the network fails on such images, or its output is not (image, feature), or is
            not finite.
    """
    found = None
    for start, block in read_ahead(images, batch):
        x = to_float(block.to(device))
        try:
            made = network(x)
        except Exception as error:
            raise ValueError(
                f"it cannot embed images of (image, channel, y, x) = {tuple(x.shape)}: {error}"
            ) from error
        shape = tuple(getattr(made, "shape", ()))
        if len(shape) != 2 or shape[0] != len(x):
            raise ValueError(
                f"it makes images of (image, channel, y, x) = {tuple(x.shape)} into "
                f"{shape or type(made).__name__}; it must be (image, feature)"
            )
        if not made.isfinite().all():
            raise ValueError(f"its features of images {start} and on are not finite")
        if found is None:
            file = tempfile.TemporaryFile()
            found = np.memmap(file, np.float32, "w+", shape=(len(images), shape[1]))
        unit = nn.functional.normalize(made.float(), dim=1)
        found[start : start + len(x)] = unit.cpu().numpy()
    return found


def nearest(
    unit: np.ndarray, among: np.ndarray, k: int = 1, device="cpu", block: int = BLOCK
) -> tuple[np.ndarray, np.ndarray]:
    """The largest cosines with others, and their indices: (image, rank), min(k, len(among)) ranks.

    In a tie the first comes first.

    Args:
        unit, among: `features` of the images and of the others, both read a block at a time.
    """
    cosines, index = [], []
    for start in range(0, len(unit), block):
        some = torch.tensor(unit[start : start + block]).to(device)
        best = Leading(len(some), min(k, len(among)), device)
        for first in range(0, len(among), block):
            others = torch.tensor(among[first : first + block]).to(device)
            best.update(some @ others.T, first)
        cosines.append(best.score.cpu().numpy())
        index.append(best.index.cpu().numpy())
    return np.concatenate(cosines).clip(-1, 1), np.concatenate(index)


def ratio(cosine: np.ndarray) -> np.ndarray:
    """d1 / d2 of the distances between features to the nearest training image and to the nearest
    one of another cluster: (image,).

    d^2 = 2 - 2 c. By the 1/3 rule a sample is memorized where d1 <= d2 / 3. With a single training
    image, an image that has nothing in common with the sample (c = 0) stands in for the second.

    Args:
        cosine: (image, rank), from `nearest`.
    """
    # Below the rounding error of single precision, two images are the same.
    distance = np.sqrt(np.where(1 - cosine < 1e-6, 0, 1 - cosine))
    first, second = distance[:, 0], np.ones(len(distance), distance.dtype)
    if distance.shape[1] > 1:
        rank = second_rank(torch.from_numpy(distance)).numpy()
        second = distance[np.arange(len(distance)), rank]
    return np.where(first == 0, 0, first / np.maximum(second, 1e-3))
