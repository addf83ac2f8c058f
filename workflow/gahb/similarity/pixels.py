"""Which training images are nearest to an image, by cosine and by distance; agreement of samples.

Cosines are between mean-removed images. A cosine near 1 between a sample and a training image means
that it was memorized; between the samples of two networks, that they learned the same density.
Blank images, flat at any gray level, have cosine 1 with one another and 0 with all others.

Training sets are read a block at a time: `among` is anything with a length that gives images
(image, channel, y, x), bytes or floats, as a tensor or an array, when indexed with a slice or with
an array of indices.
"""

import dataclasses
import math
from collections.abc import Iterator

import torch

from gahb.images import read_ahead, to_float

#: Bytes of float32 images read at a time; images compared with as many others at a time, so that
#: the scores stay in the caches.
BLOCK_BYTES, TILE = 2**27, 1024


def standardized(images: torch.Tensor) -> torch.Tensor:
    """Images flattened, mean removed, norm 1: (image, pixel). Blank images become 0."""
    flat = to_float(images).flatten(1)
    flat = flat - flat.mean(1, keepdim=True)
    return flat * inverse(flat.norm(dim=1, keepdim=True), flat.shape[1])


def inverse(norm: torch.Tensor, pixels: int) -> torch.Tensor:
    """1 / norm of mean-removed images; 0 for blank ones."""
    return torch.where(norm <= 1e-6 * pixels**0.5, 0.0, 1 / norm)


def blank(images: torch.Tensor) -> torch.Tensor:
    """Whether each image is flat, at any gray level: (image,)."""
    flat = to_float(images).flatten(1)
    return inverse((flat - flat.mean(1, keepdim=True)).norm(dim=1), flat.shape[1]) == 0


def paired_cosine(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Cosine between a[i] and b[i], mean removed: (image,)."""
    both = blank(a) & blank(b)
    return torch.where(both, 1.0, (standardized(a) * standardized(b)).sum(1))


@dataclasses.dataclass
class Nearest:
    """The nearest others of each image, (image, rank); rank 0 is the nearest.

    cosine, by_cosine: largest cosines, and the indices of those others.
    mirrored: True where the mirrored other has this cosine.
    distance, by_distance: smallest L2 distances (root of the sum over pixels), and the indices;
        others are never mirrored here.

    In a tie the first comes first.
    """

    cosine: torch.Tensor
    by_cosine: torch.Tensor
    mirrored: torch.Tensor
    distance: torch.Tensor
    by_distance: torch.Tensor


def nearest(
    images: torch.Tensor,
    among,
    k: int = 1,
    block: int | None = None,
    mirrored: bool = False,
    own: torch.Tensor | None = None,
) -> Nearest:
    """The min(k, len(among)) nearest others of each image, exactly, by cosine and by L2.

    One matrix product per block gives both: with a and b mean-removed images, and a0 and b0 their
    means, |x - y|^2 = |a|^2 + |b|^2 - 2 <a, b> + d (a0 - b0)^2. For near images this suffers from
    cancellation, so the candidates, two more than requested, are compared again pixel by pixel.

    Mirrored others need no further products: with even and odd parts under the mirror, <a, b> =
    <a_even, b_even> + <a_odd, b_odd>, and for the mirrored b the second term changes sign.

    Args:
        images: (image, channel, y, x).
        among: the others, as described at the top of this module.
        k: how many.
        block: others compared at a time, which bounds the memory.
        mirrored: use the larger cosine of the other and its mirror image.
        own: (image,), index of each image among the others, if it is one of them, to exclude
            comparing it with itself.
    """
    rows, alone = len(images), own is not None
    k = min(k, len(among) - alone)
    spare = min(k + alone + 2, len(among))
    best = _candidates(images, among, spare, block, mirrored)
    exact, flipped = [[], []], []
    # Read for many, because chunks are read as a whole; compared for as few as the caches hold.
    bytes_each = 2 * spare * among[:1].nbytes
    for many in torch.arange(rows).split(max(1, BLOCK_BYTES // bytes_each)):
        index = torch.cat([leading.index[many] for leading in best], 1)
        candidates = torch.as_tensor(among[index.flatten().cpu().numpy()])
        candidates = candidates.reshape(*index.shape, *images.shape[1:])
        for some, few in zip(many.split(32), candidates.split(32), strict=True):
            x, others = to_float(images[some]), to_float(few.to(images.device)).flatten(2)
            cosine, *turned = _cosines(x, others[:, :spare], mirrored)
            turned = turned[0] if mirrored else cosine
            exact[0].append(torch.maximum(cosine, turned))
            flipped.append(turned > cosine)
            exact[1].append((others[:, spare:] - x.flatten(1)[:, None]).norm(dim=2).neg())
    cosine, nearness = map(torch.cat, exact)
    if alone:
        cosine, nearness = (
            score.masked_fill(leading.index == own[:, None], -torch.inf)
            for score, leading in zip((cosine, nearness), best, strict=True)
        )
    cosine = best[0].refined(cosine, k, torch.cat(flipped))
    distance, by_distance = best[1].refined(nearness, k)
    return Nearest(*cosine, -distance, by_distance)


def _cosines(x: torch.Tensor, others: torch.Tensor, mirrored: bool) -> list[torch.Tensor]:
    """Cosines of each image, and of its mirror image, with its own others: (image, other) each.

    Args:
        others: (image, other, pixel).
    """
    others = others - others.mean(2, keepdim=True)
    over = inverse(others.norm(dim=2), others.shape[2])
    both = blank(x)[:, None] & (over == 0)
    return [
        torch.where(both, 1.0, (others @ standardized(way)[:, :, None])[:, :, 0] * over)
        for way in ([x, x.flip(-1)] if mirrored else [x])
    ]


def _candidates(images, among, count: int, block: int | None, mirrored: bool) -> list["Leading"]:
    """The largest cosines and the smallest distances, up to rounding; arguments as in `nearest`."""
    x = to_float(images).flatten(1)
    rows, pixels = x.shape
    length = min(len(among), block or block_length(pixels))
    unit, mean, flat = standardized(x), x.mean(1), blank(images)[:, None]
    norm = (x - mean[:, None]).norm(dim=1)
    unit = _parts(unit, images.shape[3]) if mirrored else (unit,)
    # The common part of the means would drown the differences between near images.
    bright = mean.median()
    # All but the first term of nearness, (2 <a, b> + 2 d a0 b0 - |b|^2 - d b0^2) / 2 |a|.
    over_norm = 0.5 / torch.where(flat[:, 0], 1, norm)
    of_rows = torch.stack([2 * pixels * (mean - bright) * over_norm, -over_norm], 1)
    best = [Leading(rows, count, x.device) for _ in range(2)]
    # Reused, because fresh memory costs as much as the arithmetic on it.
    buffer = torch.empty(min(TILE, length), pixels, device=x.device)
    products = torch.empty(1 + len(unit), min(TILE, rows), len(buffer), device=x.device)
    for start, others in tiles(among, length):
        y = buffer[: len(others)].copy_(others.to(x.device).flatten(1))
        # Bytes are divided by 255 at the point with the fewest numbers.
        white = 255 if others.dtype == torch.uint8 else 1
        level = y.mean(1)
        norm = y.sub_(level[:, None]).norm(dim=1) / white
        level, over = level / white - bright, inverse(norm, pixels)
        of_columns = torch.stack([level, norm**2 + pixels * level**2])
        y = _parts(y, images.shape[3]) if mirrored else (y,)
        for tile in (slice(s, s + TILE) for s in range(0, rows, TILE)):
            cosine, *odd, nearness = products[:, : len(unit[0][tile]), : len(others)]
            for out, a, b in zip([cosine, *odd], unit, y, strict=True):
                torch.addmm(out, a[tile], b.T, beta=0, alpha=1 / white, out=out)
            if mirrored:
                torch.add(cosine, odd[0], out=nearness)
                cosine.add_(odd[0].abs_())
            else:
                nearness.copy_(cosine)
            nearness.addmm_(of_rows[tile], of_columns)
            cosine.mul_(over)
            if flat[tile].any():
                cosine.masked_fill_(flat[tile] & (over == 0), 1)
            best[0].update(cosine, start, tile)
            best[1].update(nearness, start, tile)
    return best


def tiles(among, length: int, tile: int = TILE) -> Iterator[tuple[int, torch.Tensor]]:
    """(start, others) for `tile` others or fewer; `length` are read at a time."""
    for start, others in read_ahead(among, length):
        for first in range(0, len(others), tile):
            yield start + first, others[first : first + tile]


def _parts(flat: torch.Tensor, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Even and odd parts of images (image, pixel) under the mirror, as coordinates in orthonormal
    bases: the middle column of an odd width is even."""
    lines, half = flat.unflatten(1, (-1, width)), width // 2
    left, right = lines[:, :, :half], lines[:, :, width - half :].flip(2)
    even, odd = (left + right).mul_(0.5**0.5), (left - right).mul_(0.5**0.5)
    even = torch.cat([even, lines[:, :, half : width - half]], 2) if width % 2 else even
    return even.flatten(1), odd.flatten(1)


class Leading:
    """The largest scores so far in each row, and their indices; the first in a tie."""

    def __init__(self, rows: int, count: int, device):
        self.score = torch.full((rows, count), -torch.inf, device=device)
        self.index = torch.zeros(rows, count, dtype=torch.long, device=device)

    def update(self, scores: torch.Tensor, start: int, tile: slice = slice(None)) -> None:
        """Add `scores` (row, other) for a tile of rows and the others from `start` on."""
        count = self.score.shape[1]
        rows = (scores.amax(1) > self.score[tile, -1]).nonzero()[:, 0]
        if not len(rows):
            return
        scores, rows = scores[rows], rows + (tile.start or 0)
        found, where = [self.score[rows]], [self.index[rows]]
        for _ in range(min(count, scores.shape[1])):
            # `max` gives the first in a tie, unlike `topk`.
            score, index = scores.max(1, keepdim=True)
            scores.scatter_(1, index, -torch.inf)
            found.append(score)
            where.append(index + start)
        found, where = torch.cat(found, 1), torch.cat(where, 1)
        order = found.argsort(dim=1, descending=True, stable=True)[:, :count]
        self.score[rows], self.index[rows] = found.gather(1, order), where.gather(1, order)

    def refined(self, scores: torch.Tensor, count: int, *more: torch.Tensor) -> tuple:
        """The `count` largest of the exact `scores` of the same others, their indices, and their
        entries in `more`."""
        order = self.index.argsort(dim=1)
        order = order.gather(
            1, scores.gather(1, order).argsort(dim=1, descending=True, stable=True)
        )
        return tuple(v.gather(1, order[:, :count]) for v in (scores, self.index, *more))


def without(own: torch.Tensor, index: torch.Tensor, *more: torch.Tensor) -> tuple:
    """Ranks (..., rank) with one fewer, so that images are not compared with themselves.

    Args:
        own: (...), index of each image among the others.
        index, more: indices of the nearest others, and further values for these.
    """
    rank = (index == own[..., None]).int().argsort(dim=-1, stable=True)[..., :-1]
    return tuple(v.gather(-1, rank) for v in (index, *more))


def block_length(*floats: int) -> int:
    """How many others, each of this many numbers, fill a block: a power of two, like chunks, so
    that no chunk is read twice."""
    return 2 ** max(0, int(math.log2(BLOCK_BYTES / (4 * max(floats)))))


def closest_pairs(
    first, second, k: int = 1, device="cpu", block: int = 4096, mirrored: bool = False
) -> Nearest:
    """The nearest of `second` to each of `first`, on the CPU; both are read a block at a time.

    Computed on `device`, `block` of `first` at a time; other arguments as in `nearest`.
    """
    found = [
        nearest(
            torch.as_tensor(first[start : start + block]).to(device), second, k, mirrored=mirrored
        )
        for start in range(0, len(first), block)
    ]
    fields = [field.name for field in dataclasses.fields(Nearest)]
    return Nearest(*(torch.cat([getattr(part, name).cpu() for part in found]) for name in fields))
