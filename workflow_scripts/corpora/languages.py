"""Languages by one name each: ISO 639-1, or 639-3 where there is none, with a script or a country where that is not the usual one.

Whatever way a code is written (`deu_Latn`, `zh_Hans`, `pt_BR`, `EN`), it means one of these names. What a corpus has decides in the
end, so that a code of the right form need not be assigned.
"""

import re
from collections.abc import Iterable
from functools import cache
from itertools import combinations

CODE = re.compile(r"(?!und|mul|zxx)[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
SPELLING = re.compile(
    r"(?!und|mul|zxx)[a-z]{2,3}(?P<script>[-_][a-z]{4})?(?P<country>[-_]([a-z]{2}|[0-9]{3}))?", re.I | re.A
)
"""What may be the code of a language, as FLORES, Weblate, Hugging Face and BCP 47 write them."""

MISTAKEN = {
    "cn": "zh", "cz": "cs", "dk": "da", "gr": "el", "jp": "ja", "kp": "ko", "ua": "uk", "vn": "vi",
    "arabic": "ar", "bengali": "bn", "chinese": "zh", "czech": "cs", "danish": "da", "dutch": "nl", "english": "en",
    "finnish": "fi", "french": "fr", "german": "de", "greek": "el", "hebrew": "he", "hindi": "hi", "hungarian": "hu",
    "indonesian": "id", "italian": "it", "japanese": "ja", "korean": "ko", "norwegian": "no", "persian": "fa",
    "polish": "pl", "portuguese": "pt", "romanian": "ro", "russian": "ru", "spanish": "es", "swahili": "sw",
    "swedish": "sv", "tamil": "ta", "thai": "th", "turkish": "tr", "ukrainian": "uk", "urdu": "ur", "vietnamese": "vi",
    "yoruba": "yo",
}  # fmt: skip
"""What people write for a language that is no code of any -> its code: countries, names in English."""
HANGUL = {"ko-Hang": "ko"}
"""FLORES says Hangul where CLDR says Korean writing, which is Hangul with some Hanja."""


@cache
def canonical(name: str) -> str:
    """The one name of a language that is written in any of the usual ways; what is no code comes back as it is."""
    found = SPELLING.fullmatch(name)
    if not found:
        return name
    # It takes as long to import as all else here, and what needs no language does not wait for it.
    from langcodes import Language, standardize_tag, tag_is_valid

    if (found["script"] or found["country"]) and not tag_is_valid(name):
        return name
    tag = standardize_tag(name)
    # A language of a macrolanguage that stands for it (`swh` for `sw`); what has two letters stands for itself.
    tag = tag if len(tag.partition("-")[0]) == 2 else standardize_tag(name, macro=True)
    whole = Language.get(tag, normalize=False).maximize()
    parts = [(), (whole.script,), (whole.territory,), (whole.script, whole.territory)]
    shorter = ["-".join(filter(None, [whole.language, *part])) for part in parts]
    shortest = next((code for code in shorter if Language.get(code, normalize=False).maximize() == whole), tag)
    return HANGUL.get(shortest, shortest)


def check_language(text: str) -> None:
    """Raise ValueError, with the code that was likely meant, unless a text is spelled as the code of a language."""
    if not CODE.fullmatch(canonical(text)):
        shown = repr(text) if len(text) <= 40 else f"{text[:37]!r}..."
        raise ValueError(
            f"{shown} is not a language; write {likely_code(text) or 'an ISO 639 code such as sw or zh-Hant'}"
        )


def check_spellings(names: Iterable[str]) -> None:
    """Raise ValueError, with both spellings, where names are of one language or one mixture (`de`, `deu_Latn+en`) and differ."""
    seen: dict[tuple[str, ...], str] = {}
    for name in names:
        parts = name.split("+")
        if found := _same(parts):
            raise ValueError(f"{found[0]} and {found[1]} in {name} are one language, {canonical(found[0])}; keep one")
        key = tuple(sorted(map(canonical, parts)))
        same = seen.setdefault(key, name)
        # The same parts in another order are the same mixture, in one spelling.
        if sorted(same.split("+")) != sorted(parts):
            kind = "mixture" if len(parts) > 1 else "language"
            raise ValueError(f"{same} and {name} are one {kind}, {'+'.join(key)}; keep one")


def _same(parts: list[str]) -> tuple[str, str] | None:
    """The first two of one language that are spelled in two ways."""
    pairs = combinations(parts, 2)
    return next((pair for pair in pairs if pair[0] != pair[1] and canonical(pair[0]) == canonical(pair[1])), None)


def is_assigned(code: str) -> bool:
    """Whether the code stands for a language."""
    from langcodes import tag_is_valid

    return tag_is_valid(code)


def likely_code(text: str) -> str | None:
    """The code that was likely meant by something that is none (`german`, `jp`, `de-1996`), None where unclear."""
    word = re.split(r"[-_+ .@]", text.strip().lower())[0]
    code = MISTAKEN.get(word) or canonical(word)
    return code if code != text and len(code.partition("-")[0]) == 2 and is_assigned(code) else None
