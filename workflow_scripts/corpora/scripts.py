"""Writing without blanks between words: which languages, which characters."""

import re

_UNSPACED_LANGUAGES = {"ja", "zh"}
UNSPACED_CHARACTER = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
"""A letter of Thai, Lao, Burmese, Khmer, kana, bopomofo or Han."""


def blank_between(language: str) -> str:
    """What stands between two sentences, or two words, of a language; its script suffix does not count."""
    return "" if language.partition("-")[0] in _UNSPACED_LANGUAGES else " "
