from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_scripts.corpora.mixtures import allocate, shares, spell_mixture, window_weights

MIXTURES = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0.05, 1), min_size=1)


@given(MIXTURES, st.integers(160, 400))
def test_counts_add_up_and_stay_within_one_window_of_the_quota(mixture, windows):
    counts = allocate(windows, mixture)
    assert sum(counts.values()) == windows
    for language, share in shares(mixture).items():
        assert abs(counts[language] - share * windows) < 1


@given(MIXTURES, st.integers(160, 400))
def test_weights_give_each_language_its_share(mixture, windows):
    counts = allocate(windows, mixture)
    weights = window_weights(windows, mixture, counts)
    total = sum(mixture.values())
    for language in mixture:
        assert weights[language] * counts[language] / windows == pytest.approx(mixture[language] / total, rel=1e-12)


def test_the_largest_remainder_gets_the_window():
    # Quotas 4.4, 2.4, 1.2, remainders .4, .4, .2: the last window goes to the first of the tie.
    assert allocate(8, {"en": 0.55, "de": 0.30, "sw": 0.15}) == {"de": 3, "en": 4, "sw": 1}


def test_ties_go_to_the_alphabetically_first():
    assert allocate(5, {"sw": 1, "en": 1}) == {"en": 3, "sw": 2}
    # 0.3 x 5 and 0.1 x 5 tie as decimals, but not as binary floats.
    assert allocate(5, {"a": 0.1, "b": 0.3, "c": 0.6}) == {"a": 1, "b": 1, "c": 3}


def test_a_language_of_weight_zero_gets_nothing():
    assert allocate(4, {"en": 0.0, "sw": 0.5}) == {"sw": 4}
    assert window_weights(4, {"en": 0.0, "sw": 0.5}, {"sw": 4}) == {"sw": 1.0}


def test_weights_need_not_add_up_to_one():
    assert shares({"en": 1, "sw": 3}) == {"en": Fraction(1, 4), "sw": Fraction(3, 4)}


def test_too_few_windows_for_a_language_names_the_number_that_is_enough():
    with pytest.raises(ValueError, match=r"sw would get none; take 6 windows"):
        allocate(4, {"en": 0.9, "sw": 0.1})
    assert allocate(6, {"en": 0.9, "sw": 0.1}) == {"en": 5, "sw": 1}


def test_a_tiny_weight_does_not_search_for_ever():
    with pytest.raises(ValueError, match="take 1000000001 windows"):
        allocate(8, {"en": 1.0, "sw": 1e-9})


@pytest.mark.parametrize("weights", [{"sw": -1.0}, {"sw": float("nan")}, {"sw": float("inf")}, {"sw": 0.0}, {}])
def test_invalid_weights_are_refused(weights):
    with pytest.raises(ValueError, match="weight"):
        allocate(4, weights)


def test_a_calibration_without_windows_is_refused():
    with pytest.raises(ValueError, match="take at least 1"):
        allocate(0, {"sw": 1})


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 10**12), min_size=1))
def test_equal_mixtures_are_spelled_alike_and_others_are_not(mixture):
    doubled = {language: 2 * weight for language, weight in mixture.items()}
    assert spell_mixture(doubled) == spell_mixture(mixture)
    other = mixture | {"z": 1}
    assert spell_mixture(other) != spell_mixture(mixture)
    assert len(spell_mixture(other)) <= 100


def test_a_mixture_is_spelled_in_smallest_whole_numbers():
    assert spell_mixture({"sw": 0.3, "en": 0.1}) == "en+3sw"
    assert spell_mixture({"sw": 5.0, "en": 5.0, "de": 0.0}) == "en+sw"
    assert spell_mixture({"sw": 2.0}) == "sw"
