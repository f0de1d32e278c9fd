"""The recommendation in words and as a table, on tables written by hand."""

import polars as pl
import pytest

from workflow_scripts.analysis.predictors import PICKS, PREDICTORS
from workflow_scripts.analysis.recommendation import BEST, ONE_FOR_ALL
from workflow_scripts.reporting.advice import (
    advice_sentences,
    advice_table,
    for_all_sentences,
    one_for_all_table,
    predictor_sentences,
)
from workflow_scripts.reporting.kit.labels import percent

SETTING = {"model": "m", "method": "wanda", "pattern": "0.5", "sample": "c-8x256", "propagation": "sequential"}


def best(*rows: dict) -> pl.DataFrame:
    """Rows of `best_calibration`; what a row leaves out is usual."""
    usual = SETTING | {"corpus": "c", "documents": 8, "seeds": 3, "unit": "bits per byte", "reason": ""}
    usual |= {"loss": 1.0, "apparent_regret": 0.0, "regret": 0.0, "low": 0.0, "high": 0.0, "relative": 0.0}
    return pl.DataFrame([usual | row for row in rows], schema=BEST)


CLEAR = [
    {"language": "sw", "calibration": "sw", "best": "sw", "chosen": 1.0, "among_best": True},
    {
        "language": "sw", "calibration": "en", "best": "sw", "chosen": 0.0, "among_best": False,
        "regret": 0.2, "low": 0.15, "high": 0.25, "relative": 0.4,
    },
]  # fmt: skip
OPEN = [
    {"language": "de", "calibration": "de", "best": "en", "chosen": 0.4, "among_best": True, "regret": 0.01},
    {"language": "de", "calibration": "en", "best": "en", "chosen": 0.6, "among_best": True},
]


def test_a_clear_best_an_open_choice_and_what_the_reference_costs():
    clear, choice, cost = advice_sentences(best(*CLEAR, *OPEN), "en")
    assert clear == "One calibration is better than every other for 1 of 2 languages: for Swahili its own."
    assert choice == (
        "No calibration is clearly the best for 1 of 2 languages. Lowest loss, and in which share of resamples: for German "
        "English (60\N{NO-BREAK SPACE}%)."
    )
    assert cost == (
        "English instead adds to what pruning costs: Swahili 40\N{NO-BREAK SPACE}% (+0.150 to +0.250 bits per byte)."
    )


def test_without_intervals_it_is_an_indication():
    nothing = {"low": None, "high": None, "among_best": None, "reason": "1 of the 3 seeds that an interval needs"}
    [sentence] = advice_sentences(best(*(row | nothing for row in CLEAR)), "en")
    assert sentence == (
        "Lowest loss: for Swahili its own. An indication only: there are 1 of the 3 seeds that an interval needs."
    )


def test_one_calibration_gives_no_advice():
    assert list(advice_sentences(best(CLEAR[0]), None)) == []


def test_the_table_says_what_the_reference_costs_where_it_is_not_the_best_itself():
    table = advice_table(best(*CLEAR, *OPEN), "en")
    german, swahili = [[cell.text for cell in row] for row in table.rows]
    # English has the lowest loss, and German cannot be told from it: its own texts are what a user has.
    assert german == [
        "German (de)", "Wanda", "German (de)", "English (en)", "60\N{NO-BREAK SPACE}%", "–", "–", "all others",
    ]  # fmt: skip
    assert swahili[2:] == [
        "Swahili (sw)", "Swahili (sw)", "100\N{NO-BREAK SPACE}%", "+0.200 (+0.150 to +0.250)", "40\N{NO-BREAK SPACE}%", "none",
    ]  # fmt: skip


def drops(**worst: float) -> pl.DataFrame:
    """Rows of `one_for_all` with these worst drops."""
    usual = SETTING | {"corpus": "c", "languages": 2, "seeds": 3, "worst_language": "sw", "reason": "", "chosen": 0.5}
    rows = [
        usual | {"calibration": name, "worst_drop": drop, "worst_drop_low": drop - 0.01, "worst_drop_high": drop + 0.01}
        | {"mean_drop": drop / 2, "mean_drop_low": None, "mean_drop_high": None}
        for name, drop in worst.items()
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=ONE_FOR_ALL)


def test_one_for_all_names_the_least_and_the_most_harmful():
    [sentence] = for_all_sentences(drops(en=0.3, sw=0.2, de=0.25))
    assert sentence == (
        "One calibration for all 2 languages: Swahili hurts its worst language least, Swahili, whose loss grows by "
        "20.0\N{NO-BREAK SPACE}% (19.0 to 21.0); it does so in 50\N{NO-BREAK SPACE}% of resamples. English hurts its own "
        "most: the loss of Swahili grows by 30.0\N{NO-BREAK SPACE}% (29.0 to 31.0)."
    )
    table = one_for_all_table(drops(en=0.3, sw=0.2, de=0.25))
    assert [row[1].text for row in table.rows] == ["Swahili (sw)", "German (de)", "English (en)"]
    assert table.rows[0][2].text == "20.0\N{NO-BREAK SPACE}% (19.0 to 21.0)"
    assert table.rows[0][4].text == "10.0\N{NO-BREAK SPACE}%"


@pytest.mark.parametrize(("share", "text"), [(-0.001, "0"), (-0.26, "\N{MINUS SIGN}26"), (0.004, "0"), (0.256, "26")])
def test_what_rounds_to_nothing_has_no_sign(share, text):
    assert percent(share) == f"{text}\N{NO-BREAK SPACE}%"


def test_predictors_are_told_with_their_certainty_and_their_cost():
    usual = SETTING | {
        "corpus": "c",
        "predictor": "mask_overlap",
        "languages": 4,
        "rho": 0.5,
        "low": None,
        "high": None,
    }
    known = pl.DataFrame(
        [usual | {"p_value": 0.04, "reason": "4 of the 5 languages that an interval needs"}], schema=PREDICTORS
    )
    pick = SETTING | {"corpus": "c", "predictor": "mask_overlap", "value": 0.9, "best_regret": 0.1, "mean_regret": 0.2}
    picks = pl.DataFrame(
        [
            pick | {"language": "sw", "pick": "en", "best_other": "en", "regret": 0.1},
            pick | {"language": "en", "pick": "sw", "best_other": "de", "regret": 0.2},
        ],
        schema=PICKS,
    )
    [sentence] = predictor_sentences(known, picks, "bits per byte")
    assert sentence == (
        "Without evaluating, overlap of masks with the language's own would have told calibration languages apart with a "
        "rank correlation of +0.50 (p = 0.040; 4 of the 5 languages that an interval needs). For a language without texts "
        "of its own it picks the best other one in 1 of 2 cases, at a mean regret of +0.150 bits per byte (+0.200 at random)."
    )
    [sentence] = predictor_sentences(known.with_columns(p_value=0.0004), picks, "bits per byte")
    assert "+0.50 (p <0.001; 4 of" in sentence
    assert not list(predictor_sentences(known.with_columns(rho=None), picks, "bits per byte"))
