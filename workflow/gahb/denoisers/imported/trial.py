r"""A trial of a denoiser made elsewhere, before it is trusted.

On images of the data set with weak, medium and strong noise, three things must hold.

- Its estimates are closer to the clean images than the noisy images are, somewhere by SIGMA.
- At each noise level it is best when told that sigma rather than a quarter, half, twice or four
  times as much, as is the posterior mean of any distribution.
- No other range and no other interpretation of its answer fits better.

Otherwise all conventions are measured, and the best is named. The estimate of an image must not
depend on the other images of the batch, nor on their number, nor on chance. If a denoiser passes
all this but could be improved more than a posterior mean could, a warning says so.

Weak noise has sigma = 0.05, medium 0.2. Strong noise is relative to images of d pixels with
variance v: sigma^2 = d v / 2, so that two of them are about 2 sigma apart. There, even a denoiser
that has memorized a few images must know sigma.
"""

import dataclasses
import itertools

import numpy as np
import torch

from gahb.denoisers.imported.conventions import (
    PARAMETRIZATIONS,
    PREDICTIONS,
    SCHEDULES,
    Convention,
)
from gahb.denoisers.network import at_a_time

#: Noisy images at each level: more if images are small. If there are fewer clean ones, they are
#: used again.
LEAST, MOST, PIXELS = 32, 128, 2**15
LITTLE, MIDDLE = 0.05, 0.2
#: Factors of sigma that the denoiser is told instead of sigma.
FACTORS = (0.25, 0.5, 2.0, 4.0)
RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
#: In dB. An estimate may be worse than its input by WORSE. Another convention is better if it is
#: better by CLEARLY at one level, worse by WORSE at none, and better than its input by SIGMA at
#: all; another sigma is better if it gains SIGMA at one level, more than by chance.
WORSE, SIGMA, CLEARLY = 0.1, 0.5, 1.0
#: In dB; better estimates all count as this.
PERFECT = 40
#: Standard errors beyond which a difference is not due to chance.
CERTAIN = 3
#: Value of an error that is not a number.
HUGE = 1e12


class NotADenoiser(ValueError):
    """A denoiser that does not fit its description; the message says what would fit."""


@dataclasses.dataclass
class Noisy:
    """The images of the trial: clean (image, channel, y, x), and with noise of each sigma."""

    clean: torch.Tensor
    sigmas: list[float]
    seed: int = 0

    def __post_init__(self):
        generator = torch.Generator().manual_seed(self.seed)
        noise = [torch.randn(self.clean.shape, generator=generator) for _ in self.sigmas]
        self.images = [self.clean + s * z for s, z in zip(self.sigmas, noise, strict=True)]

    def errors(self, estimates) -> np.ndarray:
        """Mean squared errors over pixels (sigma, image); HUGE where not a number."""
        errors = [(e - self.clean).double().square().mean((1, 2, 3)).numpy() for e in estimates]
        return np.nan_to_num(errors, nan=HUGE, posinf=HUGE)


def _psnr(errors: np.ndarray) -> np.ndarray:
    """PSNR of the mean error in dB (sigma,), at most PERFECT."""
    return -10 * np.log10(np.maximum(errors.mean(1), 10 ** (-PERFECT / 10)))


@torch.no_grad()
def tried(network, convention: Convention, clean: torch.Tensor, name: str) -> str:
    """Try a denoiser on clean images (image, channel, y, x) in [0, 1].

    Args:
        network: called as `convention` says.
        name: name of the denoiser, for errors.

    Returns: the result, a sentence for the log.

    Raises:
        NotADenoiser: it is worse than its input, another convention fits better, or the estimate of
            an image depends on more than that image and sigma.
    """
    noisy = _noisy(convention, clean)
    _independent(network, convention, noisy, name)
    given = _psnr(noisy.errors(noisy.images))
    factors = FACTORS if convention.needs_sigma else ()
    scaled = _measured(network, [(convention, f) for f in (1.0, *factors)], noisy)
    ranges = [(dataclasses.replace(convention, range=r), 1.0) for r in RANGES]
    near = _psnrs(scaled | _measured(network, ranges, noisy))
    own = near[convention, 1.0]
    other = {f: _gain(scaled[convention, f], scaled[convention, 1.0]) for f in factors}
    worse = not (own > given - WORSE).all() or not (own > given + SIGMA).any()
    mistold = any((gain > SIGMA).any() for gain in other.values())
    found = f"tried on {_levels(noisy)}: {_dB(own)}; the noisy images: {_dB(given)}"
    if (own > given + SIGMA).all() and not mistold:
        if not any(_better(a, own, given) for a in near.values()):
            return found
    said = f"{name} ({convention}) was {found}. "
    few = Noisy(noisy.clean[:LEAST], noisy.sigmas)  # there are many conventions
    every = _measured(network, [(convention, 1.0), *near, *_conventions(convention)], few)
    every = _psnrs(every)
    own, given = every[convention, 1.0], _psnr(few.errors(few.images))
    good = {c: a for c, a in every.items() if _better(a, own, given)}
    if good:
        best, factor = max(good, key=lambda c: good[c].mean())
        told = "" if factor == 1 else f", told {factor:g} times as large a sigma"
        raise NotADenoiser(f"{said}It fits better as `{best}`{told}: {_dB(good[best, factor])}")
    if not (worse or mistold):
        return found
    if not worse:
        factor = max(other, key=lambda f: other[f].max())
        raise NotADenoiser(
            f"{said}Told {factor:g} times as large a sigma: {_dB(near[convention, factor])}. It "
            "takes sigma for another noise level, or was trained on other images than these"
        )
    (best, factor), most = max(every.items(), key=lambda found: found[1].mean())
    raise NotADenoiser(
        f"{said}No convention makes it a denoiser of these images; the best, `{best}` with "
        f"{factor:g} sigma: {_dB(most)}. Was it trained on other images than these?"
    )


@torch.no_grad()
def doubt(network, convention: Convention, clean: torch.Tensor) -> str:
    """Why a denoiser that passed `tried` may still not fit these images; "" if it may.

    The error x - f(y) of a posterior mean is orthogonal to all functions of y, hence to 1, f(y) and
    y: no combination of these three is better than f(y).

    Args:
        network, convention, clean: as in `tried`.
    """
    noisy = _noisy(convention, clean)
    for sigma, y in zip(noisy.sigmas, noisy.images, strict=True):
        f = y - convention.noise(_answer(network, convention, y, sigma), y, sigma)
        x, f, noise = (a.double().flatten() for a in (noisy.clean, f, y - f))
        columns = torch.stack([f, noise, torch.ones_like(f)], 1)
        best = torch.linalg.lstsq(columns, x[:, None]).solution[:, 0]
        own, better = _psnr(np.stack([(x - e).square().numpy() for e in (f, columns @ best)]))
        if better > own + SIGMA:
            return (
                f"at sigma = {sigma:.2g} its estimate f has {own:.1f} dB, and {best[0]:.2f} f "
                f"{best[1]:+.2f} (y - f) {best[2]:+.2f} has {better:.1f} dB; the best denoiser "
                "leaves nothing to gain so. Is it given images and told sigma as in its training, "
                "and was it trained on these images?"
            )
    return ""


def _noisy(convention: Convention, clean: torch.Tensor) -> Noisy:
    count = min(max(PIXELS // clean[0].numel(), LEAST), MOST)
    clean = clean[torch.arange(count) % len(clean)]
    strong = float((clean[0].numel() * clean.var((1, 2, 3)).mean() / 2).sqrt())
    # A denoiser that is not told sigma need not handle more noise than this.
    strong = min(max(strong, 2 * MIDDLE), 20.0 if convention.needs_sigma else 1.0)
    return Noisy(clean, [LITTLE, MIDDLE, strong])


def _answer(network, convention: Convention, y: torch.Tensor, sigma: float) -> torch.Tensor:
    """The network's answer for all images (image, channel, y, x), a few at a time."""
    return torch.cat([convention.answer(network, p, sigma) for p in y.split(at_a_time(y))])


def _independent(network, convention: Convention, noisy: Noisy, name: str) -> None:
    """Refuse a denoiser that depends on chance, on the other images or on their number."""
    sigma, (y, other) = noisy.sigmas[1], (noisy.images[1][:1], noisy.images[1].flip(0)[:1])
    other = other + 0.3  # even if there is only one image

    def first(*batch) -> torch.Tensor:
        batch = torch.cat(batch)
        answer = convention.answer(network, batch, sigma)
        return convention.noise(answer, batch, sigma)[0]

    pair = first(y, y)
    for found, what in (
        (first(y, y), "chance: two calls differ (dropout, noise, a network in training mode?)"),
        (first(y, other), "the other images of its batch (batch norm in training mode?)"),
        (first(y), "how many images there are in its batch"),
    ):
        difference = float((found - pair).square().mean().sqrt())
        if difference > 1e-3 * sigma:
            raise NotADenoiser(
                f"{name}: the estimate of an image depends on {what}, by {difference:.2g} rms at "
                f"sigma = {sigma:g}"
            )


def _conventions(told: Convention) -> list[tuple[Convention, float]]:
    """All conventions by which a network could be called, with factors of sigma."""
    kinds = ("nothing",) if told.told == "nothing" else (told.told, "sigma", "step", "edm")
    schedules = [made() for made in SCHEDULES.values()] + [told.alphas_cumprod]
    factors = (1.0, *FACTORS) if told.needs_sigma else (1.0,)
    return [
        (dataclasses.replace(told, told=kind, range=r, alphas_cumprod=steps), factor)
        for kind, r, factor in itertools.product(dict.fromkeys(kinds), RANGES, factors)
        for steps in (dict.fromkeys(filter(None, schedules)) if kind == "step" else (None,))
    ]


def _measured(network, asked, noisy: Noisy) -> dict[tuple[Convention, float], np.ndarray]:
    """Errors (sigma, image) by convention and factor of sigma, for every meaning of the answer."""
    found = {}
    for convention, factor in asked:
        sigmas = [factor * s for s in noisy.sigmas]
        try:
            answers = [
                _answer(network, convention, y, s)
                for s, y in zip(sigmas, noisy.images, strict=True)
            ]
        except Exception:
            continue  # it cannot be called this way
        for predicts in _meanings(convention):
            meant = dataclasses.replace(convention, predicts=predicts)
            found[meant, factor] = noisy.errors(
                y - meant.noise(n, y, s)
                for n, y, s in zip(answers, noisy.images, sigmas, strict=True)
            )
    return found


def _meanings(convention: Convention) -> set[str]:
    """Meanings of an answer for which the config has a word."""
    named = {what for told, what in PARAMETRIZATIONS.values() if told == convention.told}
    free = PREDICTIONS if convention.told in ("nothing", "number") else ()
    return {*named, *free}


def _psnrs(measured: dict) -> dict[tuple[Convention, float], np.ndarray]:
    return {asked: _psnr(errors) for asked, errors in measured.items()}


def _gain(errors: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Gain in dB (sigma,) of errors (sigma, image) over `own`, 0 where it may be chance."""
    less = own - errors  # with the same noise
    certain = less.mean(1) > CERTAIN * less.std(1, ddof=1) / less.shape[1] ** 0.5
    return np.where(certain, _psnr(errors) - _psnr(own), 0)


def _better(found: np.ndarray, own: np.ndarray, given: np.ndarray) -> bool:
    """Whether PSNRs are nowhere worse, somewhere clearly better, and above the input's."""
    better = (found >= own - WORSE).all() and (found > own + CLEARLY).any()
    return bool(better and (found > given + SIGMA).all())


def _dB(psnr: np.ndarray) -> str:
    return ", ".join(f"{value:.1f}" for value in psnr) + " dB"


def _levels(noisy: Noisy) -> str:
    levels = ", ".join(f"{s:.2g}" for s in noisy.sigmas)
    return f"{len(noisy.clean)} images with noise of sigma = {levels}"
