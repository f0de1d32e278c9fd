"""Codes of languages, and what people write for them."""

import pytest

from workflow_scripts.corpora.languages import ISO_639_1, MISTAKEN, check_language, is_assigned, likely_code


def test_the_list_has_the_two_letter_codes():
    assert len(ISO_639_1) == 185
    assert {"de", "en", "sw", "zh", "no", "yo"} <= ISO_639_1
    assert set(MISTAKEN.values()) <= ISO_639_1
    assert not {code for code in MISTAKEN if len(code) == 2} & ISO_639_1


@pytest.mark.parametrize("code", ["sw", "fil", "zh-Hant"])
def test_codes_pass(code):
    check_language(code)
    assert is_assigned(code)


@pytest.mark.parametrize(
    ("text", "meant"),
    [("EN", "en"), ("en_US", "en"), ("German", "de"), ("jp", "ja"), (" sw", "sw"), ("sw", None), ("x", None)],
)
def test_what_was_meant(text, meant):
    assert likely_code(text) == meant


@pytest.mark.parametrize("text", ["EN", "en_US", "german", "e", "zh-hant", "", "еn", "en\n"])
def test_what_is_no_code_is_refused(text):
    with pytest.raises(ValueError, match="is not a language; write"):
        check_language(text)
