"""How alike images are: cosines between mean-removed images, nearest training images (section 6).

A cosine near 1 between a sample and a training image says that it was memorized; near 1 between the
samples of two networks, that they learned the same density. Blank images have cosine 0.
"""

import torch


def standardized(images: torch.Tensor) -> torch.Tensor:
    """Images flattened, mean removed, norm 1: (image, pixel). Blank images become 0."""
    flat = images.flatten(1).float()
    flat = flat - flat.mean(1, keepdim=True)
    norm = flat.norm(dim=1, keepdim=True)
    blank = norm <= 1e-6 * flat.shape[1] ** 0.5
    return torch.where(blank, 0.0, flat / norm.where(~blank, torch.ones_like(norm)))


def paired_cosine(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Cosine between a[i] and b[i], mean removed: (image,)."""
    return (standardized(a) * standardized(b)).sum(1)


def closest(
    images: torch.Tensor, among: torch.Tensor, block: int = 8192
) -> tuple[torch.Tensor, torch.Tensor]:
    """For each image the largest cosine with any of `among`, and the index of that one.

    Args:
        images: (image, channel, y, x).
        among: (other, channel, y, x), bytes or floats; compared `block` at a time.

    Returns: cosine (image,) and index (image,). Of equally close ones, the first.
    """
    unit = standardized(images)
    best = torch.full((len(unit),), -torch.inf, device=unit.device)
    index = torch.zeros(len(unit), dtype=torch.long, device=unit.device)
    for start in range(0, len(among), block):
        cosine, where = (unit @ standardized(among[start : start + block]).T).max(1)
        closer = cosine > best
        best = torch.where(closer, cosine, best)
        index = torch.where(closer, where + start, index)
    return best, index
