"""The judgement: which samples are copies, and how often the same rules err on other images.

Every rule is applied to images that no model was trained on, too: held-out images or, without any,
training images that are each compared with all the others.
"""

import contextlib
import dataclasses
from typing import NamedTuple

import numpy as np
import torch
import xarray as xr

from gahb import statistics, store
from gahb.copies.comparison import by_features, compared, pooled, steps
from gahb.copies.copying import MOST, in_cells, z_score
from gahb.copies.reading import Images, read
from gahb.datasets.base import ImageError

#: Number of training images that stand in for held-out ones, and the cosine above which such an
#: image has a duplicate in the training set, so that it is not new.
LEFT_OUT, SAME = 1000, 0.99
#: Description of each variable in the store.
WORDS = {
    "nearest": "index of the nearest training image",
    "mirrored": "the mirror image of that is nearer",
    "cosine": "cosine to it, means removed",
    "contrast": "contrast against it",
    "ratio": "part that it leaves unexplained, over the part that one of another cluster leaves",
    "residual": "fraction that it leaves unexplained",
    "memorized": "a copy by the 1/3 rule, contrast and mean fitted",
    "memorized_by_distance": "a copy by the 1/3 rule as published",
    "blank": "a flat image",
    "patch": "how many of its patches are copies",
    "patch_of": "index of the training image of the first of these, -1 where there is none",
    "nearest_embedded": "index of the nearest training image by features",
    "cosine_embedded": "cosine to its features",
    "ratio_embedded": "distance to it over the distance to one of another cluster, by features",
    "memorized_embedded": "a copy by the 1/3 rule, by features",
}


class Pair(NamedTuple):
    """A sample and the training image nearest to it.

    mirrored: whether its mirror image is the nearest. ratio: d1 / d2. contrast: of the sample
    relative to it. memorized: by the 1/3 rule. patch: how many patches of the sample are copies.
    """

    sample: str
    train: str
    mirrored: bool
    cosine: float
    ratio: float
    contrast: float
    memorized: bool
    patch: int


@dataclasses.dataclass(frozen=True)
class Audit:
    """The result of an audit.

    found: the store, audit.zarr: all values for each sample, held-out image and training image.
    train, samples, held_out: the images; held_out are training images where `stand_in`.
    same: how many stand-ins were left out because the training set holds a duplicate.
    compared: how the images were brought to one size, in words.
    """

    found: xr.Dataset
    train: Images
    samples: Images
    held_out: Images
    stand_in: bool
    same: int
    compared: str

    @property
    def fraction(self) -> float:
        """Fraction of the samples that are copies of a training image."""
        return float(self.found.memorized_fraction[0])

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of `fraction` (Wilson's)."""
        return tuple(map(float, self.found.memorized_fraction[1:]))

    @property
    def false_positives(self) -> float:
        """Fraction of the held-out images that the same rule takes for copies."""
        return float(self.found.false_positives[0])

    @property
    def z(self) -> float:
        """z of Meehan et al. (2020): far below 0, samples are closer than new images are."""
        return float(self.found.z)

    @property
    def closest(self) -> np.ndarray:
        """Indices of the samples by rising ratio: (sample,)."""
        return np.argsort(self.found.ratio.values, kind="stable")

    @property
    def pairs(self) -> list[Pair]:
        """Each sample with the training image nearest to it, the closest pairs first."""
        order = self.closest
        f = {name: self.found[name].values[order] for name in WORDS if name in self.found}
        names = [self.samples.names[i] for i in order], [self.train.names[i] for i in f["nearest"]]
        values = (f[name].tolist() for name in Pair._fields[2:])
        return [Pair(*row) for row in zip(*names, *values, strict=True)]


def audit(
    train,
    samples,
    held_out=None,
    *,
    side: int | None = None,
    embedding: str | None = None,
    workers: int | None = None,
    device=None,
    bar=lambda total, doing: contextlib.nullcontext(),
) -> Audit:
    """Are samples copies of training images?

    Args:
        train, samples, held_out: paths of folders, archives or arrays of images, or arrays (image,
            channel, y, x) of bytes or of floats in [0, 1]. Held-out images are like the training
            images, but no model was trained on them.
        side: pixels to which images are resized; see `gahb.copies.reading.read`.
        embedding: "module:function" that returns a network (image, channel, y, x) -> (image,
            feature), in whose feature space images are compared, too.
        workers: threads that read images.
        device: of the computation; by default a GPU if there is one.
        bar: (total, description) -> a context with a progress bar that has `update(count)`.

    Raises:
        ImageError: images cannot be read, and the message names the file; or there are fewer than
            three training images and no held-out ones.
        ValueError: the embedding cannot embed them.
    """
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    sets = [train, samples, *([] if held_out is None else [held_out])]
    (train, samples, *rest), how = read(sets, side, workers, bar)
    own, same, stand_in = None, 0, not rest
    if stand_in:
        own, others = _left_out(train)
        rest = [others]
    (others,), sides, owns = rest, [samples, *rest], [None, own]
    with bar(sum(steps(i.pixels, train.pixels) for i in sides), "compared") as shown:
        progress = shown.update if shown else lambda count: None
        judged, of_others = (
            compared(i.pixels, train.pixels, device, o, progress)
            for i, o in zip(sides, owns, strict=True)
        )
    if embedding:
        more = by_features([i.pixels for i in (train, *sides)], embedding, owns, device)
        judged, of_others = judged | more[0], of_others | more[1]
    if stand_in:
        new = of_others["cosine"] <= SAME
        same = int((~new).sum())
        of_others = {name: values[new] for name, values in of_others.items()}
        others = _some(others, np.flatnonzero(new))
    found = _store(judged, of_others, train, samples, others)
    return Audit(found, train, samples, others, stand_in, same, how)


def _left_out(train: Images) -> tuple[np.ndarray, Images]:
    """Indices of the training images that stand in for held-out ones, and the images.

    Raises:
        ImageError: there are fewer than three: an image, its nearest and its second nearest.
    """
    if len(train) < 3:
        raise ImageError(
            f"{train.origin}: holds {len(train)} training image(s), of which none can stand in for "
            "a held-out image; give held-out images"
        )
    own = np.random.default_rng(0).choice(len(train), min(LEFT_OUT, len(train)), replace=False)
    return np.sort(own), _some(train, np.sort(own))


def _some(images: Images, index: np.ndarray) -> Images:
    return Images(images.pixels[index], [images.names[i] for i in index], images.origin)


def _store(judged, of_held_out, train, samples, held_out) -> xr.Dataset:
    """audit.zarr."""
    sides = {"": ("sample", judged), "held_out_": ("held_out", of_held_out)}
    variables = {
        prefix + name: store.variable(dim, values, WORDS[name])
        for prefix, (dim, found) in sides.items()
        for name, values in found.items()
    }
    for by in ("", "_by_distance", "_embedded"):
        if f"memorized{by}" in judged:
            for name, found in (("memorized_fraction", judged), ("false_positives", of_held_out)):
                variables[name + by] = store.variable(
                    "bound",
                    statistics.fraction(found[f"memorized{by}"]),
                    f"fraction of the {'samples' if found is judged else 'held-out images'} that "
                    f"{WORDS['memorized' + by].replace('a copy', 'are copies')}",
                    nan="no images",
                )
    copies = np.bincount(judged["nearest"][judged["memorized"]], minlength=len(train))
    variables["copies"] = store.variable("training_image", copies, "samples that are copies of it")
    variables["z"] = store.variable(
        (),
        z_score(judged["residual"], of_held_out["residual"]),
        "data-copying z of samples against held-out images",
        nan="no held-out images",
    )
    if len(held_out):
        variables |= _cells(train, (samples, judged), (held_out, of_held_out))
    names = {"sample": samples, "held_out": held_out, "training_image": train}
    coords = {dim: store.variable(dim, np.array(i.names, str), "name") for dim, i in names.items()}
    bounds = ["estimate", "low", "high"]
    coords["bound"] = store.variable("bound", bounds, "estimate and 95 % interval")
    return xr.Dataset(variables, coords, store.provenance("Audit: copies of training images", {}))


def _cells(train: Images, *sides) -> dict[str, xr.Variable]:
    """Data-copying z in cells of the data."""
    some = np.sort(np.random.default_rng(0).permutation(len(train))[:MOST])
    z, count, mean = in_cells(
        pooled(train.pixels[some]),
        *((pooled(images.pixels), found["residual"]) for images, found in sides),
    )
    few = "too few images in a cell"
    return {
        "z_of_cell": store.variable("cell", z, "z in each cell", nan=few),
        "samples_of_cell": store.variable("cell", count, "samples in each cell"),
        "z_mean": store.variable((), mean, "mean z over cells", nan=few),
    }
