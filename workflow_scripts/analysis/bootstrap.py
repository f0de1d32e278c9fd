"""Interval of a mean within one mask (or the dense model): over documents or clusters of items, and nothing else.

It holds the mask fixed. How much another draw of calibration texts would move the mean is not in it, so it never speaks of
a calibration language: that takes several seeds, see `crossed`.
"""

import math
from typing import NamedTuple

import numpy as np

RESAMPLES = 9999
BATCH = 2000
FEWEST_CLUSTERS = 8


class MaskInterval(NamedTuple):
    """A mean with its bounds, and the number of clusters behind it.

    Bounds are NaN below `FEWEST_CLUSTERS`, or where so few clusters differ from the others that many resamples hold none of
    these and have no spread.
    """

    mean: float
    low: float
    high: float
    clusters: int


def cluster_sums(values: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum over the items of each cluster, [clusters, ...], and numbers of items, [clusters]; clusters sorted by name.

    Args:
        values: float [items, ...].
        clusters: name of the cluster of each item, [items].
    """
    names, places = np.unique(clusters, return_inverse=True)
    sums = np.zeros((len(names), *values.shape[1:]))
    np.add.at(sums, places, values)
    return sums, np.bincount(places, minlength=len(names))


def mask_interval(
    values: np.ndarray, clusters: np.ndarray | None = None, confidence: float = 0.95, resamples: int = RESAMPLES
) -> MaskInterval:
    """Studentised bootstrap interval of the mean of items, whole clusters drawn with replacement.

    Bounds are mean - q * error with q the quantiles of (resample's mean - mean) / resample's error (Efron and Tibshirani
    1993, chapter 12.5). Of 32 documents it holds what it promises more nearly than BCa does: simulated, the true mean is in
    93-95 % of nominal 95 % intervals where BCa has 91-93 %. Items weigh equally whatever the size of their cluster: the mean is a ratio,
    and its error that of a ratio (see `ratio`). Equal values give equal bounds: the generator starts from one state.

    Args:
        values: float [items], differences that are paired already.
        clusters: name of the cluster of each item; by default each is its own.

    Raises:
        ValueError: no items, or one that is not finite.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise ValueError("An interval within a mask needs finite values [items], one at least.")
    sums, sizes = cluster_sums(values, np.arange(values.size) if clusters is None else np.asarray(clusters))
    mean, error = (float(x) for x in ratio(sums, sizes))
    if len(sums) < FEWEST_CLUSTERS:
        return MaskInterval(mean, math.nan, math.nan, len(sums))
    if error == 0:
        return MaskInterval(mean, mean, mean, len(sums))
    tail = (1 - confidence) / 2
    lower, upper = np.quantile(_studentised(sums, sizes, resamples), [tail, 1 - tail], method="closest_observation")
    if not np.isfinite([lower, upper]).all():
        return MaskInterval(mean, math.nan, math.nan, len(sums))
    return MaskInterval(mean, mean - float(upper) * error, mean - float(lower) * error, len(sums))


def ratio(sums: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of items and its standard error over clusters, from [..., clusters] sums and sizes, both of shape [...].

    The error is that of the linearised ratio (Cochran 1977, section 6.3); with clusters of one item the usual one.
    """
    clusters = sums.shape[-1]
    mean = sums.sum(-1) / sizes.sum(-1)
    residual = sums - sizes * mean[..., None]
    variance = (residual**2).sum(-1) / (clusters * (clusters - 1)) / sizes.mean(-1) ** 2
    return mean, np.sqrt(variance)


def _studentised(sums: np.ndarray, sizes: np.ndarray, resamples: int) -> np.ndarray:
    """The studentised mean of each resample, [resamples]; infinite where a resample has no spread but another mean."""
    rng = np.random.default_rng(0)
    whole, _ = ratio(sums, sizes)
    found = []
    for done in range(0, resamples, BATCH):
        drawn = rng.integers(0, len(sums), (min(BATCH, resamples - done), len(sums)))
        mean, error = ratio(sums[drawn], sizes[drawn])
        away = mean - whole
        beyond = np.where(away == 0, 0.0, np.copysign(math.inf, away))
        found.append(np.divide(away, error, out=beyond, where=error > 0))
    return np.concatenate(found)
