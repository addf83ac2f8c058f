"""How alike images are: nearest training images, memorization, reproducibility.

A cosine, between mean-removed images, near 1 between a sample and a training image says that it was
memorized; near 1 between the samples of two networks, that they learned the same density. Blank
images have cosine 0 with every image.

Training sets are read a block at a time: `among` is anything with a length that gives images
(image, channel, y, x), bytes or floats, as a tensor or an array, when indexed with a slice or with
an array of indices.
"""

import dataclasses
import math

import torch

from gahb.images import read_ahead, to_float

#: Bytes of float32 images and of scores that are held at a time.
BLOCK_BYTES = 128 * 2**20


def standardized(images: torch.Tensor) -> torch.Tensor:
    """Images flattened, mean removed, norm 1: (image, pixel). Blank images become 0."""
    flat = to_float(images).flatten(1)
    flat = flat - flat.mean(1, keepdim=True)
    return flat * _inverse(flat.norm(dim=1, keepdim=True), flat.shape[1])


def _inverse(norm: torch.Tensor, pixels: int) -> torch.Tensor:
    """1 / norm of mean-removed images; 0 for blank ones."""
    return torch.where(norm <= 1e-6 * pixels**0.5, 0.0, 1 / norm)


def paired_cosine(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Cosine between a[i] and b[i], mean removed: (image,)."""
    return (standardized(a) * standardized(b)).sum(1)


@dataclasses.dataclass
class Nearest:
    """For each image the nearest others, (image, rank); rank 0 is the nearest.

    cosine, by_cosine: largest cosines, and the indices of those others.
    distance, by_distance: smallest L2 distances (root of the sum over pixels), and the indices.

    Of equally near ones the first comes first.
    """

    cosine: torch.Tensor
    by_cosine: torch.Tensor
    distance: torch.Tensor
    by_distance: torch.Tensor


def nearest(images: torch.Tensor, among, k: int = 1, block: int | None = None) -> Nearest:
    """The min(k, len(among)) nearest others of each image, exactly, by cosine and by L2.

    One matrix product per block gives both: with a and b mean-removed images, and a0 and b0 their
    means, |x - y|^2 = |a|^2 + |b|^2 - 2 <a, b> + d (a0 - b0)^2. Near images cancel in it, so the
    candidates, two more than asked for, are compared again pixel by pixel.

    Args:
        images: (image, channel, y, x).
        among: the others, as this module's docstring says.
        k: how many.
        block: others compared at a time; bounds the memory.
    """
    x = to_float(images).flatten(1)
    rows, pixels = x.shape
    spare, length = min(k + 2, len(among)), block or _block_length(pixels, 2 * rows)
    unit, mean = standardized(x), x.mean(1)
    twice_norm = 2 * (x - mean[:, None]).norm(dim=1, keepdim=True)
    # What the means have in common would drown what tells near images apart.
    bright = mean.median()
    mean = mean - bright
    best = [Leading(rows, spare, x.device) for _ in range(2)]
    # Reused, because fresh memory costs as much as the arithmetic on it.
    flat = torch.empty(min(length, len(among)), pixels, device=x.device)
    products, scores = torch.empty(2, rows, len(flat), device=x.device)
    for start, others in read_ahead(among, length):
        count = len(others)
        y = flat[:count].copy_(others.to(x.device).flatten(1))
        level = y.mean(1)
        norm = y.sub_(level[:, None]).norm(dim=1)
        # Bytes are divided by 255 where there are fewest numbers.
        white = 255 if others.dtype == torch.uint8 else 1
        level, norm = level / white - bright, norm / white
        cosine = products[:, :count]
        torch.addmm(cosine, unit, y.T, beta=0, alpha=1 / white, out=cosine)
        nearness = torch.mul(cosine, twice_norm, out=scores[:, :count])
        nearness.addr_(mean, level, alpha=2 * pixels).sub_(norm**2 + pixels * level**2)
        best[0].update(cosine.mul_(_inverse(norm, pixels)), start)
        best[1].update(nearness, start)
    del flat, products, scores
    exact = [[], []]
    # Read for many, because chunks are read whole; compared for few, which the caches hold.
    for many in torch.arange(rows).split(max(1, BLOCK_BYTES // (2 * spare * others[0].nbytes))):
        index = torch.cat([leading.index[many] for leading in best], 1)
        candidates = torch.as_tensor(among[index.flatten().cpu().numpy()])
        candidates = candidates.reshape(*index.shape, *images.shape[1:])
        for some, few in zip(many.split(32), candidates.split(32), strict=True):
            others = to_float(few.to(x.device)).flatten(2)
            cosine = standardized(others[:, :spare].flatten(0, 1)).reshape(-1, spare, pixels)
            exact[0].append((cosine @ unit[some, :, None])[:, :, 0])
            exact[1].append((others[:, spare:] - x[some, None]).norm(dim=2).neg())
    leading = [b.refined(torch.cat(e), min(k, spare)) for b, e in zip(best, exact, strict=True)]
    return Nearest(*leading[0], -leading[1][0], leading[1][1])


class Leading:
    """The largest scores so far in each row, and where they were; of equal ones the first."""

    def __init__(self, rows: int, count: int, device):
        self.score = torch.full((rows, count), -torch.inf, device=device)
        self.index = torch.zeros(rows, count, dtype=torch.long, device=device)

    def update(self, scores: torch.Tensor, start: int) -> None:
        """Take in `scores` (row, other) of the others from `start` on."""
        count = self.score.shape[1]
        rows = (scores.amax(1) > self.score[:, -1]).nonzero()[:, 0]
        if not len(rows):
            return
        scores = scores[rows]
        found, where = [self.score[rows]], [self.index[rows]]
        for _ in range(min(count, scores.shape[1])):
            # `max` gives the first of equal ones, which `topk` does not.
            score, index = scores.max(1, keepdim=True)
            scores.scatter_(1, index, -torch.inf)
            found.append(score)
            where.append(index + start)
        found, where = torch.cat(found, 1), torch.cat(where, 1)
        order = found.argsort(dim=1, descending=True, stable=True)[:, :count]
        self.score[rows], self.index[rows] = found.gather(1, order), where.gather(1, order)

    def refined(self, scores: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The `count` best by the exact `scores` of the same others, and where they are."""
        order = self.index.argsort(dim=1)
        scores, index = scores.gather(1, order), self.index.gather(1, order)
        order = scores.argsort(dim=1, descending=True, stable=True)[:, :count]
        return scores.gather(1, order), index.gather(1, order)


def _block_length(*floats: int) -> int:
    """How many others, each of so many numbers, fill a block: a power of two, as chunks are, so
    that none is read twice."""
    return 2 ** max(0, int(math.log2(BLOCK_BYTES / (4 * max(floats)))))


def closest_pairs(first, second, device="cpu", block: int = 4096) -> Nearest:
    """The nearest of `second` to each of `first`, on the CPU; both are read a block at a time.

    Computed on `device`, `block` of `first` at a time.
    """
    found = [
        nearest(torch.as_tensor(first[start : start + block]).to(device), second)
        for start in range(0, len(first), block)
    ]
    fields = [field.name for field in dataclasses.fields(Nearest)]
    return Nearest(*(torch.cat([getattr(part, name).cpu() for part in found]) for name in fields))


def nearest_patches(
    images: torch.Tensor, among, patch: int, block: int | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The closest patch, at the same place, of any of the others, for each patch of each image.

    In the transition regime a sample can be put together of parts of several training images.

    Args:
        images: (image, channel, y, x).
        among: the others, as this module's docstring says.
        patch: side in pixels; patches do not overlap, pixels that fill no patch are left out.
        block: others compared at a time; bounds the memory.

    Returns: cosines and indices of the others, both (image, patch row, patch column).
    """
    rows, columns = images.shape[2] // patch, images.shape[3] // patch
    place = rows * columns

    def patches(batch: torch.Tensor) -> torch.Tensor:
        cut = to_float(batch)[:, :, : rows * patch, : columns * patch]
        cut = cut.unflatten(3, (columns, patch)).unflatten(2, (rows, patch))
        cut = cut.permute(2, 4, 0, 1, 3, 5)  # row, column, image, channel, y, x
        return standardized(cut.reshape(place * len(batch), -1)).reshape(place, len(batch), -1)

    unit = patches(images)
    best = torch.full((place, len(images)), -torch.inf, device=images.device)
    index = torch.zeros_like(best, dtype=torch.long)
    length = block or _block_length(images[0].numel(), place * len(images))
    for start in range(0, len(among), length):
        others = torch.as_tensor(among[start : start + length]).to(images.device)
        cosine, where = (unit @ patches(others).mT).max(2)
        closer = cosine > best
        best = torch.where(closer, cosine, best)
        index = torch.where(closer, where + start, index)
    shape = (len(images), rows, columns)
    return best.T.reshape(shape), index.T.reshape(shape)


@dataclasses.dataclass
class Fit:
    """How well the nearest training images, each at its best scale and mean, explain an image.

    scale: (image, rank), a >= 0 of the least squares of y on a x + b, where y is the image and x
        the training image; 1 where they have the same contrast.
    residual: (image, rank), |y - a x - b| / |y - mean of y|, from 0 (y lies on the ray of x) to 1
        (x explains nothing); sqrt(1 - c^2) for a cosine c > 0.
    """

    scale: torch.Tensor
    residual: torch.Tensor

    @property
    def ratio(self) -> torch.Tensor:
        """d1 / d2 of the two nearest, (image,); 0 where the first explains everything.

        With a single training image the blank image is the second: it explains nothing.
        """
        first = self.residual[:, 0]
        second = self.residual[:, 1] if self.residual.shape[1] > 1 else torch.ones_like(first)
        return torch.where(first == 0, 0.0, first / second)

    @property
    def memorized(self) -> torch.Tensor:
        """Which images are memorized, by the 1/3 rule of Yoon et al. (2023): (image,).

        Neither the contrast of an image nor that of a training image changes it, because a network
        without biases has f(a y) = a f(y): it memorizes rays. One between two training images that
        are equal but for contrast is not memorized, unless it lies on their ray.
        """
        return self.ratio <= 1 / 3


def fit(images: torch.Tensor, among, found: Nearest) -> Fit:
    """Fit the training images that are nearest by cosine to the images.

    Held-out images, fitted in the same way, give the rule's false positives.

    Args:
        images: (image, channel, y, x).
        among: the training images, as this module's docstring says.
        found: `nearest(images, among, k)`; two ranks at most are fitted.
    """
    index = found.by_cosine[:, :2]
    others = torch.as_tensor(among[index.flatten().cpu().numpy()]).to(images.device)
    x = to_float(others).flatten(1).reshape(*index.shape, -1)
    y = to_float(images).flatten(1)[:, None]
    x, y = x - x.mean(2, keepdim=True), y - y.mean(2, keepdim=True)
    inverse = _inverse(x.norm(dim=2, keepdim=True), x.shape[2])
    scale = ((x * y).sum(2, keepdim=True) * inverse**2).clamp(min=0)
    size = _inverse(y.norm(dim=2, keepdim=True), x.shape[2])
    residual = torch.where(size > 0, (y - scale * x).norm(dim=2, keepdim=True) * size, 1.0)
    # What single precision leaves of nothing.
    residual = torch.where(residual < 1e-5, 0.0, residual)
    return Fit(scale[:, :, 0], residual[:, :, 0])


def memorized_by_distance(images: torch.Tensor, found: Nearest) -> torch.Tensor:
    """The 1/3 rule as published: (image,), True or False; a change of contrast changes it.

    An image is memorized if its L2 distance to the nearest training image is at most a third of
    that to the second nearest (Yoon et al., 2023). One between two equal training images is not,
    unless it equals them. With a single training image, the blank image of the same mean stands in
    for the second nearest.

    Args:
        images: (image, channel, y, x).
        found: their two nearest training images.
    """
    if found.distance.shape[1] > 1:
        second = found.distance[:, 1]
    else:
        flat = to_float(images).flatten(1)
        second = (flat - flat.mean(1, keepdim=True)).norm(dim=1)
    return found.distance[:, 0] <= second / 3
