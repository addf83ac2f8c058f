"""The order in which images are seen, and training sets that are read on demand."""

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from gahb.images import Members


def mixed(*parts: int) -> int:
    """A seed of 64 bits for each combination of `parts`."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0])


def batch_order(
    count: int, epoch: int, seed: int, start: int, stop: int, size: int
) -> Iterator[torch.Tensor]:
    """Indices of images, `size` at a time, from positions `start` to `stop` of an endless stream.

    The stream is `count` images, repeated as often as fit into `epoch` (at least once, as the
    authors do) and then shuffled, again and again: each epoch sees each image equally often.
    """
    length = count * max(1, epoch // count)
    held = torch.empty(0, dtype=torch.long)
    while start < stop:
        while len(held) < min(size, stop - start):
            number, place = divmod(start + len(held), length)
            generator = torch.Generator().manual_seed(mixed(seed, 1, number))
            order = torch.randperm(length, generator=generator) % count
            held = torch.cat([held, order[place:]])
        taken, held = held[: min(size, stop - start)], held[size:]
        start += len(taken)
        yield taken


@dataclasses.dataclass(frozen=True)
class Streamed:
    """A training set that is too large for the device: the next images are read ahead.

    The batches are the same as those of a set on the device.

    Args:
        images: the training set, indexed with arrays of positions.
        pool: images read at a time. Up to three such pools are in memory.
        device: where the images go.
    """

    images: Members
    pool: int
    device: torch.device

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, orders: Iterator[torch.Tensor], batch: int) -> Iterator[torch.Tensor]:
        pools = (self._on_device(self.images[o.numpy()]) for o in orders)
        with ThreadPoolExecutor(1) as reader:
            ahead = reader.submit(next, pools, None)
            while (pool := ahead.result()) is not None:
                ahead = reader.submit(next, pools, None)
                yield from pool.split(batch)

    def _on_device(self, images: np.ndarray) -> torch.Tensor:
        pool = torch.from_numpy(images)
        if self.device.type == "cuda":  # the GPU copies asynchronously from pinned memory
            pool = pool.pin_memory()
        return pool.to(self.device, non_blocking=True)
