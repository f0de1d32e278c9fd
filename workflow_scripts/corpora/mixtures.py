"""How the windows of a calibration are shared out among its languages."""

from collections.abc import Mapping
from fractions import Fraction
from hashlib import sha256
from itertools import islice
from math import ceil, lcm

LONGEST = 100
"""Letters of a mixture in paths; file systems take 255 bytes."""


def shares(mixture: Mapping[str, float]) -> dict[str, Fraction]:
    """Exact shares, sum 1, of the languages with a positive weight, sorted by language.

    A weight counts as the decimal number it is written as: 0.1 is 1/10.

    Raises:
        ValueError: a weight that is negative or not finite, or no positive weight.
    """
    weights = {}
    for language, weight in sorted(mixture.items()):
        if not 0 <= weight < float("inf"):
            raise ValueError(f"The weight of {language!r} in a mixture is {weight}: make it a number from 0 up.")
        weights[language] = Fraction(repr(float(weight)))
    total = sum(weights.values())
    if not total:
        raise ValueError("A mixture has no language with a positive weight: give one a weight.")
    return {language: weight / total for language, weight in weights.items() if weight}


def spell_mixture(mixture: Mapping[str, float]) -> str:
    """A mixture by its shares in smallest whole numbers, for paths: `en`, `en+sw`, `en+3sw`; a digest of it when long.

    Raises:
        ValueError: as `shares`.
    """
    parts = shares(mixture)
    whole = lcm(*(share.denominator for share in parts.values()))
    counts = {language: int(share * whole) for language, share in parts.items()}
    spelled = "+".join(language if count == 1 else f"{count}{language}" for language, count in counts.items())
    return spelled if len(spelled) <= LONGEST else f"mixture-{sha256(spelled.encode()).hexdigest()[:16]}"


def allocate(windows: int, mixture: Mapping[str, float]) -> dict[str, int]:
    """How many of `windows` each language with a positive weight gets, by largest remainder (Hamilton's method).

    Equal remainders go to the alphabetically first. The counts add up to `windows`.

    Raises:
        ValueError: a language would get no window, `windows` is not positive, or a weight is invalid.
    """
    if windows < 1:
        raise ValueError(f"A calibration of {windows} windows is empty: take at least 1.")
    parts = shares(mixture)
    counts = _largest_remainder(windows, parts)
    empty = [language for language, count in counts.items() if not count]
    if empty:
        raise ValueError(
            f"{windows} windows are too few for the mixture of {', '.join(parts)}: {', '.join(empty)} would get none; "
            f"take {_enough(windows, parts)} windows."
        )
    return counts


def window_weights(windows: int, mixture: Mapping[str, float], counts: Mapping[str, int]) -> dict[str, float]:
    """The weight of one window of each language: all windows of a language together weigh its exact share of `windows`.

    Args:
        windows: number of windows of all languages.
        mixture: weight of each language.
        counts: number of windows of each language, from `allocate`.
    """
    return {language: float(share * windows / counts[language]) for language, share in shares(mixture).items()}


def take_turns(counts: Mapping[str, int]) -> list[str]:
    """Each language as often as it counts, spread evenly over the whole: {a: 2, b: 1} gives a, b, a."""
    places = [((turn + 0.5) / count, language) for language, count in counts.items() for turn in range(count)]
    return [language for _, language in sorted(places)]


def _largest_remainder(windows: int, parts: Mapping[str, Fraction]) -> dict[str, int]:
    counts = {language: int(windows * share) for language, share in parts.items()}
    by_remainder = sorted(parts, key=lambda language: (counts[language] - windows * parts[language], language))
    for language in islice(by_remainder, windows - sum(counts.values())):
        counts[language] += 1
    return counts


def _enough(windows: int, parts: Mapping[str, Fraction]) -> int:
    """A number of windows that leaves no language out: the next one up, unless that takes long to find."""
    surely = ceil(1 / min(parts.values()))
    candidates = range(windows + 1, min(surely, windows + 1000))
    return next((n for n in candidates if all(_largest_remainder(n, parts).values())), surely)
