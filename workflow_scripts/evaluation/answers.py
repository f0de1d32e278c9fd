"""How well a short answer in free text fits the gold ones: exact match, and F1 of the tokens that they share.

Answers are compared as MKQA's evaluation does (Longpre, Lu & Daiber 2021, arXiv 2007.15207; its script follows SQuAD's):
small letters, no punctuation, no articles of the language, single blanks; in scripts without blanks every character is a token.
Of several gold answers the one that fits best counts. Two things differ on purpose. All punctuation of Unicode goes, not
only ASCII's, as in MLQA's evaluation (Lewis et al. 2020, arXiv 1910.07475): else a full stop in Chinese is an error. And
articles go as whole words: the published patterns of French and Italian also cut the beginnings of other words.
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Collection

UNSPACED = {"ja", "km", "th", "zh"}
"""Languages in which every character is a token."""
_ARTICLES = {
    "da": "en et",
    "de": "ein eine einen einem eines einer der die das den dem des",
    "en": "a an the",
    "es": "un una unos unas el la los las",
    "fi": "se yks yksi",
    "fr": "le la l les du de d des un une",
    "hu": "a az egy",
    "it": "il lo la l i gli le del dello della dell dei degli degl delle un uno una",
    "nl": "de het een des der den",
    "no": "en et ei",
    "pt": "o a os as um uma uns umas",
    "sv": "en ett",
    "vi": "của là cái chiếc những",
}
_PATTERNS = {language: re.compile(rf"\b(?:{'|'.join(words.split())})\b") for language, words in _ARTICLES.items()}
# The Arabic article is written together with its word, and after what is written before it: MKQA takes it out anywhere.
_PATTERNS["ar"] = re.compile("ال")


def normalise(text: str, language: str) -> str:
    """An answer without what does not matter to it, its tokens with single blanks between them.

    Args:
        text: the answer.
        language: its code; a script suffix does not count.
    """
    language = language.partition("-")[0]
    text = "".join(character for character in text.lower() if not _is_punctuation(character))
    if language in _PATTERNS:
        text = _PATTERNS[language].sub(" ", text)
    return " ".join("".join(text.split()) if language in UNSPACED else text.split())


def exact_match(prediction: str, answers: Collection[str], language: str) -> float:
    """1 if the prediction is one of the gold answers once all are normalised, else 0."""
    return float(normalise(prediction, language) in {normalise(answer, language) for answer in answers})


def f1(prediction: str, answers: Collection[str], language: str) -> float:
    """Harmonic mean of precision and recall of tokens, 0 to 1, against the gold answer where it is highest."""
    return max(_f1(normalise(prediction, language).split(), normalise(answer, language).split()) for answer in answers)


def _f1(predicted: list[str], wanted: list[str]) -> float:
    if not predicted or not wanted:
        return float(predicted == wanted)
    return 2 * (Counter(predicted) & Counter(wanted)).total() / (len(predicted) + len(wanted))


def _is_punctuation(character: str) -> bool:
    return character in string.punctuation or unicodedata.category(character).startswith("P")
