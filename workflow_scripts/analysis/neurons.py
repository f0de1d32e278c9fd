"""Language-specific neurons by the entropy of their activation over languages (LAPE, Tang et al. 2024).

For a neuron that fires with probability p_l in language l, the entropy is that of p divided by its sum. Neurons that never
exceed the 95th percentile of all probabilities are left out; the 1 % of all neurons with the lowest entropy are specific, each
for the languages in which its probability exceeds that percentile. Those with the highest entropy are called agnostic here.
Percentiles fix how many there are, so that none could be lost: a pruned model is held against the dense model's.
"""

from dataclasses import dataclass

import numpy as np

OFTEN = 0.95
"""Quantile of all probabilities above which a neuron is said to fire often in a language."""
EXTREME = 0.01
"""Share of all neurons that are specific, and that are agnostic."""


@dataclass(frozen=True)
class Thresholds:
    """What makes a neuron specific or agnostic in one model; frozen for its pruned variants.

    Attributes:
        often: probability above which a neuron fires often in a language.
        low: entropy up to which a neuron is specific, in nats.
        high: entropy from which on it is agnostic, in nats.
    """

    often: float
    low: float
    high: float


def entropies(probabilities: np.ndarray) -> np.ndarray:
    """Entropy of each neuron's activation over languages, in nats: float [neurons], NaN for those that never fire.

    Args:
        probabilities: float [neurons, languages].
    """
    total = probabilities.sum(axis=1, keepdims=True)
    shares = np.divide(probabilities, total, out=np.full_like(probabilities, np.nan), where=total > 0)
    logarithms = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return -(shares * logarithms).sum(axis=1)


def find_thresholds(probabilities: np.ndarray) -> Thresholds:
    """The thresholds of a model.

    Args:
        probabilities: float [neurons, languages], of all blocks.

    Raises:
        ValueError: no neuron fires more often than others.
    """
    often = _smallest(probabilities.ravel(), round(OFTEN * probabilities.size))
    spread = entropies(probabilities)[(probabilities > often).any(axis=1)]
    if not spread.size:
        raise ValueError("All neurons fire equally often: there are no language-specific ones to tell.")
    number = min(spread.size, max(1, round(EXTREME * len(probabilities))))
    return Thresholds(often, _smallest(spread, number), -_smallest(-spread, number))


def _smallest(values: np.ndarray, number: int) -> float:
    """The number-th smallest value, from 1 on."""
    return float(np.partition(values, number - 1)[number - 1])


def candidates(probabilities: np.ndarray, thresholds: Thresholds) -> np.ndarray:
    """Which neurons fire often in some language: bool [neurons]."""
    return (probabilities > thresholds.often).any(axis=1)


def specific(probabilities: np.ndarray, thresholds: Thresholds) -> np.ndarray:
    """Which neurons are specific for which languages: bool [neurons, languages]."""
    often = probabilities > thresholds.often
    # Comparisons with NaN are False: a neuron that never fires is none.
    return often & (entropies(probabilities) <= thresholds.low)[:, None]


def agnostic(probabilities: np.ndarray, thresholds: Thresholds) -> np.ndarray:
    """Which neurons fire often in some language and about as often in all: bool [neurons]."""
    return candidates(probabilities, thresholds) & (entropies(probabilities) >= thresholds.high)
