"""Answers and continuations in tables: means by hand, differences against the formula they come from, examples."""

import polars as pl
import pytest
from simulated_study import simulate_written

from workflow_scripts.analysis.effects import compare
from workflow_scripts.analysis.fidelity import (
    EXAMPLES,
    FIDELITY_MATRIX,
    OTHER_LANGUAGES,
    REPEATED,
    examples,
    fidelity_effects,
    fidelity_losses,
    fidelity_matrix,
)
from workflow_scripts.analysis.questions import QUESTIONS_MATRIX, questions_losses, questions_matrix

LANGUAGES = ["de", "en", "sw"]


@pytest.fixture(scope="module")
def written():
    return simulate_written(methods=["wanda"], items=20)


def test_means_of_answers_are_those_worked_out_by_hand(written):
    questions, _ = written
    table = questions_matrix(questions)
    assert table.schema == QUESTIONS_MATRIX
    assert table.height == 2 * (1 + 1 + 3)
    [row] = table.filter(calibration="en", language="de").to_dicts()
    own = questions.filter(calibration="en", language="de")
    assert (row["items"], row["seeds"]) == (20, 3)
    assert row["f1"] == pytest.approx(own["f1"].mean())
    by_seed = [own.filter(seed=seed)["f1"].mean() for seed in range(3)]
    assert (row["f1_min"], row["f1_max"]) == pytest.approx((min(by_seed), max(by_seed)))
    assert row["loglikelihood_per_token"] == pytest.approx(own["loglikelihood"].mean() / 3)
    dense = questions.filter(method="dense", language="de")
    assert row["dense_exact_match"] == pytest.approx(dense["exact_match"].mean())


def test_questions_without_an_answer_have_no_nats_and_count_as_answers_all_the_same(written):
    questions = written[0].with_columns(
        pl.when(pl.col("item_id") == "capital-000").then(None).otherwise(pl.col(column)).alias(column)
        for column in ("loglikelihood", "tokens")
    )
    assert set(questions_matrix(questions)["items"]) == {20}
    assert questions_losses(questions)["doc_id"].n_unique() == 19
    [row] = questions_matrix(questions).filter(calibration="en", language="de").to_dicts()
    assert row["loglikelihood_per_token"] == pytest.approx(row["loglikelihood"] / 3)


def test_a_difference_in_nats_is_that_of_the_means(written):
    questions, _ = written
    table = compare(questions_losses(questions), LANGUAGES, LANGUAGES)
    [row] = table.filter(own="de", other="en").to_dicts()
    mean = {name: questions.filter(calibration=name, language="de")["loglikelihood"].mean() for name in ("de", "en")}
    assert row["difference"] == pytest.approx(mean["en"] - mean["de"])
    assert row["difference"] < 0 and row["unit"] == "nats per gold answer"


def test_means_of_continuations_are_those_worked_out_by_hand(written):
    _, continuations = written
    table = fidelity_matrix(continuations)
    assert table.schema == FIDELITY_MATRIX
    [row] = table.filter(calibration="en", language="sw").to_dicts()
    own = continuations.filter(calibration="en", language="sw")
    assert row["in_language"] == pytest.approx(own["in_language"].sum() / 60)
    by_seed = [own.filter(seed=seed)["repetition"].mean() for seed in range(3)]
    assert (row["repetition_min"], row["repetition_max"]) == pytest.approx((min(by_seed), max(by_seed)))
    assert (row["instead"], row["tokens"]) == ("fr", 48)
    unknown = continuations.with_columns(in_language=pl.lit(None, pl.Boolean), identified=pl.lit(None, pl.String))
    assert set(fidelity_matrix(unknown)["in_language"]) == set(fidelity_matrix(unknown)["instead"]) == {None}


def test_most_wrong_texts_name_the_language_they_fall_into():
    rows = [("sw", "sw", True), ("sw", "en", False), ("sw", "pt", False), ("sw", "pt", False), ("sw", None, False)]
    frame = pl.DataFrame(rows, schema=["language", "identified", "in_language"], orient="row").with_columns(
        *(pl.lit("x").alias(c) for c in ("model", "pattern", "sample", "propagation", "corpus", "calibration")),
        method=pl.lit("dense"),
        seed=pl.lit(0),
        doc_id=pl.Series(map(str, range(5))),
        **{c: pl.lit(0.0) for c in ("repetition", "script_share", "distinct", "tokens", "empty", "ended")},
    )
    [row] = fidelity_matrix(frame).to_dicts()
    assert (row["instead"], row["in_language"], row["dense_in_language"]) == ("pt", 0.2, 0.2)


def test_differences_come_in_two_units_and_are_corrected_apart(written):
    _, continuations = written
    table = fidelity_effects(fidelity_losses(continuations), LANGUAGES, LANGUAGES)
    assert set(table["unit"]) == {OTHER_LANGUAGES, REPEATED}
    [row] = table.filter(own="sw", other="en", unit=OTHER_LANGUAGES).to_dicts()
    mean = {name: continuations.filter(calibration=name, language="sw")["probability"].mean() for name in ("sw", "en")}
    assert row["difference"] == pytest.approx(mean["en"] - mean["sw"])
    level = fidelity_losses(continuations.with_columns(repetition=pl.lit(0.5)))
    alone = fidelity_effects(level, LANGUAGES, LANGUAGES)
    assert alone.filter(unit=OTHER_LANGUAGES).equals(table.filter(unit=OTHER_LANGUAGES))
    unknown = continuations.with_columns(probability=pl.lit(None, pl.Float64))
    assert set(fidelity_effects(fidelity_losses(unknown), LANGUAGES, LANGUAGES)["unit"]) == {REPEATED}


def test_examples_are_the_first_prompt_with_the_dense_model_its_own_language_and_english(written):
    _, continuations = written
    table = examples(continuations.filter((pl.col("seed") > 0) | (pl.col("method") == "dense")), LANGUAGES)
    assert table.schema == EXAMPLES
    assert table.select("language", "other_calibration").rows() == [("de", "en"), ("en", "de"), ("sw", "en")]
    assert set(table["doc_id"]) == {"capital-000"} and set(table["seed"]) == {1}
    assert table["own"].to_list() == [f" a <b>text</b> with {name}" for name in LANGUAGES]
    assert examples(continuations, ["de"]).is_empty()
