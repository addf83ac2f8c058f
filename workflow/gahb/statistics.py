"""Intervals for what is measured on a few samples or images.

Every function but `p_value` returns (estimate, low, high). An interval says how far the estimate
would move with other samples or images; not, with another network or another machine.
"""

import numpy as np
import scipy.stats

#: Resamplings of a bootstrap, and numbers that one batch of them may hold.
RESAMPLINGS, BATCH = 9999, 2**22


def fraction(happened, level: float = 0.95) -> np.ndarray:
    """Part of the samples in which something happened; NaN if there is none.

    With Wilson's interval (1927, equation 4), which covers where a bootstrap does not: of 64
    samples in which it never happened a bootstrap is certain that it never does.

    Args:
        happened: (sample,), True or False.
        level: of confidence.
    """
    count = len(happened)
    if not count:
        return np.full(3, np.nan)
    times = int(np.count_nonzero(happened))
    interval = scipy.stats.binomtest(times, count).proportion_ci(level, "wilson")
    return np.array([times / count, *interval])


def mean(values, level: float = 0.95, seed: int = 0) -> np.ndarray:
    """Mean of values (sample,) with the percentile bootstrap's interval; NaN is left out."""
    return _bootstrap(values, np.mean, level, seed)


def median(values, level: float = 0.95, seed: int = 0) -> np.ndarray:
    """Median of values (sample,) with the percentile bootstrap's interval; NaN is left out."""
    return _bootstrap(values, np.median, level, seed)


def difference(values, others, level: float = 0.95, seed: int = 0) -> np.ndarray:
    """Mean of values minus mean of others, independent of them, with the bootstrap's interval.

    NaN is left out. With fewer than two values on a side there is no interval.
    """
    both = [np.asarray(v, float) for v in (values, others)]
    both = [v[~np.isnan(v)] for v in both]
    found = both[0].mean() - both[1].mean()
    if min(map(len, both)) < 2:
        return np.array([found, np.nan, np.nan])
    interval = scipy.stats.bootstrap(
        both,
        lambda a, b, axis: a.mean(axis) - b.mean(axis),
        n_resamples=RESAMPLINGS,
        batch=max(1, BATCH // max(map(len, both))),
        confidence_level=level,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return np.array([found, *interval])


def ratio(numerators, denominators, level: float = 0.95, seed: int = 0) -> np.ndarray:
    """Ratio of two means over the same images (image,), with the paired bootstrap's interval."""
    pairs = np.stack([numerators, denominators]).astype(float)
    estimate = pairs[0].mean() / pairs[1].mean()
    if pairs.shape[1] < 2:
        return np.array([estimate, np.nan, np.nan])
    count = pairs.shape[1]
    images = np.random.default_rng(seed).integers(count, size=(RESAMPLINGS, count))
    tops, bottoms = pairs[:, images].mean(2)
    return np.array([estimate, *np.quantile(tops / bottoms, [(1 - level) / 2, (1 + level) / 2])])


def p_value(observed: float, null) -> float:
    """Part of the null, with the observation as one of it, that is at least the observation.

    It is exact whatever the null's distribution (Phipson & Smyth, 2010). NaN is left out.

    Args:
        observed: NaN if there is none, and so has no p-value.
        null: (draw,).
    """
    null = np.asarray(null, float)
    null = null[~np.isnan(null)]
    if np.isnan(observed) or not len(null):
        return np.nan
    # Rounding makes no difference of what is the same.
    return float((1 + np.count_nonzero(null >= observed - 1e-12)) / (1 + len(null)))


def slope(
    input_psnr, output_psnr, low: float, high: float, level: float = 0.95, seed: int = 0
) -> np.ndarray:
    """Slope of the mean PSNR curve of some images, with an interval over images.

    Least squares of output on input PSNR over input PSNRs in [low, high] dB. It is linear in the
    curve, so that the slope of the mean curve is the mean of the images' own slopes.

    Args:
        input_psnr: (noise level,) in dB.
        output_psnr: (noise level, image) in dB.
        low, high: the range.
        level: of confidence.
        seed: of the resamplings.

    Raises:
        ValueError: fewer than three noise levels in the range.
    """
    input_psnr, output_psnr = np.asarray(input_psnr, float), np.asarray(output_psnr, float)
    inside = (input_psnr >= low - 1e-6) & (input_psnr <= high + 1e-6)
    if inside.sum() < 3:
        raise ValueError(
            f"a slope needs three input PSNRs between {low} and {high} dB, found {inside.sum()}"
        )
    return mean(np.polyfit(input_psnr[inside], output_psnr[inside], 1)[0], level, seed)


def _bootstrap(values, statistic, level: float, seed: int) -> np.ndarray:
    values = np.asarray(values, float)
    values = values[~np.isnan(values)]
    if len(values) < 2:
        # One value says nothing of how much others would differ.
        return np.array([*values, np.nan, np.nan, np.nan])[:3]
    interval = scipy.stats.bootstrap(
        (values,),
        statistic,
        n_resamples=RESAMPLINGS,
        batch=max(1, BATCH // len(values)),
        confidence_level=level,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return np.array([statistic(values), *interval])
