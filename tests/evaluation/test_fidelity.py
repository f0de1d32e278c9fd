"""Fidelity on texts made by hand: the right language, a wrong one, a wrong script, loops, nothing."""

import pytest

from workflow_scripts.evaluation.fidelity import (
    FREQUENT,
    Identifier,
    describe,
    distinct,
    main_script,
    repetition,
    script_share,
)

SWAHILI = "Watoto wanacheza mpira shuleni kila siku baada ya masomo."
ENGLISH = "The children play football at school every day after lessons."
RUSSIAN = "Дети каждый день играют в футбол после уроков в школе."
CHINESE = "孩子们每天放学后都在学校里踢足球。"
ARABIC = "يلعب الأطفال كرة القدم في المدرسة كل يوم بعد الدروس."


@pytest.fixture(scope="module")
def judge():
    return Identifier(["sw", "en", "ru", "zh-Hant", "xx"])


@pytest.mark.parametrize(
    ("text", "language", "identified"),
    [
        (SWAHILI, "sw", "sw"),
        (ENGLISH, "sw", "en"),
        (RUSSIAN, "ru", "ru"),
        (CHINESE, "zh-Hant", "zh"),
        (ARABIC, "ar", "ar"),
    ],
)
def test_the_language_is_told(judge, text, language, identified):
    found = describe(text, [1, 2], language, {"Latn"}, judge)
    assert found["identified"] == identified
    assert found["in_language"] == (language.partition("-")[0] == identified)
    assert (found["probability"] > 0.9) == found["in_language"]
    assert found == describe(text, [1, 2], language, {"Latn"}, judge)


def test_a_language_is_told_among_those_of_the_study_and_the_frequent_ones(judge):
    assert judge.languages == set(FREQUENT)
    assert set(judge.probabilities(SWAHILI)) == set(FREQUENT)
    assert Identifier(["xh"]).languages == {*FREQUENT, "xh"}


def test_of_an_unknown_language_nothing_is_told_but_script_and_repetition(judge):
    found = describe(ENGLISH, [1] * 9, "xx", {"Latn"}, judge)
    assert found["identified"] is found["probability"] is found["in_language"] is None
    assert (found["script_share"], found["repetition"]) == (1.0, pytest.approx(5 / 6))


@pytest.mark.parametrize(("text", "empty"), [("", True), (" \n", True), ("12, 34 %", False)])
def test_what_has_no_letter_is_in_no_language(judge, text, empty):
    found = describe(text, [], "sw", {"Latn"}, judge)
    assert found["empty"] == empty
    assert (found["in_language"], found["probability"], found["identified"]) == (False, 0.0, None)
    assert (found["script_share"], found["repetition"], found["distinct"]) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("text", "language", "scripts"),
    [
        (SWAHILI, "sw", {"Latn"}),
        (ARABIC + " USA", "ar", {"Arab"}),
        (CHINESE, "zh", {"Hani"}),
        # Kanji, hiragana and katakana are one writing.
        ("東京へ行くバス", "ja", {"Hani", "Hira", "Kana"}),
        ("1, 2 ...", "en", set()),
    ],
)
def test_the_script_of_a_prompt(text, language, scripts):
    assert main_script(text, language) == scripts


def test_letters_count_and_signs_do_not():
    assert script_share("Hello, мир! 123", {"Latn"}) == pytest.approx(5 / 8)
    assert script_share(CHINESE, {"Hani"}) == 1.0
    assert script_share(ENGLISH, {"Cyrl"}) == 0.0
    # Marks above letters belong to them.
    assert script_share("e\u0301", {"Latn"}) == 1.0


def naive(tokens, n):
    seen, repeated, grams = [], 0, 0
    for place in range(len(tokens) - n + 1):
        gram = tokens[place : place + n]
        repeated += gram in seen
        grams += 1
        seen.append(gram)
    return repeated / grams if grams else 0.0


@pytest.mark.parametrize(
    "tokens", [[], [1, 2, 3], [1, 2, 3, 4], [1] * 10, [1, 2] * 8, [1, 2, 3, 4, 5, 1, 2, 3, 4, 6], list(range(20))]
)
def test_repetition_is_the_share_of_n_grams_that_were_there_before(tokens):
    for n in (1, 2, 4):
        assert repetition(tokens, n) == pytest.approx(naive(tokens, n))
        assert distinct(tokens, n) == pytest.approx(1 - naive(tokens, n))


def test_a_loop_is_repetition_in_the_right_language(judge):
    loop, tokens = SWAHILI[:24] * 8, [*range(6)] * 8
    found = describe(loop, tokens, "sw", {"Latn"}, judge)
    assert found["in_language"] and found["repetition"] == pytest.approx(1 - 6 / 45)
