"""Non-local means (Buades, Coll & Morel, 2005), told the noise level.

f(y)_p is a mean of y_q over the pixels q near p, weighted by exp(-max(|P_p - P_q|^2 - 2 sigma^2, 0)
/ h^2), with |P_p - P_q|^2 the mean squared difference of the patches around p and q. The
implementation is scikit-image's, for one image at a time; it uses no training images and has no
derivatives.
"""

import numpy as np
import torch
from torch import nn

from gahb.denoisers.levels import Sigma, columns
from gahb.images import Members
from gahb.packages import Needed

restoration = Needed("skimage.restoration")

#: Sides in pixels of a patch, and of the area that is searched beyond it on each side.
PATCH, DISTANCE = 5, 6
#: h over sigma: scikit-image's advice for known sigma and unweighted patches.
H = 0.6


class Nonlocal(nn.Module):
    """Non-local means of each image separately, all channels at once."""

    blind = False

    def forward(self, y: torch.Tensor, sigma: Sigma) -> torch.Tensor:
        """f(y), (image, channel, y, x).

        Raises:
            NotImplementedError: a derivative is asked for.
        """
        try:
            images = y.numpy(force=False) if y.device.type == "cpu" else y.cpu().numpy()
        except RuntimeError as error:  # for tensors that carry a derivative
            raise NotImplementedError("non-local means have no derivatives here") from error
        options = {"patch_size": PATCH, "patch_distance": DISTANCE, "fast_mode": True}
        # scikit-image drops the axis of a single channel before moving it back, and so transposes.
        gray = images.shape[1] == 1
        images, options["channel_axis"] = (images[:, 0], None) if gray else (images, 0)
        sigmas = torch.as_tensor(columns(sigma, y, 1)).expand(len(y)).tolist()
        found = [
            restoration.denoise_nl_means(image, h=H * s, sigma=s, **options)
            for image, s in zip(images, sigmas, strict=True)
        ]
        return torch.from_numpy(np.stack(found)).reshape(y.shape).to(y)


def fit(training: Members) -> dict[str, torch.Tensor]:
    """Nothing: it uses no other image."""
    return {}


def build(tensors: dict[str, torch.Tensor], training: Members) -> Nonlocal:
    return Nonlocal()
