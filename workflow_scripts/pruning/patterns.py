"""Which weights may go: unstructured ratios and N:M. Imports no torch, for the study reads patterns too."""

from dataclasses import dataclass

COLUMNS = 128
"""Columns that SparseGPT prunes at a time; M of N:M must divide it."""


@dataclass(frozen=True)
class Unstructured:
    """A share `ratio` of each comparison group goes."""

    ratio: float


@dataclass(frozen=True)
class NofM:
    """`keep` of every `of` consecutive inputs stay."""

    keep: int
    of: int

    @property
    def ratio(self) -> float:
        """Share of the weights that goes."""
        return 1 - self.keep / self.of


Pattern = Unstructured | NofM


def parse_pattern(text: str) -> Pattern:
    """Read `0.5`, `2:4` or the spelling of `2:4` in paths, `2of4`.

    Raises:
        ValueError: the text is neither a ratio between 0 and 1 nor N:M with 0 < N < M.
    """
    kept, separator, of = text.replace("of", ":").partition(":")
    try:
        pattern = NofM(int(kept), int(of)) if separator else Unstructured(float(kept))
    except ValueError as error:
        raise ValueError(f"{text!r} is not a pattern: write a ratio such as 0.5, or N:M such as 2:4.") from error
    if isinstance(pattern, NofM) and not 0 < pattern.keep < pattern.of:
        raise ValueError(f"The pattern {text} keeps {kept} of {of}: N:M needs 0 < N < M.")
    if not 0 < pattern.ratio < 1:
        raise ValueError(f"The ratio {text} is outside (0, 1): 0.5 prunes half of the weights.")
    return pattern


def spell_pattern(text: str) -> str:
    """The one spelling of a pattern in paths: `0.50` becomes `0.5`, `2:4` becomes `2of4`; raises as `parse_pattern`."""
    pattern = parse_pattern(text)
    return f"{pattern.keep}of{pattern.of}" if isinstance(pattern, NofM) else repr(pattern.ratio)
