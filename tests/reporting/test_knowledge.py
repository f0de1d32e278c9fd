"""Cloze items in the report: only where the dense model beats chance, and no difference without its interval."""

import re

import polars as pl
import pytest

from workflow_scripts.reporting.kit import knowledge, labels
from workflow_scripts.reporting.kit.calibrations import kinds_of, read_calibrations
from workflow_scripts.reporting.kit.knowledge import accuracy_table, accuracy_words, not_reported, panels
from workflow_scripts.reporting.limits import limits
from workflow_scripts.reporting.overview import overview
from workflow_scripts.reporting.sections import cloze_effects
from workflow_scripts.reporting.sections.cloze_effects import knowledge_findings
from workflow_scripts.reporting.summary import knowledge_answer


@pytest.fixture(scope="module")
def tables(tables_of):
    return tables_of("controls")


@pytest.fixture(scope="module")
def known(calibrations_of):
    return read_calibrations(calibrations_of("controls"))


def test_languages_at_chance_are_named_with_their_numbers_and_not_shown(tables, known):
    [dense] = tables["cloze_matrix"].filter(method="dense", language="sw").to_dicts()
    assert not dense["above_chance"]
    [sentence] = not_reported(tables["cloze_matrix"])
    share, p_value = labels.percent(dense["dense_accuracy"]), labels.probability(dense["dense_p_value"])
    assert sentence.startswith(f"Swahili: not reported: the dense model is at chance ({share}, p = {p_value}")
    for panel in panels(tables["cloze_matrix"], known):
        assert set(panel.cells["language"]) == set(panel.dense) == {"de", "en"}
    for _, sentences in knowledge_findings(tables, known):
        assert not any(sentence.startswith("Swahili") for sentence in sentences)
        assert "with its own language" in sentences[0]
    assert "Swahili (sw)" not in accuracy_table(tables["cloze_matrix"], known).headings


def test_the_matrix_goes_from_the_dense_model_to_chance(tables, known):
    maps = knowledge.accuracy_maps(tables["cloze_matrix"], known)
    assert [each.title for each in maps] == ["SparseGPT", "Wanda"]
    for each in maps:
        names = [row.name for row in each.rows]
        assert names[0] == "the dense model" and names[-2:] == ["magnitude (no text)", "chance"]
        assert {cell.text for cell in each.rows[-1].cells} == {"12.5"}
        assert all(any(row.cells[column].best for row in each.rows) for column in range(2))
        assert not any(cell.best for row in (each.rows[0], *each.rows[-2:]) for cell in row.cells)
        [german] = [row for row in each.rows if row.name == "German (de)"]
        assert [cell.own for cell in german.cells] == [True, False]
        assert "German: of 40 items the dense model answers" in each.words


def test_the_share_that_is_lost_is_counted_from_dense_to_chance(tables, known):
    panel = next(panels(tables["cloze_matrix"], known))
    for row in panel.cells.iter_rows(named=True):
        dense = panel.dense[row["language"]]["accuracy"]
        assert row["accuracy"] == pytest.approx(dense - row["lost"] * (dense - 1 / 8))
    assert accuracy_words(panel).startswith("Accuracy of cloze items")


def test_the_table_has_the_dense_model_first(tables, known):
    table = accuracy_table(tables["cloze_matrix"], known)
    assert [row[0].text for row in table.rows].index("dense") == 0
    assert table.caption.endswith("chance is 12.5\N{NO-BREAK SPACE}%")


def test_margins_compare_with_the_reference_language_alone(tables, known):
    head = labels.headline(tables["cloze_effects"], kinds_of(known))
    assert set(head["other"]) == {"en"} and set(head["own"]) == {"de"}
    figure = cloze_effects.margin_intervals(tables["cloze_effects"], known=known)
    assert figure.get_supxlabel().startswith("nats of margin lost, own language minus English")
    [(_, sentences), *_] = knowledge_findings(tables, known)
    assert any("loses fewer nats of margin" in sentence for sentence in sentences)
    answer = knowledge_answer(tables["cloze_effects"], kinds_of(known))
    assert "keeps more than English in 2 of 2 comparisons" in answer
    unclear = tables["cloze_effects"].with_columns(p_holm=pl.lit(0.2))
    assert "no difference from English is left" in knowledge_answer(unclear, kinds_of(known))
    nothing = tables["cloze_effects"].clear()
    assert knowledge_answer(nothing) == knowledge_answer(None) == ""
    cloze_effects.margin_intervals(nothing)


def test_the_overview_has_the_verdicts_behind(tables, known):
    found = overview(tables["effects"], kinds_of(known), tables["cloze_effects"])
    assert found.margins
    assert found.columns == ["SparseGPT", "Wanda", "SparseGPT: margin", "Wanda: margin"]
    cells = dict(found.rows)
    assert cells["Swahili (sw)"][2:] == [None, None]
    assert all(cells["German (de)"])


def test_limits_say_what_cloze_items_are_not(tables, tables_of):
    text = " ".join(limits({}, tables))
    assert "Only perplexity was measured" not in text
    assert "40 a language, written by a machine, on easy facts, with the candidates given" in text
    assert "the same facts in all languages" in text
    assert "Only perplexity was measured" in " ".join(limits({}, tables_of("small")))


def test_the_section_is_left_out_without_items(page_of, bare_page_of):
    assert 'id="cloze_effects"' not in bare_page_of("small")
    html = page_of("controls")
    start = html.index('<section id="cloze_effects"')
    section = html[start : html.index("<section ", start + 1)]
    for name in ("accuracies", "own_language_margin", "every_calibration_margin"):
        assert f'id="table-{name}"' in section
    assert section.count("How to read this") == 2
    assert not re.search(r"\bnan\b|\bNone\b(?! of this)", html)


def test_with_one_seed_there_is_no_verdict_on_margins(tables_of, calibrations_of):
    tables, known = tables_of("one seed of controls"), read_calibrations(calibrations_of("one seed of controls"))
    assert knowledge_answer(tables["cloze_effects"], kinds_of(known)) == ""
    assert knowledge_findings(tables, known)
