"""A test for data copying: are samples closer to training images than new images are?

Meehan, Chaudhuri & Dasgupta (AISTATS 2020): the Mann-Whitney U of distances to the nearest training
image, of samples against held-out images, as a z-score; z << 0 says that samples are closer. The
test is repeated in cells of the data, since copies of only a few images would go unnoticed.
"""

import numpy as np
import scipy.cluster.vq
import scipy.stats

#: Maximum number of cells; average and minimum number of samples, and of held-out images, in a
#: cell; maximum number of training images from which cells are made.
CELLS, AVERAGE, FEWEST, MOST = 10, 50, 20, 10_000


def z_score(samples: np.ndarray, held_out: np.ndarray) -> float:
    """z of the samples' distances against the held-out images' distances; NaN if either is empty.

    z_U = (U - mn / 2) / sqrt(mn (m + n + 1) / 12), where U counts the pairs in which the sample is
    farther (section 3.1) and ties count half.
    """
    m, n = len(samples), len(held_out)
    if not m or not n:
        return np.nan
    ranks = scipy.stats.rankdata(np.concatenate([samples, held_out]))
    u = ranks[:m].sum() - m * (m + 1) / 2
    return float((u - m * n / 2) / np.sqrt(m * n * (m + n + 1) / 12))


def in_cells(
    training: np.ndarray, samples: tuple, held_out: tuple
) -> tuple[np.ndarray, np.ndarray, float]:
    """z in each cell, the number of samples in it, and the mean over cells (section 3.2).

    Cells come from k-means on features of training images, with k such that each has at least
    AVERAGE samples and held-out images on average; z is NaN where there are fewer than FEWEST. The
    mean weights cells by their held-out images.

    Args:
        training: features (image, feature), of norm 1.
        samples, held_out: (features, distances) of each.
    """
    k = max(1, min(CELLS, len(samples[0]) // AVERAGE, len(held_out[0]) // AVERAGE, len(training)))
    centers, _ = scipy.cluster.vq.kmeans2(training, k, minit="++", rng=np.random.default_rng(0))
    cells = [scipy.cluster.vq.vq(features, centers)[0] for features, _ in (samples, held_out)]
    counts = [np.bincount(cell, minlength=k) for cell in cells]
    z = np.array([z_score(samples[1][cells[0] == i], held_out[1][cells[1] == i]) for i in range(k)])
    z[np.minimum(*counts) < FEWEST] = np.nan
    used = ~np.isnan(z)
    mean = np.average(z[used], weights=counts[1][used]) if used.any() else np.nan
    return z, counts[0], float(mean)
