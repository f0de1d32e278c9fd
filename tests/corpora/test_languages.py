"""Codes of languages, and what people write for them."""

import pytest

from workflow_scripts.artifacts.paths import cloze_languages
from workflow_scripts.corpora.languages import (
    MISTAKEN,
    canonical,
    check_language,
    check_spellings,
    is_assigned,
    likely_code,
)
from workflow_scripts.corpora.sources import embedded
from workflow_scripts.evaluation.questions import MKQA_LANGUAGES
from workflow_scripts.evaluation.tasks.families import FAMILIES, FLORES


@pytest.mark.parametrize("code", ["sw", "fil", "zh-Hant", "pt-PT", "es-419"])
def test_codes_pass(code):
    check_language(code)
    assert is_assigned(code)


@pytest.mark.parametrize(
    ("spellings", "name"),
    [
        ("de DE deu ger deu_Latn de_DE de-DE deu-latn de-Latn", "de"),
        ("sw swa swh swh_Latn sw_TZ", "sw"),
        ("zh zh_Hans zh-Hans zho_Hans zh_CN zh-cn cmn cmn_Hans", "zh"),
        ("zh_Hant zh-hant zho_Hant zh_TW zh_tw zh-Hant-TW cmn_hant", "zh-Hant"),
        ("zh_HK zh-Hant-HK zh_hk", "zh-HK"),
        ("pt por_Latn pt_BR pt-br", "pt"),
        ("pt_PT pt-PT", "pt-PT"),
        ("ar arb arb_Arab ara ar-EG", "ar"),
        ("fil tgl tgl_Latn", "fil"),
        ("ko kor_Hang ko_KR", "ko"),
        ("az azj_Latn aze", "az"),
        ("sr_Latn sr-Latn srp_Latn", "sr-Latn"),
        ("sr srp_Cyrl", "sr"),
        ("en eng_Latn EN en_US", "en"),
        ("en-GB en_gb", "en-GB"),
        ("he iw heb_Hebr", "he"),
        ("bb BB", "bb"),
    ],
)
def test_every_spelling_of_a_language_is_one_name(spellings, name):
    assert {spelling: canonical(spelling) for spelling in spellings.split()} == dict.fromkeys(spellings.split(), name)
    assert canonical(name) == name


def test_names_that_results_are_called_by_stay():
    families = {language for family in FAMILIES.values() for language in family.languages}
    ours = {*families, *embedded.languages(embedded.Options()), *cloze_languages()}
    ours |= {name for name in MKQA_LANGUAGES if "_" not in name} | {"nb", "nn", "no", "tw", "yue", "qaa"}
    assert {name for name in ours if canonical(name) != name} == set()


def test_flores_spellings_are_the_families_languages():
    # Norwegian alone is called by a name of its own, nb.
    assert {canonical(code): code for code in FLORES.values()} | {"no": "nob_Latn"} == FLORES | {"nb": "nob_Latn"}


@pytest.mark.parametrize(
    "name", ["data", "en_docs", "de_old", "part-001", "README", "und", "mul", "", "sw\n", "е\u043d", "de-1996"]
)
def test_what_is_no_code_comes_back_as_it_is(name):
    assert canonical(name) == name


@pytest.mark.parametrize(
    ("text", "meant"),
    [("German", "de"), ("jp", "ja"), (" sw", "sw"), ("sw", None), ("x", None), ("de-1996", "de"), ("qq", None)],
)
def test_what_was_meant(text, meant):
    assert likely_code(text) == meant


def test_what_is_mistaken_is_no_code_itself():
    assert {word for word in MISTAKEN if is_assigned(word)} == set()
    assert {code for code in MISTAKEN.values() if canonical(code) != code or not is_assigned(code)} == set()


@pytest.mark.parametrize("text", ["german", "e", "", "еn", "en\n", "en_docs", "und"])
def test_what_is_no_code_is_refused(text):
    with pytest.raises(ValueError, match="is not a language; write"):
        check_language(text)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["en", "de", "deu_Latn"], "de and deu_Latn are one language, de; keep one"),
        (["en+sw", "eng+swh_Latn"], "en+sw and eng+swh_Latn are one mixture, en+sw; keep one"),
        (["de+deu"], "de and deu in de+deu are one language, de; keep one"),
    ],
)
def test_a_language_in_two_spellings_is_refused_with_both(names, sentence):
    with pytest.raises(ValueError) as caught:
        check_spellings(names)
    assert str(caught.value) == sentence


def test_languages_that_differ_are_none_in_two_spellings():
    check_spellings(["en", "en", "en+sw", "zh", "zh-Hant", "en+en"])
