r"""A denoiser made elsewhere is tried before it is believed.

On images of the data set with little, middle and strong noise, three things must hold.

- Its estimates are closer to the clean images than the noisy images are.
- At each noise level it is best when it is told that sigma, and not a quarter, half, twice or four
  times as much: the posterior mean of any distribution is.
- No other range and no other meaning of its answer fits better.

Otherwise all conventions are measured, and the best is named. The estimate of an image must also
depend on nothing else: on no other image of the batch, nor on their number, nor on chance. One that
passes all this, and leaves more to gain than a posterior mean does, is doubted aloud.

Little noise has sigma = 0.05, middle 0.2. Strong noise is relative to images of d pixels, whose
variance is v: sigma^2 = d v / 2, so that two of them are about 2 sigma apart. There even a
denoiser that knows a few images by heart must know sigma.
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

#: Noisy images of each level: more of small images. Fewer clean ones get noise again.
LEAST, MOST, PIXELS = 32, 128, 2**15
LITTLE, MIDDLE = 0.05, 0.2
#: Of sigma, in place of which the denoiser is told another one.
FACTORS = (0.25, 0.5, 2.0, 4.0)
RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
#: dB. An estimate may be worse than its input by WORSE. A convention is better if it is so by
#: CLEARLY at one level, worse by WORSE at none, and a denoiser, SIGMA better than its input at all;
#: another sigma, by SIGMA at one level, more than by chance.
WORSE, SIGMA, CLEARLY = 0.1, 0.5, 1.0
#: dB; better estimates are all alike.
PERFECT = 40
#: Standard errors by which a difference is no chance.
CERTAIN = 3
#: An error that is not a number.
HUGE = 1e12


class NotADenoiser(ValueError):
    """A denoiser that is not what it is said to be; says by how much, and what would fit."""


@dataclasses.dataclass
class Noisy:
    """The images of the trial: clean (image, channel, y, x), with the noise of each sigma."""

    clean: torch.Tensor
    sigmas: list[float]
    seed: int = 0

    def __post_init__(self):
        generator = torch.Generator().manual_seed(self.seed)
        noise = [torch.randn(self.clean.shape, generator=generator) for _ in self.sigmas]
        self.images = [self.clean + s * z for s, z in zip(self.sigmas, noise, strict=True)]

    def errors(self, estimates) -> np.ndarray:
        """(sigma, image), mean squares over pixels; HUGE if it is not a number."""
        errors = [(e - self.clean).double().square().mean((1, 2, 3)).numpy() for e in estimates]
        return np.nan_to_num(errors, nan=HUGE, posinf=HUGE)


def _psnr(errors: np.ndarray) -> np.ndarray:
    """(sigma,) in dB, of the mean error, PERFECT at most."""
    return -10 * np.log10(np.maximum(errors.mean(1), 10 ** (-PERFECT / 10)))


@torch.no_grad()
def tried(network, convention: Convention, clean: torch.Tensor, name: str) -> str:
    """Try a denoiser on clean images (image, channel, y, x) in [0, 1].

    Args:
        network: called as `convention` says.
        name: of the denoiser, for errors.

    Returns: what was found, a sentence for the log.

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
    worse = not (own > given - WORSE).all()
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
    """Why one that `tried` has passed may yet be no denoiser of these images; "" if it may be one.

    The error x - f(y) of a posterior mean is orthogonal to all functions of y, so to 1, f(y) and y:
    no combination of these three is better than f(y).

    Args:
        network, convention, clean: as of `tried`.
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
    # One that is not told sigma need not know more noise than this.
    strong = min(max(strong, 2 * MIDDLE), 20.0 if convention.needs_sigma else 1.0)
    return Noisy(clean, [LITTLE, MIDDLE, strong])


def _answer(network, convention: Convention, y: torch.Tensor, sigma: float) -> torch.Tensor:
    """The network's answer to all images (image, channel, y, x), some at a time."""
    return torch.cat([convention.answer(network, p, sigma) for p in y.split(at_a_time(y))])


def _independent(network, convention: Convention, noisy: Noisy, name: str) -> None:
    """Refuse what depends on chance, on the other images or on their number."""
    sigma, (y, other) = noisy.sigmas[1], (noisy.images[1][:1], noisy.images[1].flip(0)[:1])
    other = other + 0.3  # even where there is one image alone

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
    """All that a network could be asked with, and factors of sigma."""
    kinds = ("nothing",) if told.told == "nothing" else (told.told, "sigma", "step", "edm")
    schedules = [made() for made in SCHEDULES.values()] + [told.alphas_cumprod]
    factors = (1.0, *FACTORS) if told.needs_sigma else (1.0,)
    return [
        (dataclasses.replace(told, told=kind, range=r, alphas_cumprod=steps), factor)
        for kind, r, factor in itertools.product(dict.fromkeys(kinds), RANGES, factors)
        for steps in (dict.fromkeys(filter(None, schedules)) if kind == "step" else (None,))
    ]


def _measured(network, asked, noisy: Noisy) -> dict[tuple[Convention, float], np.ndarray]:
    """Errors (sigma, image) by convention and factor of sigma, an answer in all its meanings."""
    found = {}
    for convention, factor in asked:
        sigmas = [factor * s for s in noisy.sigmas]
        try:
            answers = [
                _answer(network, convention, y, s)
                for s, y in zip(sigmas, noisy.images, strict=True)
            ]
        except Exception:
            continue  # it cannot be asked so
        for predicts in _meanings(convention):
            meant = dataclasses.replace(convention, predicts=predicts)
            found[meant, factor] = noisy.errors(
                y - meant.noise(n, y, s)
                for n, y, s in zip(answers, noisy.images, sigmas, strict=True)
            )
    return found


def _meanings(convention: Convention) -> set[str]:
    """What an answer may mean, as far as the config has a word for it."""
    named = {what for told, what in PARAMETRIZATIONS.values() if told == convention.told}
    free = PREDICTIONS if convention.told in ("nothing", "number") else ()
    return {convention.predicts, *named, *free}


def _psnrs(measured: dict) -> dict[tuple[Convention, float], np.ndarray]:
    return {asked: _psnr(errors) for asked, errors in measured.items()}


def _gain(errors: np.ndarray, own: np.ndarray) -> np.ndarray:
    """(sigma,) dB by which errors (sigma, image) are smaller, 0 where this may be chance."""
    less = own - errors  # with the same noise
    certain = less.mean(1) > CERTAIN * less.std(1, ddof=1) / less.shape[1] ** 0.5
    return np.where(certain, _psnr(errors) - _psnr(own), 0)


def _better(found: np.ndarray, own: np.ndarray, given: np.ndarray) -> bool:
    """Whether PSNRs are nowhere worse, somewhere clearly better, and a denoiser's."""
    better = (found >= own - WORSE).all() and (found > own + CLEARLY).any()
    return bool(better and (found > given + SIGMA).all())


def _dB(psnr: np.ndarray) -> str:
    return ", ".join(f"{value:.1f}" for value in psnr) + " dB"


def _levels(noisy: Noisy) -> str:
    levels = ", ".join(f"{s:.2g}" for s in noisy.sigmas)
    return f"{len(noisy.clean)} images with noise of sigma = {levels}"
