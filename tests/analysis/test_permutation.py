"""Sign flips against full enumeration, scipy and the sign test."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from workflow_scripts.analysis.permutation import sign_flip


def enumerated(differences, clusters):
    """The share of all ways to give each cluster a sign whose absolute sum is no smaller than the observed one."""
    names = sorted(set(clusters))
    observed, extreme, ways = abs(sum(differences)), 0, 0
    for signs in product((1, -1), repeat=len(names)):
        sign = dict(zip(names, signs, strict=True))
        flipped = abs(sum(sign[name] * value for name, value in zip(clusters, differences, strict=True)))
        extreme += flipped >= observed - 1e-9
        ways += 1
    return extreme / ways


@pytest.mark.parametrize("shift", [0.0, 0.4, 1.0])
def test_few_clusters_are_counted_out(shift):
    rng = np.random.default_rng(5)
    differences, clusters = rng.normal(shift, 1, 21), np.array(list("aabbbcddeefghhhhijjkk"))
    assert sign_flip(differences, clusters) == pytest.approx(enumerated(differences, clusters))


def test_many_clusters_are_drawn():
    differences, clusters = np.random.default_rng(7).normal(0.5, 1, 60), np.repeat(np.arange(30), 2)
    found = sign_flip(differences, clusters)
    assert found * 10_000 == pytest.approx(round(found * 10_000)), "(b + 1) / (n + 1)"
    sums = differences.reshape(30, 2).sum(axis=1)
    reference = stats.permutation_test(
        (sums,), lambda x, axis: np.abs(x.sum(axis)), permutation_type="samples", n_resamples=20_000,
        alternative="greater", rng=np.random.default_rng(1),
    )  # fmt: skip
    assert 0.005 < found < 0.2
    assert found == pytest.approx(reference.pvalue, abs=0.01)
    assert sign_flip(differences, clusters) == found
    assert sign_flip(np.ones(40), np.arange(40)) == 1 / 10_000


def test_items_of_one_size_leave_the_sign_test():
    differences = np.array([1.0] * 9 + [-1.0] * 2 + [0.0] * 30)
    assert sign_flip(differences, np.arange(41)) == pytest.approx(stats.binomtest(9, 11).pvalue)


def test_items_of_a_cluster_flip_together():
    differences, clusters = np.tile([1.0, 1.1, 0.9, 1.2], 4), np.tile(np.arange(4), 4)
    assert sign_flip(differences, clusters) == pytest.approx(2 / 16)
    assert sign_flip(differences, np.arange(16)) == pytest.approx(2 / 10_000, abs=2 / 10_000)


def test_nothing_to_flip():
    assert sign_flip(np.zeros(5), np.arange(5)) == 1
    assert sign_flip(np.array([1.0, -1.0, 3.0]), np.array([0, 0, 1])) == 1
    assert sign_flip(np.array([3.0, 2.0]), np.array([1, 1])) == 1


@pytest.mark.parametrize("differences", [[], [1.0, np.nan]])
def test_refusals(differences):
    with pytest.raises(ValueError):
        sign_flip(np.array(differences), np.arange(len(differences)))
