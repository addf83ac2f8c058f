"""Bias-free batch normalization: divide by the standard deviation, subtract nothing.

y = gain * x / s,  s = sqrt(var(x) + eps),  var over (batch, height, width).

Neither a mean nor an offset is used, so that the network stays homogeneous: f(a y) = a f(y), a > 0.
"""

import torch
from torch import nn

EPS = 1e-5


def _wide(x):
    """Statistics of bfloat16 activations are taken in float32: its 8 bits would round them."""
    return x.float() if x.dtype == torch.bfloat16 else x


class _ScaleByBatchSd(torch.autograd.Function):
    """y = gain * x / s with the statistics of the batch; two passes over x forwards, two backwards.

    With A = sum(g * x) per channel: dL/dgain = A / s and
    dL/dx = gain / s * (g - (x - mean) * A / (n s^2)), since ds/dx = (x - mean) / (n s).
    """

    @staticmethod
    def forward(ctx, x, gain):
        variance, mean = torch.var_mean(_wide(x), dim=(0, 2, 3), keepdim=True, correction=0)
        sd = (variance + EPS).sqrt()
        ctx.save_for_backward(x, gain, mean, sd)
        ctx.mark_non_differentiable(sd)
        return x * (gain / sd).to(x.dtype), sd

    @staticmethod
    def backward(ctx, grad, _):
        x, gain, mean, sd = ctx.saved_tensors
        n = x.numel() // x.shape[1]
        inner = (grad * x).sum(dim=(0, 2, 3), keepdim=True, dtype=sd.dtype)
        scale = gain / sd
        slope = -scale * inner / (n * sd**2)
        grad_x = torch.addcmul(
            grad * scale.to(x.dtype) - (slope * mean).to(x.dtype), x, slope.to(x.dtype)
        )
        return grad_x, inner / sd


class BFBatchNorm2d(nn.Module):
    """Bias-free batch normalization (section 2 and appendix A of the paper).

    x: (image, channel, y, x). In training, divides by the standard deviation over the batch and
    updates `running_sd` with momentum 0.1; in evaluation, divides by `running_sd`, so that the
    layer is linear.

    Args:
        channels: of x.
        gain: where all gains start; if None they are drawn from N(0, (2/9/64)^2), clamped to
            +-0.025, as the authors do. Small gains matter: starting at 1 costs several dB at equal
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

    def forward(self, x):
        if not self.training:
            return x * (self.gammas / self.running_sd).to(x.dtype)
        y, sd = _ScaleByBatchSd.apply(x, self.gammas)
        with torch.no_grad():
            self.running_sd.lerp_(sd, self.momentum)
        return y
