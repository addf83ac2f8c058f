"""Times of training: when a network generalizes best, and when it begins to memorize.

Bonnaire et al. (2025, Why diffusion models don't memorize): the first, tau_gen, does not depend on
the number N of training images, and the second, tau_mem, grows in proportion to N. Then curves of
the memorized fraction against tau / N coincide. Times are in any unit: steps or images seen.
"""

from collections.abc import Mapping

import numpy as np
import scipy.stats

#: The fraction of the samples that are memorized at tau_mem.
THRESHOLD = 0.5
#: Exponents a among which the best collapse of curves against tau / N^a is sought.
EXPONENTS = np.linspace(0, 2, 81)


def best(times, errors) -> float:
    """tau_gen: the time of the lowest test error, among those at which it was measured."""
    return float(np.asarray(times)[np.argmin(errors)])


def crossing(times, fractions, threshold: float = THRESHOLD) -> float:
    """tau_mem: the first time at which the memorized fraction exceeds `threshold`.

    Interpolated linearly in the logarithm of time. Infinite if it never does; the first time if it
    does from the start.

    Args:
        times: (step,), increasing, above 0.
        fractions: (step,), in [0, 1].
    """
    times, fractions = np.asarray(times, float), np.asarray(fractions, float)
    above = np.flatnonzero(fractions > threshold)
    if not len(above):
        return np.inf
    i = above[0]
    if i == 0:
        return float(times[0])
    part = (threshold - fractions[i - 1]) / (fractions[i] - fractions[i - 1])
    return float(times[i - 1] * (times[i] / times[i - 1]) ** part)


def exponent(times: Mapping[int, list[float]], level: float = 0.95) -> np.ndarray:
    """The exponent a of tau ~ N^a, with the interval of a least-squares fit of log tau to log N.

    Args:
        times: for each N the times of all seeds. An N is left out unless all of its seeds got
            there, since those that did would be the early ones.
        level: confidence level; the interval is Student's, and NaN for fewer than three times.

    Returns: (estimate, low, high), NaN with fewer than two N.
    """
    points = [(N, t) for N, of_N in times.items() if np.isfinite(of_N).all() for t in of_N]
    if len({N for N, _ in points}) < 2:
        return np.full(3, np.nan)
    found = scipy.stats.linregress(*np.log(points).T)
    if len(points) < 3:
        return np.array([found.slope, np.nan, np.nan])
    half = scipy.stats.t.ppf((1 + level) / 2, len(points) - 2) * found.stderr
    return found.slope + half * np.array([0, -1, 1])


def misfit(curves: Mapping[int, tuple], a: float) -> float:
    """Root mean square deviation of the fractions of all N from one curve against tau / N^a.

    Each curve is compared, at its own times, with each other one, interpolated in the logarithm of
    tau / N^a: 0 before the other's first time, and not compared after its last. Times at which
    neither has memorized anything do not count. NaN if there are none.

    Args:
        curves: for each N its times and fractions, both (step,).
        a: the exponent.
    """
    scaled = {N: (np.log(t) - a * np.log(N), np.asarray(f)) for N, (t, f) in curves.items()}
    differences = []
    for N, (x, f) in scaled.items():
        for M, (other, g) in scaled.items():
            if M != N:
                expected = np.interp(x, other, g, left=0.0, right=np.nan)
                counts = (f > 0) | (expected > 0)
                differences.append((f - expected)[counts & ~np.isnan(expected)])
    differences = np.concatenate([*differences, []])
    return float(np.sqrt(np.square(differences).mean())) if len(differences) else np.nan


def collapse(curves: Mapping[int, tuple]) -> tuple[float, float]:
    """The exponent with the smallest misfit, and that misfit.

    NaN unless at least two N have a tau_mem: other curves collapse trivially.
    """
    if sum(np.isfinite(crossing(*curve)) for curve in curves.values()) < 2:
        return np.nan, np.nan
    found = np.array([misfit(curves, a) for a in EXPONENTS])
    return float(EXPONENTS[np.nanargmin(found)]), float(np.nanmin(found))


def effective_memorization(fractions: Mapping[int, float], least: float = 0.9) -> float:
    """The largest N for which at least this fraction of the samples is memorized (Gu et al., 2023).

    Args:
        fractions: the memorized fraction for each N.

    Returns: that N; 0 if there is none.
    """
    return float(max((N for N, f in fractions.items() if f >= least), default=0))
