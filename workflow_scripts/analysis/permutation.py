"""Sign-flip permutation test of paired differences, whole clusters at a time."""

import numpy as np
from scipy import stats

from workflow_scripts.analysis.bootstrap import cluster_sums

RESAMPLES = 9999
BATCH = 2000
ROUNDING = 1e-12
# Of one cluster both signs are as extreme.
FEWEST_CLUSTERS = 2


def sign_flip(differences: np.ndarray, clusters: np.ndarray, resamples: int = RESAMPLES) -> float:
    """Two-sided p-value that differences are as likely of one sign as of the other, cluster by cluster.

    Under the hypothesis that two masks are alike, exchanging their names in a cluster changes nothing, and flips the sign of
    all its differences at once: items of one passage, or one item in several languages, are no independent evidence. The
    statistic is the absolute sum of the differences. All 2**clusters flips are counted where they are no more than
    `resamples`; otherwise that many are drawn, from the same state each time, and the p-value is (b + 1) / (resamples + 1)
    with b those at least as extreme (Phipson and Smyth 2010).

    The masks are held fixed: the test says whether these masks differ, not whether their calibration languages do.

    Args:
        differences: float [items], averaged over seeds where there are several.
        clusters: name of the cluster of each item, [items].

    Raises:
        ValueError: no items, or one that is not finite.
    """
    differences = np.asarray(differences, dtype=np.float64)
    if differences.ndim != 1 or not differences.size or not np.isfinite(differences).all():
        raise ValueError("A sign-flip test needs finite differences [items], one at least.")
    sums, _ = cluster_sums(differences, np.asarray(clusters))
    # A cluster that sums to zero is the same under both signs: without it more cases can be counted out.
    sums = sums[sums != 0]
    if sums.size < FEWEST_CLUSTERS:
        return 1.0
    rng = np.random.default_rng(0)
    if 2**sums.size > resamples:
        return _drawn(sums, resamples, rng)
    found = stats.permutation_test(
        (sums,), _size_of_sum, permutation_type="samples", vectorized=True, n_resamples=resamples, alternative="greater"
    )
    return float(found.pvalue)


def _drawn(sums: np.ndarray, resamples: int, rng: np.random.Generator) -> float:
    """As scipy draws them, but all signs at once: ten times as fast."""
    observed = abs(sums.sum())
    extreme = 0
    for done in range(0, resamples, BATCH):
        signs = rng.integers(0, 2, (min(BATCH, resamples - done), sums.size), dtype=np.int8)
        # Flips that equal the observed one but for rounding count as equal to it.
        extreme += int((np.abs((2.0 * signs - 1) @ sums) >= observed * (1 - ROUNDING)).sum())
    return (extreme + 1) / (resamples + 1)


def _size_of_sum(sums: np.ndarray, axis: int) -> np.ndarray:
    return np.abs(sums.sum(axis))
