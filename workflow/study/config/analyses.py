"""Options of the analyses, a section each."""

from typing import Annotated, Literal

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

AtLeastTwo = integer(ge=2)
Sigmas = several(number(gt=0, le=10))
#: A noise level in dB.
INPUT_PSNR = [0, 2.5, 5, 7.5, 10, 12.5, 15, 17.5, 20, 22.5, 25, 27.5, 30, 35, 40]


class Psnr(Entry):
    """PSNR curves."""

    RENAMED = {"images": "count"}

    input_psnr: Annotated[several(number(ge=-20, le=80), least=3), Increasing] = INPUT_PSNR
    """Input PSNRs in dB, increasing; sigma = 10^(-PSNR / 20)."""
    count: Count = 200
    """Images of the training set and of the test set that are denoised."""
    slope_range: several(number(), least=2, most=2) = [10, 20]
    """Input PSNRs in dB between which slopes are fitted."""


class Samples(Entry):
    """Samples of each denoiser."""

    RENAMED = {"samples": "count", "snapshots": "levels"}

    count: AtLeastTwo = 64
    """Number of samples."""
    start: Literal["gaussian", "paper"] = "paper"
    """Where samples start. gaussian has the mean and covariance of the test images, and noise of
    `sd`; paper is `mean` plus noise of `sd`, where samples fade."""
    sampler: Literal["ascent", "ode"] = "ascent"
    """ascent is stochastic coarse-to-fine ascent (Kadkhodaie & Simoncelli, 2021), the paper's; ode
    the deterministic probability flow by Heun's method (Karras et al., 2022)."""
    steps: AtLeastTwo = 20
    """Noise levels of the ode, each but the last two evaluations of the denoiser."""
    h0: number(gt=0, le=1) = 0.01
    """First step size h_1; the paper has 0.01."""
    beta: number(gt=0, le=1) = 0.5
    """1 adds no noise in the ascent, smaller values add more."""
    sigma_min: number(gt=0, le=0.5) = 0.01
    """Noise level below which the ascent ends."""
    mean: number() = 0.5
    """Mean of the initial noise."""
    sd: number(gt=0) = 1
    """Standard deviation of the initial noise."""
    sigma_max: number(gt=1) = 3
    """A sample whose noise level exceeds this has diverged."""
    max_steps: Count = 2000
    """A sample that needs more steps has diverged."""
    levels: several(number(gt=0)) = [0.5, 0.2, 0.1, 0.05]
    """Noise levels at which unfinished samples are kept."""

    def mistakes(self):
        if not self.sigma_min < self.sd < self.sigma_max:
            bounds = f"above sigma_min = {self.sigma_min} and below sigma_max = {self.sigma_max}"
            yield "sd", f"found {self.sd}, which must be {bounds}"


class Calibration(Entry):
    """Options of references, chosen by the cosine to a network's score at the noise levels
    samples.levels."""

    count: Count = 8
    """Test images, the last ones, which are not used for evaluation."""
    windows: several(OddInteger) | None = None
    """Windows among which one is chosen, in addition to the whole image: odd sides in pixels; all
    odd ones if null."""
    thresholds: several(number(gt=0, lt=1)) = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4]
    """Thresholds among which one is chosen."""
    shares: several(number(gt=0, le=1)) = [0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99]
    """Shares of the mean |df/dy| among which one is chosen."""


class Agreement(Entry):
    """Agreement of networks with references and with each other, at the noise levels
    samples.levels."""

    count: AtLeastTwo = 32
    """Test images, the first ones, and unfinished samples on which it is measured."""


class Dynamics(Entry):
    """Memorization and agreement at each snapshot of a training."""

    count: AtLeastTwo = 32
    """Samples at each snapshot, with the same starts as the first `samples`, and noisy test images
    on which references are compared with the network."""
    steps: AtLeastTwo = 10
    """Noise levels of the probability flow, each but the last two evaluations."""


class Similarity(Entry):
    """Comparison of samples with training images."""

    nearest: AtLeastTwo = 4
    """Nearest training images kept for each sample."""
    patch: integer(ge=2, le=8) = 8
    """Side in pixels of the patches that are compared one by one."""
    mirrored: bool = True
    """Whether samples are also compared with the mirror images of training images."""
    embedding: Function | None = None
    """module:name of your own function, called without arguments; it returns a torch.nn.Module
    that maps images (image, channel, y, x) to features (image, feature), by which images are
    compared, too. null compares pixels alone."""


class Eigenbasis(Entry):
    """Eigendecomposition of the Jacobian at noisy test images."""

    REMOVED = {"svd": "no analysis read the singular vectors"}

    images: several(integer(ge=0)) = [0]
    """Test images, by their place in the test set."""
    sigma: Sigmas = [0.15]
    """Noise levels; the paper's figure 3 has 0.15."""
    precision: Literal["float32", "float64"] = "float32"
    """Precision in which the Jacobian is computed."""
    keep: Count | None = None
    """Number of leading eigenpairs, computed without the dense Jacobian, for images for which that
    is too large; all of them if null. Copies of an eigenvalue that is repeated exactly more than 8
    times, as in a projection, may be missed."""


class Properties(Entry):
    """Homogeneity, linearity, equivariance and receptive field of each denoiser."""

    sigma: Sigmas = [0.4, 0.2, 0.1, 0.05]
    """Noise levels."""
    count: Count = 8
    """Test images, the first ones."""
    pixels: Count = 32
    """Entries of an image, drawn at random, whose receptive fields are averaged."""


class Density(Entry):
    """Squared errors, log-densities and dimensions of each denoiser."""

    input_psnr: Annotated[several(number(ge=0, le=80), least=2, most=2), Increasing] = [0, 40]
    """Input PSNRs in dB from which and up to which errors are integrated; the last one is the
    cut-off sigma_0."""
    intervals: integer(ge=4, multiple_of=4) = 12
    """Steps between them, equal in dB."""
    count: AtLeastTwo = 100
    """Images of S1 and of the test set."""
    noises: integer(ge=4, multiple_of=2) = 4
    """Noises for each image and noise level, in pairs z and -z."""
    bundle: integer(ge=0) = 1
    """Test images around which the singular values of scores are computed, from 4 scores per
    pixel."""
