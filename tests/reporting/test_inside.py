"""Figures, words and tables of what pruning does inside of a model."""

import polars as pl
import pytest
from simulated_inside import simulate_inside

from workflow_scripts.reporting.figures import save
from workflow_scripts.reporting.page import drawings, render_report
from workflow_scripts.reporting.registry import load
from workflow_scripts.reporting.sections import evaluation_errors, lape_entropies, neurons, subspaces

FIGURES = ("evaluation_errors", "subspaces", "neurons", "lape_entropies")


def shown(name, table):
    """The rows that a figure draws."""
    return load(name).shown(table, None)


@pytest.fixture(scope="module")
def tables():
    return simulate_inside(patterns=["0.2", "0.5"])


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_has_a_panel_a_setting_and_method_and_equal_bytes(tables, tmp_path, name):
    make = load(name).draw
    rows = shown(name, tables[name])
    figure = make(rows)
    panels = 8 if name == "neurons" else 4
    assert len(figure.subfigs) == 2 and sum(axes.axison for part in figure.subfigs for axes in part.axes) == panels
    for number, drawn in enumerate((figure, make(rows))):
        save(drawn, tmp_path / str(number))
    for ending in ("svg", "png"):
        first, second = (tmp_path / f"{number}.{ending}" for number in range(2))
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("name", FIGURES)
def test_the_page_shows_every_setting_and_method_with_its_words(tables, name):
    drawn = drawings(name, load(name), tables[name])
    titles = [drawing.title.replace("\N{NO-BREAK SPACE}", " ") for drawing in drawn]
    assert [title.partition(":")[0] for title in titles] == ["SparseGPT", "Wanda"] * 2
    assert ["20 %" in title for title in titles] == [True, True, False, False]
    assert all("<title" in drawing.svg and "NaN" not in drawing.svg for drawing in drawn)


def test_words_name_what_the_lines_show(tables):
    rows = shown("evaluation_errors", tables["evaluation_errors"])
    words = evaluation_errors.of_evaluation_errors(rows)
    assert "German: 22.0 calibrated" in words and "calibrated in own language" in words and "Swahili" in words
    entropies = shown("lape_entropies", tables["lape_entropies"])
    assert "in nats, to half a bin of 0.027: dense model" in lape_entropies.of_entropies(entropies)
    assert "Agnostic: kept" in neurons.of_neurons(shown("neurons", tables["neurons"]))


def test_own_and_others_are_means_over_the_same_languages():
    """A language that no variant was calibrated in, with errors a hundred times the others', is in neither line."""
    table = simulate_inside(calibrations=["de", "en"])["subspaces"]
    larger = pl.when(pl.col("language") == "sw").then(100.0).otherwise(1.0)
    even = table.with_columns(spread_error=larger, spread_error_min=larger, spread_error_max=larger)
    words = subspaces.of_subspaces(shown("subspaces", even))
    assert "Language-agnostic: 1 calibrated in own language and 1 calibrated in other languages." in words
    foreign = table.filter(pl.col("language") == "sw")
    assert shown("subspaces", foreign).height


def test_tables_show_the_chosen_rank_and_the_other_half(tables):
    ranks = subspaces.ranks_table(tables["subspace_ranks"])
    assert [row[1].text for row in ranks.rows].count("chosen") == 1
    parts = subspaces.subspaces_table(tables["subspaces"])
    assert {row[parts.headings.index("part")].text for row in parts.rows} == {"specific", "agnostic", "random", "whole"}
    kept = neurons.neurons_table(tables["neurons"])
    names = {row[kept.headings.index("calibration")].text for row in kept.rows}
    assert "half of the texts" in names and "German (de)" in names


@pytest.mark.parametrize("name", FIGURES)
def test_without_a_calibrated_variant_it_says_so(tables, name):
    """A figure whose sentence stands in place of panels."""
    figure = load(name).draw(shown(name, tables[name]).clear())
    assert next(text.get_text() for text in figure.texts).startswith("No variant was calibrated")


def test_the_report_has_a_section_and_a_file_of_each(tables, tables_of, bare_page_of):
    html = render_report({"name": "tiny"}, tables_of("small") | tables)
    for title in ("Signal-to-noise on evaluation text", "Language-specific neurons", "How specific neurons are"):
        assert title in html
    assert "difference (dB of noise)" in html
    assert "noise on evaluation text with own language" in html
    for name in tables:
        assert f"{name}.csv" in html
    assert "Language-specific neurons" not in bare_page_of("small")


def test_a_language_without_neurons_is_drawn_all_the_same(tables):
    """In the dense model, in the pruned one, or in both: the share of nothing is empty."""
    none = pl.col("language") == "de"
    rows = tables["neurons"].with_columns(
        kept_share=pl.when(~none).then("kept_share"),
        new_share=pl.when(~none | (pl.col("method") == "wanda")).then("new_share"),
    )
    drawn = drawings("neurons", load("neurons"), rows)
    assert len(drawn) == 4 and "Agnostic: kept" in drawn[0].svg
    assert neurons.neurons_table(rows).rows
