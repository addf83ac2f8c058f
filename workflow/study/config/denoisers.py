"""Denoisers: a model for each architecture, and for networks and closed forms from elsewhere."""

import functools
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import MISSING, Discriminator, Field, Tag

from study.config.base import (
    Count,
    Entry,
    Function,
    OddInteger,
    Side,
    integer,
    number,
    several,
)
from study.config.messages import closest, renamed
from study.fingerprint import REFERENCES, constant, defining, keywords


class Learned(Entry):
    """A denoiser that is trained here."""

    training: str
    """Name of an entry of `training`."""


class Network(Learned):
    """A network with norms."""

    gain: number(gt=0) | MISSING | None = MISSING
    """Where the norms' gains start; null draws them near 0 as the authors do."""


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
    side: Side
    """Side of the images in pixels; the only side that it denoises."""
    channels: Count = 256
    """Units of every layer."""
    layers: Count = 2
    """Pairs of matrices between the first and the last."""


class Transformer(Network):
    """A bias-free transformer of patches."""

    architecture: Literal["transformer"]
    side: Side
    """Side of the images in pixels; the only side that it denoises."""
    channels: Count = 96
    """Channels of a token, a multiple of `heads`."""
    layers: Count = 4
    """Layers of attention and matrices."""
    heads: Count = 4
    """Heads of each attention."""
    patch: Count = 2
    """Side in pixels of the patch that is a token; `side` must be a multiple of it."""
    window: OddInteger | None = None
    """Side in patches of the window in which a token sees others, odd; null is the image."""

    def mistakes(self):
        for whole, part in (("side", "patch"), ("channels", "heads")):
            if getattr(self, whole) % getattr(self, part):
                yield (
                    whole,
                    (f"found {getattr(self, whole)}, no multiple of {part}, {getattr(self, part)}"),
                )


class Edm(Learned):
    """A UNet that is told the noise level, with EDM's preconditioning, group norms, additive
    constants and attention at the lowest resolution."""

    architecture: Literal["edm"]
    channels: integer(ge=4) = 64
    """Channels of the first block, doubled at each scale."""
    blocks: integer(ge=1, le=6) = 3
    """Scales below the middle; the image side must be a multiple of 2^blocks."""


class Gaussians(Learned):
    """The posterior mean of a mixture of Gaussians whose means and common variance are learned."""

    architecture: Literal["gaussians"]
    side: Side
    """Side of the images in pixels; it takes no others."""
    means: Count
    """Gaussians, at most as many as training images."""


class Weights(Entry):
    """A denoiser that was trained elsewhere, read from a file."""

    weights: str
    """A file of this project (.safetensors) or in one of the layouts that docs/denoisers.md lists;
    {subset} and {N} in its name stand for the training set."""


class Sampling(Entry):
    """How samples of one denoiser are drawn, in place of what the section `samples` says."""

    start: Literal["gaussian", "paper"] | MISSING = MISSING
    """As there. Of a denoiser that knows its largest noise level (diffusers, vp-*) paper, if not
    given."""
    sampler: Literal["ascent", "ode"] | MISSING = MISSING
    """As there."""
    steps: integer(ge=2) | MISSING = MISSING
    """As there."""
    sigma_min: number(gt=0, le=0.5) | MISSING = MISSING
    """As there."""
    sd: number(gt=0) | MISSING = MISSING
    """As there. Of a denoiser that knows its largest noise level that one, at most 80, if not
    given."""
    sigma_max: number(gt=1) | MISSING = MISSING
    """As there; three times sd, if neither is given and the denoiser knows its largest noise
    level."""


class Imported(Entry):
    """A denoiser that a function of the user's returns."""

    function: Function
    """module:name, which returns a torch.nn.Module."""
    arguments: dict[str, Any] | MISSING = MISSING
    """Arguments of the function, by name."""
    files: list[str] | MISSING = MISSING
    """Files that the function reads; a change of their content makes results stale."""
    parametrization: (
        Literal["vp-epsilon", "vp-v", "vp-sample", "edm", "sigma", "score"] | MISSING
    ) = MISSING
    """What the module receives and returns; in place of `predicts` and `needs_sigma`."""
    predicts: Literal["denoised", "noise", "epsilon", "v", "score"] | MISSING = MISSING
    """What the module returns for a noisy image y: f(y), y - f(y), (y - f(y)) / sigma, v or the
    score."""
    needs_sigma: bool | MISSING = MISSING
    """Whether the module is called (y, sigma) and not (y)."""
    range: Annotated[list[number()], Field(min_length=2, max_length=2)] | MISSING = MISSING
    """Values of black and white for the module, [0, 1] if not given."""
    schedule: Literal["linear", "cosine"] | MISSING = MISSING
    """Noise levels of the steps of vp-*; the module's `alphas_cumprod` if not given."""
    repeat_channels: Count | MISSING = MISSING
    """How often each channel of gray images is repeated for the module."""
    samples: Sampling | MISSING = MISSING
    """How its samples are drawn, where other than the section `samples` says."""

    def mistakes(self):
        given = self.model_fields_set
        if ("parametrization" in given) == bool(given & {"predicts", "needs_sigma"}):
            yield "", "give either `parametrization`, or `predicts` (and `needs_sigma`)"
        elif "parametrization" not in given and "predicts" not in given:
            yield "", "'predicts' is a required key"
        if "range" in given and self.range[0] >= self.range[1]:
            yield "range", f"found {self.range}; the first must be smaller"
        for file in self.files if "files" in given else ():
            if "{" not in file and not Path(file).is_file():
                yield "files", f"found {file!r}, but there is no such file"


class Diffusers(Entry):
    """A denoiser that Hugging Face diffusers trained, as `save_pretrained` wrote it."""

    diffusers: str
    """Folder of a pipeline, or of a UNet2DModel with its scheduler."""
    class_label: integer(ge=0) | MISSING = MISSING
    """Class of a class-conditional network whose images it is to denoise."""
    repeat_channels: Count | MISSING = MISSING
    """How often each channel of gray images is repeated for the network."""
    samples: Sampling | MISSING = MISSING
    """How its samples are drawn, where other than the section `samples` says."""

    def mistakes(self):
        if not Path(self.diffusers).is_dir():
            yield "diffusers", f"found {self.diffusers!r}, but there is no such folder"


class Drawn(Entry):
    """Images that a denoiser made which is not at hand."""

    samples: Annotated[str, Field(min_length=1)]
    """File or folder of images, whatever a source of images reads; {subset} and {N} in its name
    stand for the training set."""


class OwnCurves(Entry):
    """PSNR curves of one denoiser."""

    count: Count | MISSING = MISSING
    """Images that are denoised."""
    input_psnr: several(number(), least=3) | MISSING = MISSING
    """Input PSNRs in dB, among the values of `psnr.input_psnr`."""


@functools.cache
def references() -> list[str]:
    """The closed forms that are there: modules of gahb/denoisers/references with a `fit`."""
    return sorted(defining(REFERENCES, "fit"))


class Reference(Entry):
    """A denoiser that is a closed form of its training set, or of the distribution of the images
    where that is known (`optimum`). Each is a file in gahb/denoisers/references."""

    RENAMED = {"optimal": "optimum"}

    reference: str
    """Which closed form."""
    components: Count | MISSING = MISSING
    """Gaussians of a mixture."""
    rank: Count | MISSING = MISSING
    """Axes of each Gaussian of a mixture with a variance of their own."""
    window: OddInteger | MISSING = MISSING
    """Odd side in pixels of the window that a pixel of `local` and `equivariant` sees, and of the
    crops of `patches`; the image's side or more is the image."""
    threshold: number(gt=0, lt=1) | MISSING = MISSING
    """An entry sees the others whose Wiener gain, divided by its own, is at least this fraction of
    the largest (`pca_locality`)."""
    calibrated: str | MISSING = MISSING
    """Instead of `window` or `threshold`, the network for which it is chosen at each noise level;
    `flexible` always needs one."""
    borders: bool | MISSING = MISSING
    """Whether `equivariant` sees the border, as networks with zero padding do."""
    most_images: Count | MISSING = MISSING
    """Most training images that `equivariant` uses."""
    memorized: Count | MISSING = MISSING
    """Training images that `partial_memorizer` knows, the first ones."""
    contour: Literal["known"] | MISSING = MISSING
    """known makes `optimum` the oracle that knows the contour of C^alpha images, of 256 at
    most."""
    steps: Count | MISSING = MISSING
    """Steps of the chains of `optimum` for C^alpha images, 300 if not given."""
    chains: Count | MISSING = MISSING
    """Chains of `optimum` in each of four groups, for each C^alpha image, 2 if not given."""
    psnr: OwnCurves | MISSING = MISSING
    """PSNR curves of this denoiser, where they have fewer images and noise levels than others."""
    closed_form: Function | MISSING = MISSING
    """module:name of a function of yours that is called with the training images, `training`, and
    returns a torch.nn.Module, called (y, sigma) (`own`)."""
    basis: Literal["dct", "wavelet"] | MISSING = MISSING
    """Basis of `threshold`, cosines or Daubechies' wavelets."""

    def mistakes(self):
        name, names = self.reference, references()
        if name not in names:
            yield "reference", f"found {name!r}{renamed(type(self), name) or closest(name, names)}"
            return
        given = self.model_fields_set - {"reference", "psnr"}
        takes, calibrated = options(name, "calibrated" in given)
        allowed = list(dict.fromkeys([*takes, *(["calibrated"] if calibrated else [])]))
        for key in sorted(given.difference(allowed)):
            yield "", f"unknown key {key!r}; {name} takes {', '.join(allowed) or 'no options'}"
        for key, required in takes.items():
            if required and key not in given:
                instead = ", or 'calibrated' instead" if key == calibrated else ""
                yield "", f"{key!r} is a required key of {name}{instead}"


def options(reference: str, with_network: bool) -> tuple[dict[str, bool], str | None]:
    """Options of a reference, and whether each is required: the keyword arguments of its `fit`.

    Also the option that may be chosen on a network; None if there is none.
    """
    module = REFERENCES / f"{reference}.py"
    takes, calibrated = keywords(module, "fit"), constant(module, "CALIBRATED")
    if calibrated and with_network:  # gives these
        takes = {k: v for k, v in takes.items() if k not in (calibrated, "sensitivity")}
    elif "sensitivity" in takes:  # which only a network gives
        takes = {"calibrated": True}
    return takes, calibrated


def _kind(entry) -> str:
    """The key that tells which kind of denoiser an entry is."""
    given = entry if isinstance(entry, dict) else getattr(entry, "model_fields_set", ())
    kinds = ("weights", "function", "diffusers", "reference", "samples")
    return next((kind for kind in kinds if kind in given), "architecture")


Trained = Annotated[
    Unet | BiasedUnet | Bfcnn | Mlp | Transformer | Edm | Gaussians,
    Field(discriminator="architecture"),
]
Denoiser = Annotated[
    Annotated[Trained, Tag("architecture")]
    | Annotated[Weights, Tag("weights")]
    | Annotated[Imported, Tag("function")]
    | Annotated[Diffusers, Tag("diffusers")]
    | Annotated[Reference, Tag("reference")]
    | Annotated[Drawn, Tag("samples")],
    Discriminator(_kind),
]
