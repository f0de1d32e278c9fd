"""Tasks in the report: only where the dense model beats chance; intervals speak of languages, sign flips of masks."""

import re

import polars as pl
import pytest

from workflow_scripts.analysis.tasks import POINTS
from workflow_scripts.reporting.kit import knowledge
from workflow_scripts.reporting.kit.calibrations import read_calibrations
from workflow_scripts.reporting.kit.effect_tables import within_mask_table
from workflow_scripts.reporting.limits import limits
from workflow_scripts.reporting.page import render_report
from workflow_scripts.reporting.sections import task_effects
from workflow_scripts.reporting.sections.task_effects import task_findings


@pytest.fixture(scope="module")
def tables(tables_of):
    return tables_of("tasks")


@pytest.fixture(scope="module")
def known(calibrations_of):
    return read_calibrations(calibrations_of("tasks"))


@pytest.fixture(scope="module")
def html(tables, calibrations_of):
    return render_report({"calibrations": calibrations_of("tasks")}, tables)


def section_of(html):
    return html[html.index('<section id="task_effects"') : html.index('<section id="overlap_by_block"')]


def test_the_section_has_maps_figures_findings_and_tables(html):
    section = section_of(html)
    for name in ("task_accuracies", "own_language_task_accuracy", "task_accuracy", "task_margin"):
        assert f'id="table-{name}"' in section
    assert section.count("How to read this") == 2
    assert "Swahili: not reported: the dense model is at chance" in section
    assert section.count('<table class="heat">') == 2
    assert "points of accuracy lost, own language minus English" in " ".join(
        re.findall(r"<svg.*?</svg>", section, re.S)
    ) or ("Own language minus English in points of accuracy lost" in section)
    assert not re.search(r"\bnan\b|\bNone\b(?! of this)", html)


def test_accuracies_go_from_the_dense_model_to_chance(tables, known):
    for each in knowledge.accuracy_maps(tables["task_matrix"], known):
        assert each.words.startswith("Accuracy of belebele in per cent")
        assert each.rows[0].name == "the dense model"
        assert {cell.text for cell in each.rows[-1].cells} == {"25"}


def test_findings_have_the_numbers_of_the_tables(tables, known):
    found = task_findings(tables, known)
    assert [heading.partition(":")[0] for heading, _ in found] == ["belebele", "belebele"]
    row = tables["task_effects"].filter(method="sparsegpt", own="de", other="en", unit=POINTS).row(0, named=True)
    text = " ".join(found[0][1])
    assert f"{abs(row['difference']):.3f}" in text
    assert "take the 60 passages as units, not the 120 items" in text
    flips = row["p_sign_flip_holm"] < 0.05
    assert (
        f"Of these masks alone, the sign-flip test finds a difference in accuracy in {int(flips)} of 1 language" in text
    )


def test_pooled_rows_are_told_as_one_comparison(tables, known):
    # German stands in for English, so that two languages are left to pool.
    effects = tables["task_effects"].filter(pl.col("other") == "sw")
    text = " ".join(task_findings({**tables, "task_effects": effects}, known)[1][1])
    row = effects.filter(pl.col("pooled"), method="wanda", unit=POINTS).row(0, named=True)
    assert f"Over 2 languages together, own language minus Swahili: {row['difference']:+.2f}".replace("-", "−") in text


def test_a_comparison_that_shows_nothing_says_what_it_could_have_shown(tables, known):
    nothing = tables["task_effects"].with_columns(low=pl.lit(-5.0), high=pl.lit(4.0), detectable=pl.lit(6.25))
    text = " ".join(task_findings({**tables, "task_effects": nothing}, known)[0][1])
    assert "includes zero; a difference of 6.250 or more would have been found with a probability of 80" in text


def test_with_two_seeds_single_masks_have_intervals_and_the_reason_is_said(tables_of, calibrations_of):
    two = tables_of("two seeds of tasks")
    html = render_report({"calibrations": calibrations_of("two seeds of tasks")}, two)
    assert "No interval is given: 2 of the 3 seeds that an interval needs" in section_of(html)
    assert "has one degree of freedom" in html
    assert "say what other documents would give with the very same masks" in html
    per_document = two["within_mask"].filter(unit="bits per byte")
    table = within_mask_table(per_document, "single_masks")
    assert len(table.rows) == 2 * two["effects"].height
    assert table.headings[-1] == "clusters"
    assert 'id="table-single_masks"' in html and 'id="table-single_masks_tasks"' in section_of(html)
    of_tasks = two["within_mask"].filter(unit=POINTS)
    assert set(of_tasks["clusters"]) == {40} and set(of_tasks["documents"]) == {80}
    assert "whether their languages do takes more seeds" in html
    assert not re.search(r"\bnan\b|\bNone\b(?! of this)", html)


def test_with_three_seeds_there_is_no_table_of_single_masks(html, tables):
    assert "within_mask" not in tables
    assert "single_masks" not in html


def test_methods_name_the_families_of_the_study(html, bare_page_of):
    assert "one model, method, pattern, task, measure and kind of row" in html
    assert "the dense model against chance in tasks: one model and task" in html
    assert "the dense model against chance in tasks" not in bare_page_of("small")


def test_limits_say_what_tasks_and_intervals_do_not(tables):
    text = " ".join(limits({}, tables))
    assert "Only perplexity was measured" not in text
    assert "Tasks (belebele) measure what their items ask" in text
    assert "does not show that there is no difference" in text


def test_a_task_that_nobody_knows_leaves_a_section_without_figures(tables, calibrations_of):
    unknown = tables["task_matrix"].with_columns(above_chance=pl.lit(False))
    nothing = {**tables, "task_matrix": unknown, "task_effects": tables["task_effects"].clear()}
    section = section_of(render_report({"calibrations": calibrations_of("tasks")}, nothing))
    assert section.count("not reported: the dense model is at chance") == 3
    task_effects.accuracy_intervals(nothing["task_effects"])
