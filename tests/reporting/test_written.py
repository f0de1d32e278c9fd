"""What models write in the report: matrices, sentences, what is left out, and texts that are shown as they are."""

import re

import polars as pl
import pytest

from workflow_scripts.reporting.kit import written
from workflow_scripts.reporting.kit.calibrations import read_calibrations
from workflow_scripts.reporting.limits import limits
from workflow_scripts.reporting.page import render_report
from workflow_scripts.reporting.sections import fidelity_matrix, questions_matrix


@pytest.fixture(scope="module")
def tables(tables_of):
    return tables_of("controls")


@pytest.fixture(scope="module")
def known(calibrations_of):
    return read_calibrations(calibrations_of("controls"))


def test_the_matrix_of_answers_has_the_dense_model_first_and_the_best_marked(tables, known):
    maps = written.maps(tables["questions_matrix"], [written.F1], known)
    assert [each.title for each in maps] == ["SparseGPT: F1 of answers, %", "Wanda: F1 of answers, %"]
    for each in maps:
        assert each.languages == [("de", "German"), ("en", "English")]
        assert each.rows[0].name == "the dense model" and each.rows[-1].name == "magnitude (no text)"
        assert not any(cell.best for row in (each.rows[0], each.rows[-1]) for cell in row.cells)
        for column in range(2):
            values = {row.name: float(row.cells[column].text) for row in each.rows[1:-1]}
            [best] = [row.name for row in each.rows if row.cells[column].best]
            assert values[best] == max(values.values())
        [german] = [row for row in each.rows if row.name == "German (de)"]
        assert [cell.own for cell in german.cells] == [True, False]
        assert "nats a gold answer" in german.cells[0].words


def test_where_nothing_is_answered_there_is_no_colour_and_no_best(tables, known):
    silent = pl.when(pl.col("language") == "de").then(0.0)
    changed = tables["questions_matrix"].with_columns(
        silent.otherwise(pl.col(column)).alias(column) for column in ("f1", "dense_f1")
    )
    for each in written.maps(changed, [written.F1], known):
        german, english = ([row.cells[column] for row in each.rows] for column in range(2))
        assert {cell.text for cell in german} == {"0"} and {cell.fill for cell in german} == {written.BLANK}
        assert not any(cell.best for cell in german) and any(cell.best for cell in english)
        assert written.BLANK not in {cell.fill for cell in english}


def test_less_repetition_is_better(tables, known):
    matrix = tables["fidelity_matrix"]
    [kept, repeated, *_] = written.maps(matrix, [written.IN_LANGUAGE, written.REPETITION], known)
    own = matrix.filter(pl.col("method") == "sparsegpt", pl.col("language") == "sw").sort("repetition")
    [best] = [row for row in repeated.rows if row.cells[2].best]
    assert f"({own['calibration'][0]})" in best.name or own["calibration"][0] in best.name
    assert "others mostly in French" in kept.rows[1].cells[2].words


def test_gaps_are_named(tables):
    assert questions_matrix.questions_gaps(tables) == ["Swahili: the questions are not in that language."]
    assert fidelity_matrix.fidelity_gaps(tables) == []
    unknown = tables["fidelity_matrix"].with_columns(
        pl.when(pl.col("language") != "sw").then(pl.col("in_language")).alias("in_language")
    )
    [sentence] = fidelity_matrix.fidelity_gaps({"fidelity_matrix": unknown})
    assert sentence.startswith("Swahili: the identification of languages does not know it")
    [first, *_] = written.maps(unknown, [written.IN_LANGUAGE])
    assert [code for code, _ in first.languages] == ["de", "en"]


def test_sentences_have_the_numbers_of_the_tables(tables, known):
    [(title, sentences), *_] = questions_matrix.questions_findings(tables, known)
    assert title == "SparseGPT"
    assert sentences[0].startswith("German: the dense model answers ")
    assert "with its own language" in sentences[0]
    assert any("nats per gold answer in" in sentence for sentence in sentences)
    [(_, sentences), *_] = fidelity_matrix.fidelity_findings(tables, known)
    assert any(
        sentence.startswith("Swahili: of 40 prompts the dense model keeps to the language in") for sentence in sentences
    )
    head = tables["fidelity_effects"].filter(method="sparsegpt", own="sw", other="en", unit="share of repeated 4-grams")
    [row] = head.to_dicts()
    assert row["p_holm"] < 0.05
    [changed] = [s for s in sentences if s.startswith("Swahili: calibrating") and "repeated 4-grams" in s]
    assert f"{row['difference']:+.3f}".replace("-", "\N{MINUS SIGN}") in changed


def test_with_one_seed_no_difference_is_stated(tables_of, calibrations_of):
    tables, known = tables_of("one seed of controls"), read_calibrations(calibrations_of("one seed of controls"))
    for _, sentences in fidelity_matrix.fidelity_findings(tables, known):
        assert sentences[-1].startswith("Whether these are differences between languages cannot be told")
        assert not any("changes the" in sentence for sentence in sentences)
    assert questions_matrix.questions_findings(tables, known)


def test_texts_are_shown_as_they_are_and_in_their_direction(tables, page_of):
    html = page_of("controls")
    section = html[html.index('<section id="fidelity_matrix"') : html.index('<section id="overlap_by_block"')]
    assert "a &lt;b&gt;text&lt;/b&gt; with sw" in section and "<b>text" not in html
    assert len(re.findall(r'<td dir="auto" lang="sw">', section)) == 3
    assert '<bdi lang="sw">A beginning, capital-000</bdi>' in section
    questions = html[html.index('<section id="questions_matrix"') : html.index('<section id="fidelity_matrix"')]
    assert 'id="table-answers"' in questions and "the questions are not in that language" in questions
    assert not re.search(r"\bnan\b|\bNone\b(?! of this)", section + questions)
    assert "put without examples" in " ".join(limits({}, tables))


def test_a_study_without_them_has_no_such_section(bare_page_of):
    html = bare_page_of("small")
    assert "questions_matrix" not in html and "fidelity_matrix" not in html and "py3langid" not in html


def test_with_one_seed_every_measure_has_intervals_within_single_masks(tables_of, calibrations_of):
    one = tables_of("one seed of controls")
    within, html = one["within_mask"], render_report({"calibrations": calibrations_of("one seed of controls")}, one)
    for name, effects in (
        ("", "effects"),
        ("_cloze", "cloze_effects"),
        ("_divergence", "divergence_effects"),
        ("_answers", "questions_effects"),
        ("_fidelity_0", "fidelity_effects"),
        ("_fidelity_1", "fidelity_effects"),
    ):
        assert f'id="table-single_masks{name}"' in html
        keys = ["method", "unit", "own", "other"]
        found = one[effects].select(*keys, "difference").join(within, on=keys, suffix="_within")
        assert found.height == one[effects].height > 0
        assert (found["difference"] - found["difference_within"]).abs().max() < 1e-9, "of one seed they are the same"
        assert (found["low"] <= found["difference"]).all() and (found["difference"] <= found["high"]).all()
