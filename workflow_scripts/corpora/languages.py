"""Codes of languages as studies write them: ISO 639-1, or 639-3 where there is none, with a script where needed.

What a corpus has decides in the end; the list of two-letter codes is for corpora that only their hub knows.
"""

import re

CODE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?")

ISO_639_1 = frozenset(
    [
        "aa",
        "ab",
        "ae",
        "af",
        "ak",
        "am",
        "an",
        "ar",
        "as",
        "av",
        "ay",
        "az",
        "ba",
        "be",
        "bg",
        "bh",
        "bi",
        "bm",
        "bn",
        "bo",
        "br",
        "bs",
        "ca",
        "ce",
        "ch",
        "co",
        "cr",
        "cs",
        "cu",
        "cv",
        "cy",
        "da",
        "de",
        "dv",
        "dz",
        "ee",
        "el",
        "en",
        "eo",
        "es",
        "et",
        "eu",
        "fa",
        "ff",
        "fi",
        "fj",
        "fo",
        "fr",
        "fy",
        "ga",
        "gd",
        "gl",
        "gn",
        "gu",
        "gv",
        "ha",
        "he",
        "hi",
        "ho",
        "hr",
        "ht",
        "hu",
        "hy",
        "hz",
        "ia",
        "id",
        "ie",
        "ig",
        "ii",
        "ik",
        "io",
        "is",
        "it",
        "iu",
        "ja",
        "jv",
        "ka",
        "kg",
        "ki",
        "kj",
        "kk",
        "kl",
        "km",
        "kn",
        "ko",
        "kr",
        "ks",
        "ku",
        "kv",
        "kw",
        "ky",
        "la",
        "lb",
        "lg",
        "li",
        "ln",
        "lo",
        "lt",
        "lu",
        "lv",
        "mg",
        "mh",
        "mi",
        "mk",
        "ml",
        "mn",
        "mr",
        "ms",
        "mt",
        "my",
        "na",
        "nb",
        "nd",
        "ne",
        "ng",
        "nl",
        "nn",
        "no",
        "nr",
        "nv",
        "ny",
        "oc",
        "oj",
        "om",
        "or",
        "os",
        "pa",
        "pi",
        "pl",
        "ps",
        "pt",
        "qu",
        "rm",
        "rn",
        "ro",
        "ru",
        "rw",
        "sa",
        "sc",
        "sd",
        "se",
        "sg",
        "sh",
        "si",
        "sk",
        "sl",
        "sm",
        "sn",
        "so",
        "sq",
        "sr",
        "ss",
        "st",
        "su",
        "sv",
        "sw",
        "ta",
        "te",
        "tg",
        "th",
        "ti",
        "tk",
        "tl",
        "tn",
        "to",
        "tr",
        "ts",
        "tt",
        "tw",
        "ty",
        "ug",
        "uk",
        "ur",
        "uz",
        "ve",
        "vi",
        "vo",
        "wa",
        "wo",
        "xh",
        "yi",
        "yo",
        "za",
        "zh",
        "zu",
    ]
)

MISTAKEN = {
    "cn": "zh", "cz": "cs", "dk": "da", "gr": "el", "in": "hi", "iw": "he", "ji": "yi", "jp": "ja", "jw": "jv", "kp": "ko",
    "ua": "uk", "vn": "vi",
    "arabic": "ar", "bengali": "bn", "chinese": "zh", "czech": "cs", "danish": "da", "dutch": "nl", "english": "en",
    "finnish": "fi", "french": "fr", "german": "de", "greek": "el", "hebrew": "he", "hindi": "hi", "hungarian": "hu",
    "indonesian": "id", "italian": "it", "japanese": "ja", "korean": "ko", "norwegian": "no", "persian": "fa",
    "polish": "pl", "portuguese": "pt", "romanian": "ro", "russian": "ru", "spanish": "es", "swahili": "sw",
    "swedish": "sv", "tamil": "ta", "thai": "th", "turkish": "tr", "ukrainian": "uk", "urdu": "ur", "vietnamese": "vi",
    "yoruba": "yo",
}  # fmt: skip
"""What people write for a language -> its code: countries, withdrawn codes, names in English."""


SCRIPTS = frozenset(
    ["Arab", "Armn", "Beng", "Cans", "Cyrl", "Deva", "Ethi", "Geor", "Grek", "Gujr", "Guru", "Hang", "Hans", "Hant", "Hebr", "Jpan",
     "Khmr", "Knda", "Kore", "Laoo", "Latn", "Mlym", "Mong", "Mymr", "Nkoo", "Olck", "Orya", "Sinh", "Syrc", "Taml", "Telu", "Tfng",
     "Thaa", "Thai", "Tibt", "Vaii"]
)  # fmt: skip
"""Scripts, by ISO 15924, that codes of languages are written with in file names."""


def check_language(text: str) -> None:
    """Raise ValueError, with the code that was likely meant, unless a text is spelled as the code of a language."""
    if not CODE.fullmatch(text):
        shown = repr(text) if len(text) <= 40 else f"{text[:37]!r}..."
        raise ValueError(
            f"{shown} is not a language; write {likely_code(text) or 'an ISO 639 code such as sw or zh-Hant'}"
        )


def canonical(name: str) -> str:
    """A code as studies write it, of one that stands in a file's name with an underscore or other capitals (`zh_hans`, `AA`).

    What is no such code comes back as it is.
    """
    language, *scripts = re.split("[-_]", name)
    spelled = "-".join([language.lower(), *(script.title() for script in scripts)])
    is_code = CODE.fullmatch(spelled) and all(script.title() in SCRIPTS for script in scripts)
    return spelled if is_code else name


def is_assigned(code: str) -> bool:
    """Whether the code stands for a language; three letters are not looked up, for there are thousands."""
    language = code.partition("-")[0]
    return len(language) == 3 or language in ISO_639_1


def likely_code(text: str) -> str | None:
    """The code that was likely meant by something that is none (`EN`, `en_US`, `german`, `jp`), None where unclear."""
    if (spelled := canonical(text.strip())) != text and "-" in spelled and CODE.fullmatch(spelled):
        return spelled
    word = re.split(r"[-_+ .@]", text.strip().lower())[0]
    code = MISTAKEN.get(word, word)
    return code if code in ISO_639_1 and code != text else None
