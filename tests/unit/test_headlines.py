# ruff: noqa: RUF001
"""Headlines of figures are true of the numbers that they are made from: opposite numbers give
opposite sentences, and what is not measured is not claimed."""

import math
import re

import numpy as np
import pytest
import xarray as xr
from figure_stores import FIGURES
from gahb.drawing import words

LEVELS = np.array([10.0, 20, 30])


def bounded(name: str, value: float, half: float) -> dict:
    return {name: value, f"{name}_low": value - half, f"{name}_high": value + half}


def curve(*values) -> xr.DataArray:
    return xr.DataArray(list(values), {"input_psnr": LEVELS}, "input_psnr")


def shared(N: int, beyond: float, null: float, half: float = 0.05) -> dict:
    return {"N": N} | bounded("beyond", beyond, half) | bounded("beyond_null", null, half)


def explained(N: int, sigma: float, **of) -> dict:
    return {"N": N, "sigma": sigma} | {f"r2_beyond_{name}": value for name, value in of.items()}


def left(N: int, reference: str, explained: float) -> dict:
    return {"N": N, "reference": reference, "train_end": explained}


def crossing(memorized: list, **crossovers) -> list[dict]:
    rows = [{"model": "trained", "M": 2**i, "memorized": part} for i, part in enumerate(memorized)]
    return [*rows, {"model": "generalizer", **crossovers}]


def trace(denoiser: str, input_psnr: float, kept: float) -> dict:
    return {"denoiser": denoiser, "input_psnr": input_psnr, "trace": kept}


def growing(*memorized, **growth) -> list[dict]:
    rows = [{"N": 10**i, "memorized": part} for i, part in enumerate(memorized)]
    return [*rows, {"N": "all", "tau_mem_exponent": "none"} | growth]


def basis(harmonic: float, adaptive: float, p: float) -> dict:
    return {"harmonic": harmonic, "harmonic_p": p, "adaptive": adaptive, "adaptive_p": p}


def ended(N: int, best: float, end: float) -> dict:
    return {"N": N, "best_test_psnr": best, "test_psnr": end}


def likelier(N: int, gap: float, half: float = 1, r: float = 0.5) -> dict:
    return {"N": N, "correlation": r} | bounded("log_density_gap", gap, half)


def agreeing(networks: float, theory: float, **others) -> list[dict]:
    of = {("net, S1", "net, S2"): networks, ("net, S1", "wiener, S2"): theory}
    of |= {("wiener, S1", "wiener, S2"): 0.3} | others
    return [{"N": 100, "denoiser": a, "other": b, "beyond": v} for (a, b), v in of.items()]


def nats(N: int, kl: float, memory: float, half: float = 1) -> dict:
    return {"N": N, "denoiser": "net"} | bounded("kl", kl, half) | bounded("memory", memory, half)


def below(denoiser: str, dB: float, **more) -> dict:
    return {"denoiser": denoiser, "N": 10, "below_optimum": dB} | more


def closest(N: int, patch: float, whole: float) -> dict:
    return {"N": N, "closest_patch_S1": patch} | bounded("closest_S1", whole, 0.05)


def memorizing(**networks) -> list[dict]:
    return [{"denoiser": n, "memorized_2": a, "memorized_4": b} for n, (a, b) in networks.items()]


def kind(denoiser: str, homogeneity: float, radius: float) -> dict:
    return {"denoiser": denoiser, "homogeneity": homogeneity, "radius": radius}


def gap(N: int, dB: float, half: float) -> dict:
    return {"N": N} | bounded("gap", dB, half)


def sampled(N: int, beyond: float) -> dict:
    return {"N": N, "beyond": beyond, "beyond_null": -0.8}


def steep(alpha: float, slope: float, half: float = 0.01, **more) -> dict:
    found = {"alpha": alpha, "minimax_slope": alpha / (alpha + 1)}
    return found | bounded("slope", slope, half) | more


def ending(output: str, correlation: float) -> dict:
    return {"N": 10, "output": output, "end_correlation": correlation}


NAN = math.nan
#: For each figure, the numbers behind its headline, and the resulting text.
TRUTHS = {
    "agreement": [
        (([explained(10, 0.1, local=0.3, other_images=0.8), explained(10, 0.2, local=0.2)],),
         "the best theory, the local machine, explains 0.30 of the network at σ = 0.1; a network "
         "trained on other images explains 0.80 there."),
        (([explained(10, 0.1, local=-0.3, wiener=0.9)],), "no theory explains anything."),
        (([explained(10, 0.1, other_images=0.8)],), "There is no theory"),
        # Only the largest N; equally good theories at another level are not confused with it.
        (([explained(1, 0.1, local=0.9), explained(10, 0.1, local=0.2, memorizer=0.5),
           explained(10, 0.2, local=0.5, memorizer=0.1)],), "the local machine, explains 0.50 of "
         "the network at σ = 0.2."),
    ],
    "along": [
        (([left(10, "memorizer", 0.99), left(10, "wiener", 0.9)],),
         "closest to the memorizer at N = 10 (1 % unexplained)."),
        (([left(10, "memorizer", 0.9), left(10, "wiener", 0.95)],),
         "closest to the Wiener filter at N = 10 (5 % unexplained)."),
        (([left(10, "memorizer", -14), left(10, "wiener", -15)],), "at N = 10 (1,500 %"),
        (([left(1, "memorizer", 0.99), left(1, "wiener", 0.99), left(9, "wiener", NAN)],),
         "closest to the memorizer and the Wiener filter at N = 1 (1 % unexplained)."),
    ],
    "crossover": [
        ((crossing([0, 0.6, 0.9], M_predicted=1.2, M_measured=3.9),),
         "Most samples are memorized from 2 means on; errors cross at 1 means (predicted) and "
         "4 means (measured)."),
        ((crossing([0.9, 0.9, 0.1], M_predicted=3, M_measured=NAN),),
         "not memorized with the most means; errors cross at 3 means (predicted) and nowhere"),
    ],
    "dimension": [
        (([trace("net", 0, 2.04), trace("net", 40, 38.7), trace("wiener", 0, 9)], {5}),
         "keeps 2 dimensions at 0 dB and 39 at 40 dB; the data have 5."),
        (([trace("net", 0, 38.7), trace("net", 40, 0.31)], set()),
         "39 dimensions at 0 dB and 0.31 at 40 dB."),
    ],
    "disks": [
        (({"dimension": 12.46, "slope": 0.8, "below_optimum_10": 2.8, "below_optimum_30": 5.8,
           "below_optimum_30_high": 9},), "keeps 12.5 dimensions of the disk shown, which "
         "has 5 parameters; it is 2.8 to 5.8 dB below the optimum."),
        (({"dimension": 4.9, "slope": 0.986},), "keeps 4.9 dimensions of the disk shown, which has "
         "5 parameters; the slope of its PSNR curve is 0.99."),
    ],
    "dynamics": [
        ((growing(1, 0.6, 0, tau_mem_exponent=0.75, tau_mem_exponent_low=0.6,
                  tau_mem_exponent_high=0.9),), "memorized at N = 1 and 10; the time until then "
         "grows as N to the power 0.75 [0.60, 0.90]."),
        ((growing(1, 0.6, 0, tau_mem_exponent=-0.1, tau_mem_exponent_low=-0.4,
                  tau_mem_exponent_high=0.2),), "does not clearly grow with N"),
        ((growing(0.2, 0.5),), "most samples are memorized at no N."),
        ((growing(1, NAN, tau_mem_exponent=0.75),), "memorized at N = 1 (1 N without samples)."),
    ],
    "geometry": [
        ((curve(6, 4, 2), curve(5, 0.1, 0)),
         "loses up to 3.9 dB (at 20 dB of input PSNR); from 20 dB on it gains less than 0.5 dB"),
        ((curve(6, 4, 2), curve(6, 4, 2.01)), "denoises as well."),
        # Neither gains much at 30 dB.
        ((curve(6, 4, 0.2), curve(5, 3, 0.1)), "loses up to 1.0 dB (at 10 dB of input PSNR)."),
    ],
    "harmonics": [
        (({"x": basis(0.7, 0.5, 0.01), "y": basis(0.1, 0.2, 0.04)},), "bases of x are 0.70 "
         "harmonic and 0.50 adaptive; bases of y are 0.10 harmonic and 0.20 adaptive."),
        (({"x": basis(0.1, NAN, 0.2), "y": basis(0.7, 0.2, 0.04)},), "bases of y are 0.70 "
         "harmonic and 0.20 adaptive; bases of x are 0.10 harmonic (no more than chance)."),
        (({"x": basis(-0.001, 0.5, 0.6)},), "bases of x are 0.00 harmonic (no more than chance)"),
        (({"x": basis(0.7, 0.5, 0.01) | {"mixed_p": 0.9}},), "bases of x are 0.70 harmonic (no "
         "more than their vectors mixed) and 0.50 adaptive."),
    ],
    "history": [
        (([ended(1, 21.6, 13.5), ended(5, 20, 20), ended(9, 26, 25.97)],),
         "ends 8.1 dB below its best with N = 1, and at its best with N = 9."),
        (([ended(1, 26, 26)],), "ends at its best with N = 1."),
    ],
    "likelihood": [
        (([likelier(1, 49), likelier(10, 0.1)],), "49 nats per entry likelier at N = 1 and not "
         "measurably likelier at N = 10. The log-densities under two networks have a correlation "
         "of 0.50 at N = 10."),
        (([likelier(1, 130, 200), likelier(10, -2, r=NAN)],), "not measurably likelier at N = 1 "
         "and 2 nats per entry less likely at N = 10."),
    ],
    "matrix": [
        ((agreeing(0.87, 0.55),), "at N = 100: two networks agree to 0.87; a network and the "
         "closest theory of the other images, the Wiener filter, to 0.55; two such theories to "
         "0.30."),
        ((agreeing(-0.05, NAN),), "two networks agree to −0.05."),
        ((agreeing(NAN, NAN),), "nothing is left."),
    ],
    "nats": [
        (([nats(10, 12_335, 358), nats(100, -4.2, 0.2)],), "loses 12,335 on test images and gains "
         "358 on training images at N = 10; gains 4.2 on test images and is as good on training "
         "images at N = 100."),
        (([nats(10, 12_335, 358, 20_000)],), "is as good on test and on training images at"),
    ],
    "new_images": [
        ((sampled(10, 0.9), 0, 64, 0), "agree to 0.90 beyond the covariance, two Wiener filters "
         "not at all (−0.80). 0 of 64 samples are memorized."),
        ((sampled(10, NAN), 0, 10, 54), "most samples diverged (54 of 64)."),
    ],
    "optimum": [
        (([below("a", 3), below("b", 1.5, closed=0.5), below("b", 1, closed=0.25)],), "The closest "
         "network, b (N = 10), is 1.00 to 1.50 dB below the optimum and closes 0.25 to 0.50"),
        (([below("a", -0.1)],), "The network, a (N = 10), is −0.10 dB below the optimum."),
    ],
    "pairs": [
        ((bounded("between", 0.99, 0.01) | {"closest_pair": 0.86},), "more alike than"),
        ((bounded("between", 0.5, 0.01) | {"closest_pair": 0.86},), "less alike than"),
        ((bounded("between", 0.87, 0.02) | {"closest_pair": 0.86},), "as alike as"),
        (({"between": NAN, "closest_pair": 0.86},), "Most samples diverged. A training image and"),
        (({"closest_pair": 0.86},), "A training image and the closest one of the other set have"),
    ],
    "patches": [
        (([closest(1, 1, 0.98), closest(9, 0.93, 0.83)],), "N = 9: patches of samples are closer"),
        (([closest(1, 1, 0.98)],), "N = 1: patches of samples are no closer"),
        (([closest(1, NAN, NAN)],), "Most samples diverged at every N."),
    ],
    "phase": [
        ((memorizing(a=(1, 0.2), b=(1, 0.8)), [2, 4], 20), "most, a memorizes 4 and b 16 of 20"),
        ((memorizing(a=(1, 0.2), b=(1, 0.2)), [2, 4], 20), "all networks memorize the same"),
        ((memorizing(a=(1, NAN), b=(0.5, 0.2)), [2, 4], 20), "where networks differ most, b mem"),
    ],
    "properties": [
        (([kind("a", 1e-6, 2), kind("b", 0.1, 8)],), "All denoisers are homogeneous but b; "
         "receptive fields have radii of 2.0 pixels (a) to 8.0 pixels (b)."),
        (([kind("b", 0.1, 8)],), "No denoiser is homogeneous; receptive fields have radii of 8.0"),
        (([kind("wiener", 1e-6, 3)],), "All denoisers are homogeneous; "),
    ],
    "psnr_curves": [
        (([gap(1, 40.7, 1), gap(9, 0.1, 0.3)],), "up to 40.7 dB better than test images at N = 1, "
         "and not measurably better at N = 9."),
        (([gap(1, -0.2, 0.1)],), "training images not measurably better than test images at N = 1"),
    ],
    "samples": [
        (([sampled(1, 0.1), sampled(9, 0.9)], [(64, 64, 0), (0, 60, 4)]), "N = 1: 64 of 64 samples "
         "are memorized. N = 9: 0 of 60 samples are memorized, and two networks that share no "
         "image agree to 0.90 beyond the covariance, two Wiener filters not at all (−0.80)."),
        (([{"N": 1}], [(0, 0, 64)]), "N = 1: all samples diverged."),
    ],
    "shrinkage": [
        (([151.2, 75.6], 576), "keeps 76 to 151 of 576 dimensions"),
        (([0.4, 2.6], 576), "keeps 0.4 to 2.6 of 576 dimensions"),
    ],
    "slopes": [
        (([steep(1, 0.41), steep(2, 0.6, optimum_slope=0.7)], (10, 20)),
         "slopes rise with α (0.41, 0.60) and are up to 0.09 from α/(α + 1)."),
        (([steep(1, 0.6, optimum_slope=0.7), steep(2, 0.61, optimum_slope=0.6)], (10, 20)),
         "slopes do not rise with every α (0.60, 0.61) and are up to 0.10 from α/(α + 1) and "
         "0.10 from the optimum's."),
    ],
    "theories": [
        (([ending("network 1", 1), ending("network 2", 0.996), ending("local", 0.98)],),
         "a correlation of 0.996 to network 2's and 0.980 to the closest theory's (the local"),
        (([ending("network 1", 1), ending("wiener", 0.5), ending("local", NAN)],),
         "a correlation of 0.500 to the closest theory's (the Wiener filter)."),
        (([ending("network 1", 1), ending("another seed", 0.9)],), "There is nothing to compare"),
    ],
    "transition": [
        (([shared(1, 0, 0), shared(10, 0.6, 0.1), shared(100, 0.9, -0.8)],),
         "From N = 10 on, two networks share more beyond the covariance than two Wiener filters "
         "(0.90 and −0.80 at N = 100)."),
        (([shared(10, 0.6, 0.1), shared(100, 0.1, 0.05)],), "At N = 100, two networks share no "
         "more beyond the covariance than two Wiener filters (0.10 and 0.05"),
        (([shared(10, 0.6, 0.1)],), "At N = 10, two networks share more"),
        (([shared(10, NAN, NAN)],), "Most samples diverged at every N."),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [(name, *each) for name, truths in TRUTHS.items() for each in truths],
)
def test_a_headline_says_what_the_numbers_say(name, given, said):
    sentence = FIGURES[name].sentence(*given)
    assert said in sentence and sentence.endswith(".")
    assert "nan" not in sentence and not re.search(r"\b0.0 dB|-\d", sentence)


def test_every_headline_has_at_least_two_cases():
    """The verdict's are in test_verdict.py."""
    assert {name for name, truths in TRUTHS.items() if len(truths) > 1} == set(FIGURES) - {
        "verdict"
    }


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (12_335.4, "12,335"),
        (9.97, "10"),
        (9.6, "9.6"),
        (-0.0123, "−0.012"),
        (0, "0"),
        (1e-7, "0.0000001"),
    ],
)
def test_amounts(value, said):
    assert words.amount(value) == said


def test_numbers_lie_on_a_side_if_their_intervals_do():
    row = bounded("x", 2, 1)
    assert [words.side(row, "x", other) for other in (0, 1, 2, 3.5)] == [1, 0, 0, -1]
    assert words.side({"x": 2}, "x", 2.1) == -1 and words.side({"x": NAN}, "x") == 0
    assert words.ends([1, 2, 3]) == [1, 3] and words.ends([1]) == [1] and words.ends([]) == []
    assert words.since([3, 1, 2], lambda x: x < 3) == 1
    assert words.since([1, 3], lambda x: x < 3) is None
    assert words.listed(["a", "b", "c"]) == "a, b and c" and words.listed(["a"]) == "a"
