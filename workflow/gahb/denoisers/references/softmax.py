r"""Means under softmax weights of more values than fit in memory, exact and differentiable.

.. math::
    m(q) = \sum_i w_i v_i, \qquad
    w_i = \mathrm{softmax}_i\bigl(\langle q, k_i\rangle + s\, b_i\bigr)

is the posterior mean under an empirical prior on whole images, patches, or anything whose
log-likelihood is linear in q up to a term shared by all i. With q = y / sigma^2, s = 1 / sigma^2
and b_i = -|k_i|^2 / 2 it is the posterior mean for y = k_i + sigma z. Keys k_i, offsets b_i and
values v_i come block by block; a running maximum and running sums (Milakov & Gimelshein, 2018) give
the same result as a softmax over all of them. The derivatives are means, too, from a second pass
over the blocks:

.. math::
    dm = \sum_i w_i \langle dq, k_i\rangle (v_i - m), \qquad
    \frac{\partial L}{\partial q}
    = \sum_i w_i \Bigl\langle \frac{\partial L}{\partial m}, v_i - m\Bigr\rangle k_i.

Several such means with keys of their own, such as one for each pixel, are computed together. Their
logits may be summed over neighbors (`over`), so that a window costs no more than a pixel.
"""

import math
from collections.abc import Callable, Iterable, Iterator

import torch
from torch.autograd.function import once_differentiable
from torch.fx.experimental.proxy_tensor import get_proxy_mode

#: Iterates over all blocks: keys (i, k), offsets (i,) and values (i, v), or for several means
#: (mean, i, k), (mean, i) and (mean, i, v).
Blocks = Callable[[], Iterable[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]]
#: A symmetric map of the logits (mean, query, i) of all means to the same shape.
Over = Callable[[torch.Tensor], torch.Tensor]
#: Queries and keys whose weights are computed at a time, so that they stay in a CPU's cache.
TILE = {"cpu": (512, 1024), "cuda": (2**14, 2**13)}
#: Minimum number of keys and maximum number of queries in a tile that holds all means.
LEAST_KEYS, MOST_QUERIES = 64, 4
#: Products of many matrices this thin are slow and are computed as sums of columns.
THIN = 3
#: Powers of 2 take a third of the time of powers of e.
LOG2E = math.log2(math.e)


def softmax_mean(
    query: torch.Tensor, scale: float | torch.Tensor, blocks: Blocks, over: Over | None = None
) -> torch.Tensor:
    """m(q) for each row q of `query`: (query, k) -> (query, v), or (mean, query, k) -> (..., v).

    One block is held at a time, in the derivatives with respect to `query` as well.

    Args:
        query: (query, k), or for several means (mean, query, k).
        scale: s, a number or one for each row (query, 1); it has no derivative.
        blocks: keys, offsets and values in the type of `query` and on its device.
        over: a map applied to the logits of several means, such as sums over neighbors.

    Raises:
        NotImplementedError: torch is tracing; the trace would hold every block.
    """
    if get_proxy_mode() is not None:
        raise NotImplementedError("a stream is not traced: the trace would hold every block")
    if query.ndim == 3:
        return _SoftmaxMean.apply(query, scale, blocks, over)

    def one_mean():
        for block in blocks():
            yield tuple(part[None] for part in block)

    return _SoftmaxMean.apply(query[None], scale, one_mean, None)[0]


class _SoftmaxMean(torch.autograd.Function):
    @staticmethod
    def forward(ctx, query, scale, blocks, over):
        ctx.scale, ctx.blocks, ctx.over = scale, blocks, over
        top = query.new_full((*query.shape[:2], 1), -torch.inf)
        total, mean = torch.zeros_like(top), None
        for at, keys, offsets, values in _tiles(ctx, query):
            if mean is None:
                mean = query.new_zeros(*query.shape[:2], values.shape[2])
            logits = _logits(ctx, query, at, keys, offsets)
            higher = torch.maximum(top[at], logits.amax(2, keepdim=True))
            before, weights = (top[at] - higher).exp2(), logits.sub_(higher).exp2_()
            total[at] = before * total[at] + weights.sum(2, keepdim=True)
            mean[at] = before * mean[at] + _weighed(weights, values)
            top[at] = higher
        mean = mean / total
        ctx.save_for_backward(query, mean, top, total)
        ctx.save_for_forward(query, mean, top, total)
        return mean

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        query, mean = ctx.saved_tensors[:2]
        found, along_mean = torch.zeros_like(query), (grad * mean).sum(2, keepdim=True)
        for at, weights, keys, values in _weights(ctx):
            slopes = weights * (grad[at] @ values.mT - along_mean[at])
            found[at] += (ctx.over(slopes) if ctx.over else slopes) @ keys
        return found, None, None, None

    @staticmethod
    def jvp(ctx, tangent, *_):
        mean = ctx.saved_tensors[1]
        found, total = torch.zeros_like(mean), torch.zeros_like(mean[..., :1])
        for at, weights, keys, values in _weights(ctx):
            along = tangent[at] @ keys.mT
            slopes = weights * (ctx.over(along) if ctx.over else along)
            found[at] += slopes @ values
            total[at] += slopes.sum(2, keepdim=True)
        return found - total * mean


def _tiles(ctx, query: torch.Tensor) -> Iterator[tuple]:
    """(place in `query`, keys, offsets, values) of each tile of each block."""
    means, rows, _ = query.shape
    queries, length = TILE[query.device.type]
    together = max(1, queries // rows)
    if ctx.over:
        together, whole = means, queries * length // means
        length = max(LEAST_KEYS, whole // MOST_QUERIES)
        queries = max(1, whole // length)
    for block in ctx.blocks():
        for part in zip(*(tensor.split(length, 1) for tensor in block), strict=True):
            # Few queries for many means, or many for one.
            for some in _slices(means, together):
                for these in _slices(rows, queries):
                    yield ((some, these), *(tensor[some] for tensor in part))


def _slices(count: int, length: int) -> Iterator[slice]:
    yield from (slice(start, start + length) for start in range(0, count, length))


def _logits(ctx, query, at, keys, offsets) -> torch.Tensor:
    """Logits to the base 2 of the queries at a place: (mean, query, i)."""
    scale = ctx.scale[at[1]] if isinstance(ctx.scale, torch.Tensor) else ctx.scale
    query, offsets = query[at], LOG2E * scale * offsets[:, None]
    if len(query) > 1 and query.shape[2] <= THIN:
        found = offsets
        for q, k in zip(query.unbind(2), keys.unbind(2), strict=True):
            found = torch.addcmul(found, q[..., None], k[:, None], value=LOG2E)
    else:
        found = torch.baddbmm(offsets, query, keys.mT, alpha=LOG2E)
    return ctx.over(found) if ctx.over else found


def _weighed(weights, values) -> torch.Tensor:
    """weights @ values: (mean, query, v)."""
    if len(weights) > 1 and values.shape[2] <= THIN:
        columns = [(weights * v[:, None]).sum(2) for v in values.unbind(2)]
        return torch.stack(columns, 2)
    return weights @ values


def _weights(ctx) -> Iterator[tuple]:
    """(place, w (mean, query, i), keys, values) of each tile."""
    query, _, top, total = ctx.saved_tensors
    for at, keys, offsets, values in _tiles(ctx, query):
        logits = _logits(ctx, query, at, keys, offsets)
        yield at, (logits - top[at]).exp2() / total[at], keys, values
