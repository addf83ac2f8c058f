"""Which images are copies of training images, by the 1/3 rule, contrast and mean fitted or not.

If a training set holds an image several times, the two nearest are the same image, and a copy of it
has d1 / d2 = 1. Thus the second nearest must be from another cluster. Clusters are found by the
same rule: let d1 <= d2 <= ... be the distances to the nearest training images; if d_j <= d_(j+1) /
3, the first j lie within 2 d_j of one another and all others are farther away, so they form a
cluster.
"""

import dataclasses

import torch

from gahb.images import to_float
from gahb.similarity.pixels import Nearest, inverse, nearest

#: Maximum number of ranks in which a cluster may end: an image repeated this often hides its
#: copies.
MOST = 32


@dataclasses.dataclass
class Fit:
    """How well the nearest training images, each at its best scale and mean, explain an image.

    scale: (image, 2), a >= 0 in the least-squares fit of y by a x + b, where y is the image and x
        the training image, mirrored if that is nearer; 1 if they have the same contrast.
    residual: (image, 2), |y - a x - b| / |y - mean of y|, from 0 (y lies on the ray of x) to 1
        (x explains nothing); sqrt(1 - c^2) for a cosine c > 0. A blank training image explains
        blank images, and no others.
    index: (image, 2), indices of these training images: the nearest, and the nearest of another
        cluster. With a single training image there is no second: -1, and its residual is 1.
    """

    scale: torch.Tensor
    residual: torch.Tensor
    index: torch.Tensor

    @property
    def ratio(self) -> torch.Tensor:
        """d1 / d2, (image,); 0 if the first explains everything.

        With a single training image the blank image is the second: it explains nothing.
        """
        first, second = self.residual.T
        return torch.where(first == 0, 0.0, first / second)

    @property
    def memorized(self) -> torch.Tensor:
        """Whether each image is memorized by the 1/3 rule of Yoon et al. (2023): (image,).

        Neither the contrast of an image nor that of a training image changes it, because a network
        without biases has f(a y) = a f(y): it memorizes rays.
        """
        return self.ratio <= 1 / 3


def fit(
    images: torch.Tensor,
    among,
    found: Nearest,
    mirrored: bool = False,
    own: torch.Tensor | None = None,
) -> Fit:
    """Fit the training images that are nearest by cosine to the images.

    Held-out images, fitted in the same way, give the rule's false positives.

    Args:
        images: (image, channel, y, x).
        among: the training images, as in `gahb.similarity.pixels`.
        found: `nearest(images, among, k, mirrored=mirrored, own=own)`. With a larger k, fewer
            images have all k in one cluster and are searched again.
        mirrored, own: as in `nearest`.
    """
    ranks, turned = _two_different(images, among, found, mirrored, own)
    fitted = [
        _fitted(images[rows], among, ranks[rows], turned[rows])
        for rows in torch.arange(len(images)).split(256)
    ]
    scale, residual = map(torch.cat, zip(*fitted, strict=True))
    missing = ranks < 0
    return Fit(scale.masked_fill(missing, 0), residual.masked_fill(missing, 1), ranks)


def _fitted(images, among, ranks, turned) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale and residual for training images, (image, rank), mirrored if `turned`."""
    others = torch.as_tensor(among[ranks.clamp(min=0).flatten().cpu().numpy()]).to(images.device)
    x = to_float(others).unflatten(0, ranks.shape)
    x = torch.where(turned[:, :, None, None, None], x.flip(-1), x).flatten(2)
    y = to_float(images).flatten(1)[:, None]
    x, y = x - x.mean(2, keepdim=True), y - y.mean(2, keepdim=True)
    of_x, of_y = (inverse(v.norm(dim=2, keepdim=True), v.shape[2]) for v in (x, y))
    scale = ((x * y).sum(2, keepdim=True) * of_x**2).clamp(min=0)
    left = (y - scale * x).norm(dim=2, keepdim=True) * of_y
    # Rounding errors of single precision.
    left = torch.where(left < 1e-5, 0.0, left)
    residual = torch.where(of_y > 0, left, (of_x > 0).float())
    return scale[:, :, 0], residual[:, :, 0]


def _two_different(images, among, found, mirrored, own) -> tuple[torch.Tensor, torch.Tensor]:
    """The nearest and the nearest of another cluster, -1 if there is none, and whether they are
    mirrored: both (image, 2)."""
    ranks, turned = found.by_cosine[:, :1].repeat(1, 2), found.mirrored[:, :1].repeat(1, 2)
    others = len(among) - (own is not None)
    if others == 1:
        ranks[:, 1] = -1
        return ranks, turned
    k = found.by_cosine.shape[1]
    if k == 1:
        found, k = nearest(images, among, 2, mirrored=mirrored, own=own), 2
    ranks[:, 1], turned[:, 1] = _second(found)
    # No distance exceeds 1, so none in a cluster that ends exceeds 1/3.
    rows = (_distance(found)[:, -1] <= 1 / 3).nonzero()[:, 0]
    if len(rows) and k < min(MOST, others):
        own = None if own is None else own[rows]
        found = nearest(images[rows], among, MOST, mirrored=mirrored, own=own)
        ranks[rows, 1], turned[rows, 1] = _second(found)
    return ranks, turned


def _distance(found: Nearest) -> torch.Tensor:
    """Part that the nearest by cosine leave unexplained, up to rounding: (image, rank)."""
    return (1 - found.cosine.clamp(0, 1) ** 2).sqrt()


def _second(found: Nearest) -> tuple[torch.Tensor, torch.Tensor]:
    """Index of the nearest of another cluster, and whether it is mirrored: both (image,)."""
    rank = second_rank(_distance(found))[:, None]
    return found.by_cosine.gather(1, rank)[:, 0], found.mirrored.gather(1, rank)[:, 0]


def second_rank(distance: torch.Tensor) -> torch.Tensor:
    """Rank of the nearest training image of another cluster, counted from 0: (image,).

    Args:
        distance: distances to the nearest training images, increasing: (image, rank), at least two
            ranks.
    """
    ends = distance[:, :-1] <= distance[:, 1:] / 3
    rank = torch.arange(1, distance.shape[1], device=distance.device)
    return (ends * rank).amax(1).clamp(min=1)


def memorized_by_distance(images: torch.Tensor, found: Nearest) -> torch.Tensor:
    """The 1/3 rule as published: (image,), True or False; a change of contrast changes it.

    An image is memorized if its L2 distance to the nearest training image is at most a third of the
    distance to the second nearest (Yoon et al., 2023). If the nearest two are equal it is not,
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
