"""Figures: every shape of study, equal bytes, and what the reader sees in them."""

import re

import polars as pl
import pytest
from matplotlib.figure import Figure

from workflow_scripts.reporting import figures, labels


def texts(figure: Figure) -> list[str]:
    """All texts of a figure."""
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


def test_every_figure_of_every_study_can_be_written(any_tables, tmp_path):
    drawn = figures.draw(any_tables)
    assert set(drawn) == {"matrix", "effects", "overlap_by_block", "overlap_by_module"}
    for name, figure in drawn.items():
        figures.save(figure, tmp_path / name)
    assert {path.suffix for path in tmp_path.iterdir()} == {".svg", ".png"}
    assert len([*tmp_path.iterdir()]) == 8


def test_equal_tables_give_equal_bytes(tables_of, tmp_path):
    for run in ("a", "b"):
        for name, figure in figures.draw(tables_of("small")).items():
            figures.save(figure, tmp_path / run / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name
        assert not re.search(rb"dc:date|tIME|\b20\d\d-\d\d-\d\d", path.read_bytes())


def test_text_in_svg_is_outlines(tables_of, tmp_path):
    figures.save(figures.draw(tables_of("small"))["matrix"], tmp_path / "matrix")
    svg = (tmp_path / "matrix.svg").read_text()
    assert "<text" not in svg
    assert 'id="DejaVuSans-' in svg


def test_style_stays_out_of_the_callers_settings(tables_of):
    import matplotlib

    before = dict(matplotlib.rcParams)
    figures.draw(tables_of("small"))
    assert dict(matplotlib.rcParams) == before


def test_heat_map_marks_the_best_of_a_column_and_the_own_language(tables_of):
    tables = tables_of("small")
    figure = figures.heat_maps(tables["mean_matrix"])
    wanda = next(axes for part in figure.subfigs for axes in part.axes if axes.get_title() == "Wanda")
    rows = tables["mean_matrix"].filter(method="wanda")
    assert {t.get_text() for t in wanda.texts} >= {f"{r:.2f}" for r in rows["ratio_to_dense"] if r < 10}
    bold = {t.get_text() for t in wanda.texts if t.get_weight() == "bold"}
    assert bold == {f"{r:.2f}" for r in rows.group_by("language").agg(pl.min("ratio_to_dense"))["ratio_to_dense"]}
    framed = [patch for patch in wanda.patches if not patch.get_fill()]
    assert len(framed) == 3
    first = figure.subfigs[0].axes[0]
    assert [t.get_text() for t in first.get_yticklabels()][-1] == "magnitude (no text)"


def test_hollow_dots_without_interval(tables_of):
    def faces(name):
        figure = figures.effect_intervals(tables_of(name)["effects"])
        lines = [line for part in figure.subfigs for axes in part.axes for line in axes.lines]
        return {line.get_markerfacecolor() for line in lines if line.get_marker() == "o"}

    assert faces("one seed") == {"white"}
    assert "white" not in faces("small")


@pytest.mark.parametrize(("name", "unit"), [("small", "bits per byte"), ("published", "nats per token")])
def test_the_axis_of_effects_states_the_unit(tables_of, name, unit):
    figure = figures.effect_intervals(tables_of(name)["effects"])
    assert figure.get_supxlabel().startswith(f"{unit}, own language minus English")


def test_a_study_without_comparison_says_so(tables_of):
    assert "nothing to compare" in " ".join(texts(figures.effect_intervals(tables_of("one language")["effects"])))
    none = tables_of("small")["overlap_by_block"].clear()
    assert "no two masks" in " ".join(texts(figures.overlap_by_block(none)))
    assert "no two masks" in " ".join(texts(figures.overlap_by_module(none.rename({"block": "module"}))))
    magnitude = tables_of("small")["mean_matrix"].filter(method="magnitude")
    assert "No calibrated variant" in " ".join(texts(figures.heat_maps(magnitude)))


def test_many_pairs_are_told_apart_only_with_english(tables_of):
    legend = texts(figures.overlap_by_block(tables_of("large")["overlap_by_block"]))
    assert "de and en" in legend
    assert "other pairs of languages" in legend
    assert "de and sw" not in legend


def test_a_language_keeps_its_colour_and_order_in_all_figures(tables_of):
    tables = tables_of("small")
    colours = labels.colours(["sw", "de", "en"])
    dots = [
        line
        for part in figures.effect_intervals(tables["effects"]).subfigs
        for line in part.axes[0].lines
        if line.get_marker() == "o"
    ]
    assert {line.get_color() for line in dots} == {colours["de"], colours["sw"]}
    pairs = figures._pair_colours(tables["overlap_by_block"])
    assert pairs[("en", "sw")] == (colours["en"], colours["sw"])


@pytest.mark.parametrize(("ratio", "text"), [(1.2345, "1.23"), (12.34, "12.3"), (123.4, "123"), (1e6, ">9999")])
def test_numbers_in_cells_are_short(ratio, text):
    assert figures._short(ratio) == text


def test_labels():
    assert labels.in_order(["en+sw", "sw", "de", "sw"]) == ["de", "sw", "en+sw"]
    assert labels.module_order(["mlp.up_proj", "x", "self_attn.q_proj"]) == ["self_attn.q_proj", "mlp.up_proj", "x"]
    assert labels.with_code("en+xx") == "English + xx (en+xx)"
    assert labels.with_code("xx") == "xx"
    assert set(labels.METHODS) == {"magnitude", "sparsegpt", "wanda"}
    assert (labels.pattern_words("0.5"), labels.pattern_words("2of4")) == ("50\N{NO-BREAK SPACE}% removed", "2:4")
    assert labels.listed(["a", "b", "c"]) == "a, b and c"
    assert labels.signed(-0.1) == "\N{MINUS SIGN}0.100"
