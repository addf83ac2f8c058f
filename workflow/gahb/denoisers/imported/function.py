"""A denoiser of the user's own: what a function of theirs returns."""

from torch import nn

from gahb.denoisers.levels import apart, several
from gahb.functions import made_by


class FromFunction(nn.Module):
    """A module made by a function elsewhere, as a network that predicts the noise.

    Args:
        function: as `gahb.functions.made_by` takes it.
        predicts: what that module returns, "denoised" f(y) or "noise" y - f(y).
        needs_sigma: it is called (y, sigma), sigma a number, and not (y); a batch of several noise
            levels is given to it level by level.

    Raises:
        ImportError, AttributeError, TypeError: as `made_by`.

    forward: (image, channel, y, x) -> same shape. Raises ValueError if the gradient of y is asked
        for and there is none.
    """

    def __init__(self, function: str, predicts: str, needs_sigma: bool):
        super().__init__()
        self.network = made_by(function)
        self.function, self.predicts, self.needs_sigma = function, predicts, needs_sigma

    def forward(self, y, *sigma):
        if sigma and several(*sigma):
            return apart(lambda y, _, one: self(y, one), y, *sigma, *sigma)
        predicted = self.network(y, *sigma)
        if y.requires_grad and not predicted.requires_grad:
            raise ValueError(
                f"{self.function} returns something without a gradient with respect to y, which a "
                "Jacobian needs: does it detach y, or compute under no_grad?"
            )
        return predicted if self.predicts == "noise" else y - predicted


build = FromFunction
