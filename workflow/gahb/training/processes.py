"""Several processes, a GPU each, that take every gradient step of one training together.

They are those of torch.distributed, which torchrun starts; without it there is one. Each has the
whole state of the training and a part of each batch. What is summed over images is summed over
processes, so that a step is the same as of one process, to rounding.
"""

import torch
import torch.distributed as dist


def count() -> int:
    """How many there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def number() -> int:
    """Number of this one, from 0; number 0 writes the files."""
    return dist.get_rank() if dist.is_initialized() else 0


def add_up(tensors: list[torch.Tensor]) -> None:
    """Replace tensors, of one type, by their sums over the processes."""
    if dist.is_initialized():
        sums = torch.cat([t.flatten() for t in tensors])
        dist.all_reduce(sums)
        for t, part in zip(tensors, sums.split([t.numel() for t in tensors]), strict=True):
            t.copy_(part.view(t.shape))


def any_of(flag: bool) -> bool:
    """Whether it is true in any process; all get the same answer. Does not wait for the GPU."""
    if not dist.is_initialized():
        return flag
    found = torch.tensor(int(flag))
    dist.all_reduce(found, dist.ReduceOp.MAX)
    return bool(found)
