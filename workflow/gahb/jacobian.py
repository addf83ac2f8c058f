"""The Jacobian of a denoiser at an image: products with it and its transpose, or dense."""

import functools
import warnings
from collections.abc import Callable

import torch
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from gahb.denoisers.network import at_a_time


class Products:
    """Products with the Jacobian J of f at y and with its transpose, many vectors at a time.

    Args:
        denoiser: f, called denoiser(y, sigma).
        y: one image (channel, y, x); d = y.numel().
        sigma: its noise level.
        batch: vectors multiplied at a time, which bounds the memory; by default the fastest number.

    value: f(y), (channel, y, x).
    """

    def __init__(self, denoiser, y: torch.Tensor, sigma: float, batch: int | None = None):
        self._denoiser, self._y, self._sigma, self._copies = denoiser, y, sigma, y[:0]
        self.value = self._copied(1)[0].detach()
        self._batch = batch or self._best_batch()

    def _copied(self, count: int) -> torch.Tensor:
        """f at `count` copies of y, with the graph through which vectors are pulled back.

        The graph is kept. With real copies, torch need not expand tensors saved for one image, as
        it must in each product with torch.func.vmap of a pullback.
        """
        if len(self._copies) != count:
            self._values = None  # frees its memory first
            self._copies = self._y.expand(count, *self._y.shape).clone().requires_grad_()
            with torch.enable_grad():
                self._values = self._denoiser(self._copies, self._sigma)
        return self._values

    @functools.cached_property
    def _push(self) -> Callable:
        """v -> J v, (vector, channel, y, x). The tangent map is traced once, which takes a moment;
        its products take as long as f itself, a fourth of the time of pulling back through the
        pullback. If it cannot be traced, or would take too much memory, dual numbers are used."""
        try:
            # Fused attention has no forward derivatives, unlike attention with plain products.
            with warnings.catch_warnings(), sdpa_kernel(SDPBackend.MATH):
                warnings.simplefilter("ignore")  # warnings of torch about its own tracing
                _, push = torch.func.linearize(
                    lambda y: self._denoiser(y[None], self._sigma)[0], self._y
                )
        except Exception:
            return self._dual
        return torch.func.vmap(push)

    def _dual(self, v: torch.Tensor) -> torch.Tensor:
        try:
            with forward_ad.dual_level(), sdpa_kernel(SDPBackend.MATH):
                copies = forward_ad.make_dual(self._y.expand_as(v).clone(), v)
                pushed = forward_ad.unpack_dual(self._denoiser(copies, self._sigma)).tangent
        except NotImplementedError as error:
            raise ValueError(
                "the denoiser has no forward-mode derivatives, which leading eigenpairs need (all "
                f"of them, keep = null, do not): {error}"
            ) from error
        return torch.zeros_like(v) if pushed is None else pushed

    def transposed(self, u: torch.Tensor) -> torch.Tensor:
        """J^T u for each row of u: (vector, d) -> (vector, d)."""
        pulled = [
            torch.autograd.grad(
                self._copied(len(part)),
                self._copies,
                part.reshape(-1, *self.value.shape),
                retain_graph=True,
            )[0]
            for part in u.split(self._batch)
        ]
        return torch.cat(pulled).flatten(1)

    def forward(self, v: torch.Tensor) -> torch.Tensor:
        """J v for each row of v: (vector, d) -> (vector, d).

        Raises:
            ValueError: f has no forward-mode derivatives.
        """
        pushed = [self._push(part.reshape(-1, *self._y.shape)) for part in v.split(self._batch)]
        return torch.cat(pushed).flatten(1)

    def symmetric(self, v: torch.Tensor) -> torch.Tensor:
        """(J + J^T) v / 2 for each row of v: (vector, d) -> (vector, d)."""
        return (self.forward(v) + self.transposed(v)) / 2

    def dense(self) -> torch.Tensor:
        """J, (d, d); entry (i, j) is df_i / dy_j."""
        d, options = self.value.numel(), {"dtype": self.value.dtype, "device": self.value.device}
        rows = torch.empty(d, d, **options)
        for part in torch.arange(d, device=rows.device).split(self._batch):
            unit = torch.zeros(len(part), d, **options).scatter_(1, part[:, None], 1)
            rows[part] = self.transposed(unit)
        return rows

    def _best_batch(self, trial: int = 8) -> int:
        """The batch with which f is fastest or, on a GPU, that fills half of its free memory."""
        if self.value.device.type != "cuda":
            return at_a_time(self._y)
        torch.cuda.reset_peak_memory_stats()
        before, self._batch = torch.cuda.memory_allocated(), trial
        self.transposed(torch.zeros(trial, self.value.numel()).to(self.value))
        each = (torch.cuda.max_memory_allocated() - before) / trial
        free, _ = torch.cuda.mem_get_info()
        free += torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        return int(min(max(free / 2 / each, 1), 1024))


@torch.no_grad()
def jacobian(denoiser, y: torch.Tensor, sigma: float, chunk: int | None = None) -> torch.Tensor:
    """Dense Jacobian of `denoiser` at one image (channel, y, x), by reverse mode.

    Returns: (d, d), d = y.numel(); entry (i, j) is df_i / dy_j.
    """
    return Products(denoiser, y, sigma, chunk).dense()
