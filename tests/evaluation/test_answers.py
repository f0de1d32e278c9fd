"""Answers against gold ones: cases worked out by hand in several languages, and a naive reference."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_scripts.evaluation.answers import exact_match, f1, normalise


@pytest.mark.parametrize(
    ("language", "text", "wanted"),
    [
        ("en", '  The Beatles\' "Let  It Be" (an album)! ', "beatles let it be album"),
        ("en", "Athena", "athena"),
        ("de", "Die Mauer – eine der Grenzen.", "mauer grenzen"),
        ("es", "¿Los Ángeles?", "ángeles"),
        ("fr", "L' eau, des Alpes; delphine", "eau alpes delphine"),
        ("ru", "«Эдмундс, Дэйв»", "эдмундс дэйв"),
        ("sw", "Mlima wa Kilimanjaro.", "mlima wa kilimanjaro"),
        # The article goes where it is written together with its word; what is left of the words is apart.
        ("ar", "القاهرة، والنيل؟", "قاهرة و نيل"),
        ("zh", "《北京》是 China 的首都。", "北 京 是 c h i n a 的 首 都"),
        ("zh-Hant", "戴維·埃德蒙茲 ", "戴 維 埃 德 蒙 茲"),
        ("ja", "東京 タワー", "東 京 タ ワ ー"),
        ("xx", "$5.00 + ~tax^", "500 tax"),
        ("en", "...", ""),
    ],
)
def test_what_does_not_matter_to_an_answer_goes(language, text, wanted):
    assert normalise(text, language) == wanted


@pytest.mark.parametrize(
    ("language", "prediction", "answers", "exact", "score"),
    [
        ("en", "the Eiffel Tower", ["Eiffel tower", "La Tour Eiffel"], 1, 1.0),
        # Two of three tokens are right, and two of two wanted: 2 * (2/3) * 1 / (2/3 + 1).
        ("en", "in New York", ["New York"], 0, 0.8),
        # A token counts as often as the gold answer has it: one of three, one of one.
        ("en", "no no no", ["no"], 0, 0.5),
        ("en", "Paris", ["London", "Rome"], 0, 0.0),
        # The best of several gold answers: 1/2 and 1/3 against 1 and 1/2.
        ("en", "William Shakespeare", ["Edward de Vere William", "Shakespeare"], 0, 2 / 3),
        ("de", "am 9. November 1989", ["9. November 1989", "1989"], 0, 6 / 7),
        ("ru", "Москва!", ["москва"], 1, 1.0),
        ("ar", "القاهرة", ["قاهرة"], 1, 1.0),
        ("ar", "مدينة القاهرة", ["القاهرة"], 0, 2 / 3),
        # Characters: 北 and 京 of 北京市, of two that are wanted.
        ("zh", "北京市", ["北京"], 0, 0.8),
        ("zh", "北京。", ["北京"], 1, 1.0),
        ("zh", "上海", ["北京"], 0, 0.0),
        ("en", "", ["Paris"], 0, 0.0),
        ("en", "", [""], 1, 1.0),
        ("en", "the", [""], 1, 1.0),
    ],
)
def test_scores_are_those_worked_out_by_hand(language, prediction, answers, exact, score):
    assert exact_match(prediction, answers, language) == exact
    assert f1(prediction, answers, language) == pytest.approx(score)


def naive_f1(predicted: list[str], wanted: list[str]) -> float:
    """Precision and recall by striking tokens off one by one."""
    left, common = list(wanted), 0
    for token in predicted:
        if token in left:
            left.remove(token)
            common += 1
    if not predicted or not wanted:
        return float(predicted == wanted)
    precision, recall = common / len(predicted), common / len(wanted)
    return 2 * precision * recall / (precision + recall) if common else 0.0


WORDS = st.lists(st.sampled_from(["one", "two", "three", "four"]), max_size=6)


@given(WORDS, st.lists(WORDS, min_size=1, max_size=3))
def test_f1_is_the_naive_one(predicted, golds):
    answers = [" ".join(gold) for gold in golds]
    wanted = max(naive_f1(predicted, gold) for gold in golds)
    assert f1(" ".join(predicted), answers, "en") == pytest.approx(wanted)
    assert exact_match(" ".join(predicted), answers, "en") == float(predicted in golds)
