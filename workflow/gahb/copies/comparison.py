"""Verdicts of each rule on images compared with the training images."""

import numpy as np
import torch

from gahb.duplicates import features
from gahb.images import to_float
from gahb.similarity import embedding as embedded
from gahb.similarity.memorized import fit, memorized_by_distance
from gahb.similarity.patches import copied_patches
from gahb.similarity.pixels import blank, nearest, without

#: Nearest images considered, and bytes of float32 images compared at a time.
RANKS, BYTES = 3, 2**26
#: Patches along each side, and images whose patches are compared at a time.
PATCHES, FOR_PATCHES = 4, 1024


class _Watched:
    """Training images that report each block that is read."""

    def __init__(self, pixels: np.ndarray, progress):
        self.pixels, self.progress = pixels, progress

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, which) -> np.ndarray:
        found = self.pixels[which]
        if isinstance(which, slice):
            self.progress(len(found))
        return found


def blocks(images: np.ndarray, length: int) -> list[slice]:
    return [slice(s, min(s + length, len(images))) for s in range(0, len(images), length)]


def lengths(images: np.ndarray) -> tuple[int, int]:
    """Number of images compared at a time: as whole images, and by patches."""
    return max(1, BYTES // (4 * images[0].size)), FOR_PATCHES


def steps(images: np.ndarray, train: np.ndarray) -> int:
    """Number of training images that `compared` reads, counting repeats, for a progress bar."""
    return len(train) * sum(len(blocks(images, length)) for length in lengths(images))


def compared(images, train, device, own=None, progress=lambda count: None) -> dict[str, np.ndarray]:
    """Verdict of each rule on each image, by name: (image,).

    nearest, mirrored, cosine, contrast, ratio: the nearest training image, whether its mirror image
    is meant, the cosine and contrast with it, and d1 / d2; residual: d1; memorized,
    memorized_by_distance: by the 1/3 rule, with contrast and mean fitted, and as published; blank;
    patch, patch_of: how many patches are copies, and which training image the first comes from.

    Args:
        images, train: (image, channel, y, x), bytes or floats.
        device: device of the computation.
        own: (image,), index of each image in `train` if the images are training images, which are
            not compared with themselves.
        progress: called with the number of training images in each block.
    """
    watched, found = _Watched(train, progress), []
    whole, for_patches = lengths(images)
    for some in blocks(images, whole):
        of = None if own is None else torch.as_tensor(own[some], device=device)
        x = to_float(torch.tensor(images[some]).to(device))
        found.append(_whole(x, watched, train, of))
    found = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
    counts, first = [], []
    for some in blocks(images, for_patches):
        of = None if own is None else torch.as_tensor(own[some], device=device)
        x = torch.tensor(images[some]).to(device)
        copied, index = copied_patches(x, watched, max(2, min(x.shape[2:]) // PATCHES), of)
        copied, index = copied.flatten(1), index.flatten(1)
        counts.append(copied.sum(1).cpu().numpy())
        place = copied.int().argmax(1, keepdim=True)
        first.append(torch.where(copied.any(1), index.gather(1, place)[:, 0], -1).cpu().numpy())
    return found | {"patch": np.concatenate(counts), "patch_of": np.concatenate(first)}


def _whole(x, watched, train, own) -> dict[str, np.ndarray]:
    found = nearest(x, watched, RANKS, mirrored=True, own=own)
    fitted = fit(x, train, found, mirrored=True, own=own)
    values = {
        "nearest": found.by_cosine[:, 0],
        "mirrored": found.mirrored[:, 0],
        "cosine": found.cosine[:, 0],
        "contrast": fitted.scale[:, 0],
        "ratio": fitted.ratio,
        "residual": fitted.residual[:, 0],
        "memorized": fitted.memorized,
        "memorized_by_distance": memorized_by_distance(x, found),
        "blank": blank(x),
    }
    return {name: value.cpu().numpy() for name, value in values.items()}


def by_features(sets, function: str, owns, device) -> list[dict[str, np.ndarray]]:
    """Verdicts of the 1/3 rule in the feature space of a network, for each set of images.

    Args:
        sets: the training images, followed by the images to compare with them.
        function: as `gahb.similarity.embedding.embedding` takes it.
        owns: for each of the latter, `own` as in `compared`.
        device: of the computation.

    Raises:
        ValueError: the network cannot embed the images.
    """
    network = embedded.embedding(function, device)
    try:
        known, *others = [embedded.features(network, pixels, device) for pixels in sets]
    except ValueError as error:
        raise ValueError(f"--embedding {function}: {error}") from error
    found = []
    for unit, own in zip(others, owns, strict=True):
        cosine, index = embedded.nearest(unit, known, embedded.RANKS + (own is not None), device)
        if own is not None:
            index, cosine = (
                v.numpy() for v in without(*map(torch.from_numpy, (own, index, cosine)))
            )
        ratio = embedded.ratio(cosine)
        found.append(
            {
                "nearest_embedded": index[:, 0],
                "cosine_embedded": cosine[:, 0],
                "ratio_embedded": ratio,
                "memorized_embedded": ratio <= 1 / 3,
            }
        )
    return found


def pooled(pixels: np.ndarray, block: int = 2048) -> np.ndarray:
    """`gahb.duplicates.features` of images, read a block at a time."""
    return np.concatenate([features(np.asarray(pixels[some])) for some in blocks(pixels, block)])
