"""Denoisers: networks trained here or elsewhere, closed forms, samples; a model for each kind."""

import functools
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import MISSING, Discriminator, Field, Tag

from study.config.base import (
    Count,
    Entry,
    Function,
    Increasing,
    OddInteger,
    integer,
    number,
    several,
)
from study.config.messages import closest, renamed
from study.config.networks import Trained
from study.fingerprint import REFERENCES, constant, defining, keywords


class Weights(Entry):
    """A denoiser trained elsewhere, read from a file."""

    weights: str
    """A file of this project (.safetensors) or in one of the layouts that docs/denoisers.md lists;
    {subset} and {N} in its name stand for the training set."""


class Sampling(Entry):
    """How samples of one denoiser are drawn, overriding the section `samples`."""

    start: Literal["gaussian", "paper"] | MISSING = MISSING
    """As in `samples`. If not given, paper for a denoiser that knows its largest noise level
    (diffusers, vp-*)."""
    sampler: Literal["ascent", "ode"] | MISSING = MISSING
    """As there."""
    steps: integer(ge=2) | MISSING = MISSING
    """As there."""
    sigma_min: number(gt=0, le=0.5) | MISSING = MISSING
    """As there."""
    sd: number(gt=0) | MISSING = MISSING
    """As in `samples`. If not given, the largest noise level of a denoiser that knows it, at most
    80."""
    sigma_max: number(gt=1) | MISSING = MISSING
    """As in `samples`; three times sd, if neither is given and the denoiser knows its largest noise
    level."""


Repeated = Annotated[
    Count | MISSING,
    Field(description="How often each channel of gray images is repeated for the network."),
]
Sampled = Annotated[
    Sampling | MISSING,
    Field(description="How its samples are drawn, where other than the section `samples` says."),
]


class Imported(Entry):
    """A denoiser returned by the user's own function."""

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
    """Whether the module is called (y, sigma) rather than (y)."""
    range: Annotated[several(number(), least=2, most=2), Increasing] | MISSING = MISSING
    """The module's values for black and white, [0, 1] if not given."""
    schedule: Literal["linear", "cosine"] | MISSING = MISSING
    """Noise levels of the steps of vp-*; the module's `alphas_cumprod` if not given."""
    repeat_channels: Repeated = MISSING
    samples: Sampled = MISSING

    def mistakes(self):
        given = self.model_fields_set
        if ("parametrization" in given) == bool(given & {"predicts", "needs_sigma"}):
            yield "", "give either `parametrization`, or `predicts` (and `needs_sigma`)"
        elif "parametrization" not in given and "predicts" not in given:
            yield "", "'predicts' is a required key"
        for file in self.files if "files" in given else ():
            if "{" not in file and not Path(file).is_file():
                yield "files", f"found {file!r}, but there is no such file"


class Diffusers(Entry):
    """A denoiser trained with Hugging Face diffusers, as written by `save_pretrained`."""

    diffusers: str
    """Folder of a pipeline, or of a UNet2DModel with its scheduler."""
    class_label: integer(ge=0) | MISSING = MISSING
    """Class of a class-conditional network whose images it is to denoise."""
    repeat_channels: Repeated = MISSING
    samples: Sampled = MISSING

    def mistakes(self):
        if not Path(self.diffusers).is_dir():
            yield "diffusers", f"found {self.diffusers!r}, but there is no such folder"


class Drawn(Entry):
    """Samples of a denoiser that is not available."""

    samples: Annotated[str, Field(min_length=1)]
    """File or folder of images, in any form that a source of images reads; {subset} and {N} in its
    name stand for the training set."""


class OwnCurves(Entry):
    """PSNR curves of one denoiser."""

    count: Count | MISSING = MISSING
    """Images that are denoised."""
    input_psnr: several(number(), least=3) | MISSING = MISSING
    """Input PSNRs in dB, among the values of `psnr.input_psnr`."""


@functools.cache
def references() -> list[str]:
    """The available closed forms: modules of gahb/denoisers/references with a `fit`."""
    return sorted(defining(REFERENCES, "fit"))


class Reference(Entry):
    """A denoiser that is a closed form of its training set, or of the distribution of the images
    where that is known (`optimum`). Each is a file in gahb/denoisers/references."""

    RENAMED = {"optimal": "optimum"}

    reference: str
    """Which closed form."""
    components: Count | MISSING = MISSING
    """Number of Gaussians in a mixture."""
    rank: Count | MISSING = MISSING
    """Number of axes with a variance of their own in each Gaussian of a mixture."""
    window: OddInteger | MISSING = MISSING
    """Odd side in pixels of the window that a pixel of `local` and `equivariant` sees, and of the
    crops of `patches`; a side at least as large as the image's gives the whole image."""
    threshold: number(gt=0, lt=1) | MISSING = MISSING
    """An entry sees the others whose Wiener gain, divided by its own, is at least this fraction of
    the largest (`pca_locality`)."""
    calibrated: str | MISSING = MISSING
    """Instead of `window` or `threshold`, the network for which it is chosen at each noise level;
    `flexible` always needs one."""
    borders: bool | MISSING = MISSING
    """Whether `equivariant` sees the border, as networks with zero padding do."""
    most_images: Count | MISSING = MISSING
    """Maximum number of training images that `equivariant` uses."""
    memorized: Count | MISSING = MISSING
    """Number of training images that `partial_memorizer` knows, the first ones."""
    contour: Literal["known"] | MISSING = MISSING
    """known makes `optimum` the oracle that knows the contour of C^alpha images, for at most 256
    images."""
    steps: Count | MISSING = MISSING
    """Steps of the chains of `optimum` for C^alpha images, 300 if not given."""
    chains: Count | MISSING = MISSING
    """Chains of `optimum` in each of four groups, for each C^alpha image, 2 if not given."""
    psnr: OwnCurves | MISSING = MISSING
    """PSNR curves of this denoiser, if they have fewer images and noise levels than others."""
    closed_form: Function | MISSING = MISSING
    """module:name of a function of yours that is called with the training images, `training`, and
    returns a torch.nn.Module, called (y, sigma) (`own`)."""
    basis: Literal["dct", "wavelet"] | MISSING = MISSING
    """Basis of `threshold`, cosines or Daubechies wavelets."""

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

    Also the option that may be calibrated on a network; None if there is none.
    """
    module = REFERENCES / f"{reference}.py"
    takes, calibrated = keywords(module, "fit"), constant(module, "CALIBRATED")
    if calibrated and with_network:  # this gives them
        takes = {k: v for k, v in takes.items() if k not in (calibrated, "sensitivity")}
    elif "sensitivity" in takes:  # only a network gives it
        takes = {"calibrated": True}
    return takes, calibrated


def _kind(entry) -> str:
    """The key that tells which kind of denoiser an entry is."""
    given = entry if isinstance(entry, dict) else getattr(entry, "model_fields_set", ())
    kinds = ("weights", "function", "diffusers", "reference", "samples")
    return next((kind for kind in kinds if kind in given), "architecture")


Denoiser = Annotated[
    Annotated[Trained, Tag("architecture")]
    | Annotated[Weights, Tag("weights")]
    | Annotated[Imported, Tag("function")]
    | Annotated[Diffusers, Tag("diffusers")]
    | Annotated[Reference, Tag("reference")]
    | Annotated[Drawn, Tag("samples")],
    Discriminator(_kind),
]
