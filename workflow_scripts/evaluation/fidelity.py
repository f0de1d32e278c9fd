"""Whether generated text keeps to the language and the script of its prompt, and how much it repeats itself.

The language is told by py3langid, a naive Bayes classifier over n-grams of bytes (Lui & Baldwin 2012, langid.py) whose model
comes with the package. Repetition is the share of n-grams of tokens that have been there before in the text (seq-rep-n of
Welleck et al. 2020, arXiv 1908.04319); distinct-n is the share that are different (Li et al. 2016, arXiv 1510.03055).
"""

import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from fontTools.unicodedata import script
from py3langid.langid import MODEL_FILE, LanguageIdentifier

FREQUENT = (
    "ar", "bn", "cs", "de", "el", "en", "es", "fa", "fr", "he", "hi", "id", "it", "ja", "ko", "nl", "pl", "pt", "ro", "ru",
    "sv", "sw", "th", "tr", "uk", "vi", "zh",
)  # fmt: skip
"""Languages that a model may fall into beside those of the study: those that most texts are in, and widespread ones."""
REPEATED, DISTINCT = 4, 2
"""Lengths of the n-grams of repetition and of distinct-n."""
_NO_SCRIPT = {"Zyyy", "Zinh", "Zzzz"}
_OF_ONE_LANGUAGE = {"ja": {"Hani", "Hira", "Kana"}, "ko": {"Hang", "Hani"}}
"""Scripts that a language is written in at once."""


class Identifier:
    """Tells in which of several languages a text is; the same text always gets the same answer."""

    def __init__(self, languages: Collection[str]) -> None:
        """`languages` join those of FREQUENT, as far as the model knows them; script suffixes do not count."""
        self._model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        self.languages = {*FREQUENT, *map(_base, languages)} & set(self._model.labels)
        self._model.set_languages(sorted(self.languages))

    def probabilities(self, text: str) -> dict[str, float]:
        """Language -> probability, the likeliest first."""
        return dict(self._model.rank(text))


def main_script(text: str, language: str) -> set[str]:
    """The script of most letters of a text, as ISO 15924 codes: several for languages that are written in several at once."""
    counts = Counter(found for letter in text if (found := _script(letter)))
    likeliest = {name for name, _ in counts.most_common(1)}
    together = _OF_ONE_LANGUAGE.get(_base(language), set())
    return together if likeliest & together else likeliest


def script_share(text: str, scripts: Collection[str]) -> float:
    """Share of the letters of a text that are of some scripts; 0 where it has no letter."""
    found = [name for letter in text if (name := _script(letter))]
    return sum(name in scripts for name in found) / len(found) if found else 0.0


def repetition(tokens: Sequence[int], n: int = REPEATED) -> float:
    """1 - different n-grams / all n-grams; 0 where there is none."""
    grams = _grams(tokens, n)
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def distinct(tokens: Sequence[int], n: int = DISTINCT) -> float:
    """Different n-grams / all n-grams; 1 where there is none."""
    return 1 - repetition(tokens, n)


def describe(
    text: str, tokens: Sequence[int], language: str, scripts: Collection[str], judge: Identifier
) -> dict[str, Any]:
    """Everything that is measured of a text that goes on after a prompt.

    Args:
        text: what was generated.
        tokens: the same as token ids.
        language: of the prompt.
        scripts: of the prompt.
        judge: tells the language.

    Returns:
        `tokens` (their number), `empty` (nothing but blanks), `script_share`, `identified` (the likeliest language, null of a
        text without a letter), `probability` (of the prompt's language; 0 of such a text), `in_language` (whether it is the
        likeliest), `repetition`, `distinct`. What is of the language is null where the model does not know the prompt's.
    """
    wanted = _base(language)
    found = judge.probabilities(text) if any(map(_is_letter, text)) else {}
    identified, known = next(iter(found), None), wanted in judge.languages
    return {
        "tokens": len(tokens),
        "empty": not text.strip(),
        "script_share": script_share(text, scripts),
        "identified": identified if known else None,
        "probability": found.get(wanted, 0.0) if known else None,
        "in_language": identified == wanted if known else None,
        "repetition": repetition(tokens),
        "distinct": distinct(tokens),
    }


def _base(language: str) -> str:
    return language.partition("-")[0]


def _script(character: str) -> str | None:
    """The script of a letter, None for what is no letter or is common to all scripts."""
    found = script(character) if _is_letter(character) else None
    return None if found in _NO_SCRIPT else found


def _is_letter(character: str) -> bool:
    return unicodedata.category(character).startswith("L")


def _grams(tokens: Sequence[int], n: int) -> list[tuple[int, ...]]:
    return [tuple(tokens[place : place + n]) for place in range(len(tokens) - n + 1)]
