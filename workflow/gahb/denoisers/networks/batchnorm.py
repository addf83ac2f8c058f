r"""Bias-free batch normalization: divide by the standard deviation, subtract nothing.

.. math:: y = g\, x / s, \qquad s = \sqrt{\mathrm{var}(x) + \epsilon},

with gains g and the variance over (batch, height, width).

No mean is subtracted and no offset added, so that the network stays homogeneous:
f(a y) = a f(y), a > 0.
"""

import copy

import torch
from torch import nn

EPS = 1e-5


class _ScaleByBatchSd(torch.autograd.Function):
    """y = gain * x / s with the statistics of the batch, returned together with s.

    With A = sum(g * x) per channel: dL/dgain = A / s and
    dL/dx = gain / s * g - gain / s * A / (n s^2) * (x - mean), since ds/dx = (x - mean) / (n s).
    """

    @staticmethod
    def forward(ctx, x, gain):
        mean, variance = _statistics(x)
        sd = (variance + EPS).sqrt()
        ctx.save_for_backward(x, gain, mean, variance)
        ctx.mark_non_differentiable(sd)
        return _scaled(x, torch.zeros_like(mean), variance, gain), sd

    @staticmethod
    def backward(ctx, grad, _):
        x, gain, mean, variance = ctx.saved_tensors
        sd = (variance + EPS).sqrt()
        # torch's own sums of g * (x - 0) * (1 / s), in one pass.
        _, grad_gain, _ = torch.ops.aten.native_batch_norm_backward(
            grad,
            x,
            gain,
            None,
            None,
            torch.zeros_like(mean),
            1 / sd,
            True,
            EPS,
            [False, True, True],
        )
        slope = -gain * grad_gain / (x.numel() // x.shape[1] * sd)
        grad_x = _scaled(x, mean, variance, slope)
        grad_x += grad * (gain / sd).to(grad.dtype).view(1, -1, 1, 1)
        return grad_x, grad_gain


# Four kernels of torch's batch normalization are reused: they accumulate bfloat16 in float32, in
# one pass. On a CPU var_mean takes 40 times as long as its statistics.


def _statistics(x):
    """Mean and (biased) variance of each channel over (batch, height, width)."""
    if torch.compiler.is_compiling():
        variance, mean = torch.var_mean(x.float(), dim=(0, 2, 3), correction=0)
        return mean, variance
    # Given float32 running statistics, the kernel returns float32 statistics; the running ones are
    # not used.
    wide = torch.float32 if x.dtype == torch.bfloat16 else x.dtype
    unused = x.new_zeros(2, x.shape[1], dtype=wide)
    return torch.batch_norm_update_stats(x, unused[0], unused[1], 0.0)


def _scaled(x, mean, variance, gain):
    """gain * (x - mean) / sqrt(variance + EPS)."""
    return torch.nn.functional.batch_norm(x, mean, variance, gain, None, False, 0.0, EPS)


class BFBatchNorm2d(nn.Module):
    """Bias-free batch normalization (appendix A of the paper).

    x: (image, channel, y, x). In training, divides by the standard deviation over the batch and
    updates `running_sd` with momentum 0.1; in evaluation, divides by `running_sd`, so that the
    layer is linear.

    Args:
        channels: number of channels of x.
        gain: initial value of all gains; if None they are drawn from N(0, (2/9/64)^2), clamped to
            +-0.025, as the authors do. Small gains matter: starting at 1 costs several dB for equal
            training time.
    """

    momentum = 0.1

    def __init__(self, channels: int, gain: float | None = None):
        super().__init__()
        if gain is None:
            gammas = (torch.randn(1, channels, 1, 1) * (2 / 9 / 64)).clamp_(-0.025, 0.025)
        else:
            gammas = torch.full((1, channels, 1, 1), gain)
        self.gammas = nn.Parameter(gammas)
        self.register_buffer("running_sd", torch.ones(1, channels, 1, 1))
        self.folded = False

    def forward(self, x):
        if self.folded:
            return x
        if not self.training:
            return x * (self.gammas / self.running_sd).to(x.dtype)
        y, sd = _ScaleByBatchSd.apply(x, self.gammas.flatten())
        with torch.no_grad():
            self.running_sd.lerp_(sd.view_as(self.running_sd), self.momentum)
        return y


@torch.no_grad()
def folded(network: nn.Module) -> nn.Module:
    """A copy for evaluation, with each norm folded into the convolution before it.

    Args:
        network: a network whose `normalized()` gives (convolution, norm) for each norm.
    """
    network = copy.deepcopy(network).eval().requires_grad_(False)
    for convolution, norm in network.normalized():
        convolution.weight *= (norm.gammas / norm.running_sd).view(-1, 1, 1, 1)
        norm.gammas.fill_(1)
        norm.running_sd.fill_(1)
        norm.folded = True
    return network
