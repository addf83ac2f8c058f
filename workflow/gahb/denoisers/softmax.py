"""Means under softmax weights of more values than fit in memory, exact and differentiable.

    m(q) = sum_i w_i v_i,   w_i = softmax_i(<q, k_i> + b_i)

is the posterior mean under an empirical prior: of whole images, of patches, of anything whose
log-likelihood is linear in q up to what all i share. Keys k_i, offsets b_i and values v_i come
block by block; a running maximum and running sums (Milakov & Gimelshein, 2018) give what the
softmax of all of them would. The derivatives are means, too, of a second pass over the blocks:

    dm = sum_i w_i <dq, k_i> (v_i - m),   dL/dq = sum_i w_i <dL/dm, v_i - m> k_i.
"""

from collections.abc import Callable, Iterable

import torch
from torch.autograd.function import once_differentiable
from torch.fx.experimental.proxy_tensor import get_proxy_mode

#: Gives all blocks anew: keys (i, k), offsets (i,) and values (i, v).
Blocks = Callable[[], Iterable[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]]


def softmax_mean(query: torch.Tensor, blocks: Blocks) -> torch.Tensor:
    """m(q) for each row q of `query`: (query, k) -> (query, v).

    One block is held at a time, in the derivatives with respect to `query` as well.

    Args:
        query: (query, k).
        blocks: keys, offsets and values in the type of `query` and on its device.

    Raises:
        NotImplementedError: torch is tracing; the trace would hold every block.
    """
    if get_proxy_mode() is not None:
        raise NotImplementedError("a stream is not traced: the trace would hold every block")
    return _SoftmaxMean.apply(query, blocks)


class _SoftmaxMean(torch.autograd.Function):
    @staticmethod
    def forward(ctx, query, blocks):
        top = query.new_full((len(query), 1), -torch.inf)
        total, mean = torch.zeros_like(top), 0.0
        for keys, offsets, values in blocks():
            logits = query @ keys.T + offsets
            higher = torch.maximum(top, logits.amax(1, keepdim=True))
            before, weights = (top - higher).exp(), (logits - higher).exp()
            total = before * total + weights.sum(1, keepdim=True)
            mean = before * mean + weights @ values
            top = higher
        mean = mean / total
        ctx.blocks = blocks
        ctx.save_for_backward(query, mean, top, total)
        ctx.save_for_forward(query, mean, top, total)
        return mean

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        mean = ctx.saved_tensors[1]
        along_mean = (grad * mean).sum(1, keepdim=True)
        found = sum(
            (weights * (grad @ values.T - along_mean)) @ keys
            for weights, keys, values in _weighted(ctx)
        )
        return found, None

    @staticmethod
    def jvp(ctx, tangent, _):
        mean = ctx.saved_tensors[1]
        found, total = 0.0, 0.0
        for weights, keys, values in _weighted(ctx):
            slopes = weights * (tangent @ keys.T)
            found, total = found + slopes @ values, total + slopes.sum(1, keepdim=True)
        return found - total * mean


def _weighted(ctx):
    """(w (query, i), keys, values) of each block."""
    query, _, top, total = ctx.saved_tensors
    for keys, offsets, values in ctx.blocks():
        yield (query @ keys.T + offsets - top).exp() / total, keys, values
