"""Networks trained here: a model for each architecture."""

from typing import Annotated, Literal

from pydantic import MISSING, Field

from study.config.base import Count, Entry, OddInteger, Side, integer, number

OnlySide = Annotated[
    Side, Field(description="Side of the images in pixels; the only side that it denoises.")
]


class Learned(Entry):
    """A denoiser trained here."""

    training: str
    """Name of an entry of `training`."""


class Network(Learned):
    """A network with norms."""

    gain: number(gt=0) | MISSING | None = MISSING
    """Initial value of the norms' gains; null draws them near 0 as the authors do."""


class Unet(Network):
    """The paper's bias-free UNet."""

    architecture: Literal["unet"]
    channels: Count = 64
    """Channels of the first block, doubled at each scale."""
    blocks: integer(ge=1, le=6) = 3
    """Encoder blocks; the image side must be a multiple of 2^blocks."""


class BiasedUnet(Unet):
    """The UNet with an additive constant for each channel before each ReLU and at the end."""

    architecture: Literal["biased_unet"]


class Bfcnn(Network):
    """The bias-free convolutional network of the paper's appendix."""

    architecture: Literal["bfcnn"]
    channels: Count = 64
    """Channels of every hidden layer."""
    layers: integer(ge=3) = 21
    """Number of convolutions."""


class Mlp(Network):
    """A bias-free multilayer perceptron on the flattened image."""

    architecture: Literal["mlp"]
    side: OnlySide
    channels: Count = 256
    """Units of every layer."""
    layers: Count = 2
    """Pairs of matrices between the first and the last."""


class Transformer(Network):
    """A bias-free transformer of patches."""

    architecture: Literal["transformer"]
    side: OnlySide
    channels: Count = 96
    """Channels of a token, a multiple of `heads`."""
    layers: Count = 4
    """Layers of attention and matrices."""
    heads: Count = 4
    """Heads of each attention."""
    patch: Count = 2
    """Side in pixels of the patch that forms a token; `side` must be a multiple of it."""
    window: OddInteger | None = None
    """Side in patches of the window in which a token sees others, odd; null is the whole image."""

    def mistakes(self):
        for whole, part in (("side", "patch"), ("channels", "heads")):
            if getattr(self, whole) % getattr(self, part):
                found = f"found {getattr(self, whole)}"
                yield whole, f"{found}, no multiple of {part}, {getattr(self, part)}"


class Edm(Learned):
    """A UNet that is told the noise level, with EDM's preconditioning, group norms, additive
    constants and attention at the lowest resolution."""

    architecture: Literal["edm"]
    channels: integer(ge=4) = 64
    """Channels of the first block, doubled at each scale."""
    blocks: integer(ge=1, le=6) = 3
    """Number of downsamplings; the image side must be a multiple of 2^blocks."""


class Gaussians(Learned):
    """The posterior mean of a mixture of Gaussians with learned means and common variance."""

    architecture: Literal["gaussians"]
    side: OnlySide
    means: Count
    """Number of Gaussians, at most the number of training images."""


Trained = Annotated[
    Unet | BiasedUnet | Bfcnn | Mlp | Transformer | Edm | Gaussians,
    Field(discriminator="architecture"),
]
