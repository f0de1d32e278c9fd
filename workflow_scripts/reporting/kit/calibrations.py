"""What the calibrations of a study are made of, for those that are no language."""

from collections.abc import Mapping
from typing import NamedTuple


class Made(NamedTuple):
    """What a calibration is.

    `kind` is language, mixture or control. Of a control, `control` is its own kind (random, shuffled, generated, register,
    corpus) and `language` that of its texts. `words` says what a mixture or control is made of.
    """

    kind: str
    control: str = ""
    language: str = ""
    words: str = ""


Known = Mapping[str, Made]


def read_calibrations(given: Mapping[str, Mapping[str, str]]) -> dict[str, Made]:
    """Calibration -> what it is, from mappings with the fields of `Made`."""
    return {name: Made(**fields) for name, fields in given.items()}


def kinds_of(known: Known | None) -> dict[str, str]:
    """Calibration -> kind, as `labels` takes them."""
    return {name: made.kind for name, made in (known or {}).items()}


def words_of(name: str, known: Known | None) -> str:
    """What a mixture or control is made of; nothing for a language."""
    return known[name].words if known and name in known else ""
