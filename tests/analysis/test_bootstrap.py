"""Studentised bootstrap within one mask against the formula written out, one resample at a time."""

import math

import numpy as np
import pytest

from workflow_scripts.analysis import bootstrap
from workflow_scripts.analysis.bootstrap import mask_interval, ratio


def naive_mean_and_error(clusters):
    """Mean of all items and its error, from a list of lists of items."""
    items = [value for cluster in clusters for value in cluster]
    mean = sum(items) / len(items)
    residuals = [sum(value - mean for value in cluster) for cluster in clusters]
    count, size = len(clusters), len(items) / len(clusters)
    return mean, math.sqrt(sum(r**2 for r in residuals) / (count * (count - 1))) / size


def test_the_error_without_clusters_is_the_usual_one():
    values = np.random.default_rng(0).normal(size=20)
    mean, error = ratio(values, np.ones(20))
    assert (mean, error) == pytest.approx((values.mean(), values.std(ddof=1) / math.sqrt(20)))


def test_against_the_formula_one_resample_at_a_time(monkeypatch):
    rng = np.random.default_rng(1)
    clusters = [list(rng.normal(0.3, 1, size)) for size in (1, 2, 3, 1, 2, 4, 1, 2, 2, 1)]
    values = np.array([value for cluster in clusters for value in cluster])
    names = np.array([f"{i:02}" for i, cluster in enumerate(clusters) for _ in cluster])
    resamples = 499
    found = mask_interval(values, names, 0.9, resamples)
    mean, error = naive_mean_and_error(clusters)
    draws = np.random.default_rng(0).integers(0, 10, (resamples, 10))
    studentised = []
    for draw in draws:
        again, its_error = naive_mean_and_error([clusters[i] for i in draw])
        studentised.append((again - mean) / its_error)
    studentised.sort()
    # The 5 % and 95 % of 499 ascending values, counted from 1, are the 25th and the 474th.
    assert found.clusters == 10
    assert (found.mean, found.low, found.high) == pytest.approx(
        (mean, mean - studentised[473] * error, mean - studentised[24] * error)
    )
    monkeypatch.setattr(bootstrap, "BATCH", 7)
    assert mask_interval(values, names, 0.9, 21).high > found.mean


def test_equal_values_give_equal_bounds_and_order_does_not_matter():
    values, names = np.random.default_rng(2).normal(size=30), np.repeat(np.arange(15), 2)
    order = np.random.default_rng(3).permutation(30)
    found, again = mask_interval(values, names), mask_interval(values[order], names[order])
    assert found == pytest.approx(again)
    assert found == mask_interval(values, names)


def test_clusters_of_equal_items_are_wider_than_items_alone():
    values, names = np.repeat(np.random.default_rng(4).normal(size=20), 5), np.repeat(np.arange(20), 5)
    clustered, alone = mask_interval(values, names), mask_interval(values)
    assert clustered.high - clustered.low > 1.9 * (alone.high - alone.low)


def test_no_bounds_where_resamples_cannot_tell():
    assert math.isnan(mask_interval(np.arange(7.0)).low)
    # One in nine resamples lacks both of the items that differ: it has no spread, and bounds would have no end.
    assert math.isnan(mask_interval(np.r_[np.zeros(38), 1, 1]).high)
    assert mask_interval(np.full(9, 0.5))[:3] == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [[1.0, 2.0]]])
def test_refusals(values):
    with pytest.raises(ValueError):
        mask_interval(np.array(values))
