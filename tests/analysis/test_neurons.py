"""Language-specific neurons against loops in plain Python, and against planted neurons."""

from math import log

import numpy as np
import pytest

from workflow_scripts.analysis.neurons import agnostic, candidates, entropies, find_thresholds, specific


def by_hand(rows: list[list[float]]) -> tuple[float, set[tuple[int, int]]]:
    """The published selection, neuron by neuron: threshold of firing often, and the pairs (neuron, language)."""
    everything = sorted(value for row in rows for value in row)
    often = everything[round(0.95 * len(everything)) - 1]
    spread = {}
    for number, row in enumerate(rows):
        if max(row) > often:
            shares = [value / sum(row) for value in row]
            spread[number] = -sum(share * log(share) for share in shares if share > 0)
    lowest = sorted(spread, key=spread.get)[: round(0.01 * len(rows))]
    return often, {(number, place) for number in lowest for place, value in enumerate(rows[number]) if value > often}


@pytest.mark.parametrize("seed", range(5))
def test_the_selection_is_the_published_one(seed):
    probabilities = np.random.default_rng(seed).beta(0.3, 2, (800, 4))
    often, pairs = by_hand(probabilities.tolist())
    thresholds = find_thresholds(probabilities)
    assert thresholds.often == often
    assert {tuple(place) for place in np.argwhere(specific(probabilities, thresholds)).tolist()} == pairs
    assert specific(probabilities, thresholds).any(axis=1).sum() == 8
    assert agnostic(probabilities, thresholds).sum() == 8


def test_planted_neurons_are_found_in_their_languages():
    rng = np.random.default_rng(6)
    probabilities = rng.uniform(0.28, 0.3, (1000, 3))
    probabilities[:4] = [[0.9, 0.001, 0.001], [0.001, 0.8, 0.8], [0.7, 0.7, 0.7], [0, 0, 0]]
    probabilities[4:12, 0], probabilities[4:12, 1:] = 0.6, 0.001
    found = specific(probabilities, find_thresholds(probabilities))
    assert found[0].tolist() == [True, False, False]
    assert not found[2].any() and not found[3].any()
    assert found[4:12].tolist() == [[True, False, False]] * 8
    assert agnostic(probabilities, find_thresholds(probabilities))[2]


def test_frozen_thresholds_let_neurons_be_lost_and_new():
    rng = np.random.default_rng(7)
    probabilities = rng.uniform(0.28, 0.3, (1000, 3))
    probabilities[:10] = [0.9, 0.001, 0.001]
    thresholds = find_thresholds(probabilities)
    pruned = probabilities.copy()
    pruned[0], pruned[500] = [0.3, 0.3, 0.3], [0.001, 0.9, 0.001]
    before, after = specific(probabilities, thresholds), specific(pruned, thresholds)
    assert before[0, 0] and not after[0].any()
    assert not before[500].any() and after[500].tolist() == [False, True, False]


def test_entropy_of_known_cases():
    found = entropies(np.array([[0.2, 0.2, 0.2, 0.2], [0.5, 0, 0, 0], [0.3, 0.3, 0, 0], [0, 0, 0, 0]]))
    np.testing.assert_allclose(found[:3], [log(4), 0, log(2)], atol=1e-12)
    assert np.isnan(found[3])


def test_a_neuron_that_never_fires_is_no_candidate():
    probabilities = np.random.default_rng(8).uniform(0, 1, (100, 2))
    probabilities[0] = 0
    thresholds = find_thresholds(probabilities)
    assert not candidates(probabilities, thresholds)[0]
    assert candidates(probabilities, thresholds).sum() > 5
    assert not specific(np.zeros((3, 2)), thresholds).any()


def test_a_model_in_which_nothing_stands_out_is_refused():
    with pytest.raises(ValueError, match="fire equally often"):
        find_thresholds(np.full((50, 3), 0.5))
