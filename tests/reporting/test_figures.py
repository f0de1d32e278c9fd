"""Figures: every shape of study, equal bytes, and what the reader sees in them."""

import re
from itertools import pairwise

import polars as pl
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from workflow_scripts.reporting import figures
from workflow_scripts.reporting.kit import drawing, heat, intervals, labels
from workflow_scripts.reporting.kit.calibrations import read_calibrations
from workflow_scripts.reporting.sections import (
    best_calibration,
    error_by_block,
    matrix,
    overlap_by_block,
    overlap_by_module,
)


def texts(figure: Figure) -> list[str]:
    """All texts of a figure."""
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


@pytest.fixture(scope="module")
def written(tables_of, tmp_path_factory):
    """A function from the name of a simulated study to the names of its figures and the folder of their files."""
    found = {}

    def write(name):
        if name not in found:
            folder, drawn = tmp_path_factory.mktemp("figures"), figures.draw(tables_of(name))
            for figure in drawn:
                figures.save(drawn[figure], folder / figure)
            found[name] = set(drawn), folder
        return found[name]

    return write


def test_every_figure_of_every_study_can_be_written(any_study, written):
    drawn, folder = written(any_study)
    wanted = {
        "matrix",
        "best_calibration",
        "effects",
        "divergence_effects",
        "baselines",
        "mask_clusters",
        "overlap_by_block",
        "overlap_by_module",
        "error_by_block",
    }
    assert drawn - {"cloze_effects", "task_effects"} == wanted
    assert {path.suffix for path in folder.iterdir()} == {".svg", ".png"}
    assert len([*folder.iterdir()]) == 2 * len(drawn)


def test_equal_tables_give_equal_bytes(tables_of, written, tmp_path):
    _, folder = written("small")
    for name, figure in figures.draw(tables_of("small")).items():
        figures.save(figure, tmp_path / name)
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name
        assert not re.search(rb"dc:date|tIME|\b20\d\d-\d\d-\d\d", path.read_bytes())


def test_text_in_svg_is_outlines(written):
    _, folder = written("small")
    svg = (folder / "matrix.svg").read_text()
    assert "<text" not in svg
    assert 'id="DejaVuSans-' in svg


def test_style_stays_out_of_the_callers_settings(tables_of):
    import matplotlib

    before = dict(matplotlib.rcParams)
    figures.draw(tables_of("small"))
    assert dict(matplotlib.rcParams) == before


def test_heat_map_marks_the_best_of_a_column_and_the_own_language(tables_of):
    tables = tables_of("small")
    figure = matrix.draw_matrix(tables["mean_matrix"])
    wanda = next(axes for part in figure.subfigs for axes in part.axes if axes.get_title() == "Wanda")
    rows = tables["mean_matrix"].filter(method="wanda")
    assert {t.get_text() for t in wanda.texts} >= {f"{r:.2f}" for r in rows["ratio_to_dense"] if r < 10}
    bold = {t.get_text() for t in wanda.texts if t.get_weight() == "bold"}
    assert bold == {f"{r:.2f}" for r in rows.group_by("language").agg(pl.min("ratio_to_dense"))["ratio_to_dense"]}
    framed = [patch for patch in wanda.patches if not patch.get_fill()]
    assert len(framed) == 3
    # Magnitude lies far above the best calibration of each column, so it takes the darkest colour.
    filled = [to_hex(patch.get_facecolor()) for patch in wanda.patches if patch.get_fill()]
    assert filled[-3:] == [to_hex(heat.COLOUR_MAP(1.0))] * 3
    first = figure.subfigs[0].axes[0]
    assert [t.get_text() for t in first.get_yticklabels()][-1] == "magnitude (no text)"


def test_hollow_dots_without_interval(tables_of):
    def faces(name):
        figure = intervals.effect_intervals(tables_of(name)["effects"])
        lines = [line for part in figure.subfigs for axes in part.axes for line in axes.lines]
        return {line.get_markerfacecolor() for line in lines if line.get_marker() in labels.MARKERS}

    assert faces("one seed") == {"white"}
    assert "white" not in faces("small")


def test_regrets_are_hollow_where_they_may_be_the_best_and_noise_is_left_out_of_the_scale(tables_of, calibrations_of):
    known, best = read_calibrations(calibrations_of("controls")), tables_of("controls")["best_calibration"]
    figure = best_calibration.regrets(best, known=known)
    for part, method in zip(figure.subfigs[0].axes, ["sparsegpt", "wanda"], strict=True):
        lines = [line for line in part.lines if line.get_marker() in labels.MARKERS]
        hollow = sum(line.get_markerfacecolor() == "white" for line in lines)
        rows = best.filter(method=method)
        right = part.get_xlim()[1]
        assert hollow == rows.filter(pl.col("among_best"), pl.col("regret") <= right).height
        beyond = rows.filter(pl.col("regret") > right)
        assert set(beyond["calibration"]) <= {"noise"}
        assert sum("\N{RIGHTWARDS ARROW}" in text.get_text() for text in part.texts) == beyond.height
        assert part.get_xlabel() == "regret in bits per byte"
    assert "nothing to choose from" in " ".join(texts(best_calibration.regrets(best.filter(calibration="sw"))))
    words = best_calibration.of_regrets(best.filter(method="wanda"), known)
    assert "Swahili: " in words and "may be the best; most noise" in words


@pytest.mark.parametrize(("name", "unit"), [("small", "bits per byte"), ("published", "nats per token")])
def test_the_axis_of_effects_states_the_unit(tables_of, name, unit):
    figure = intervals.effect_intervals(tables_of(name)["effects"])
    assert figure.get_supxlabel().startswith(f"{unit}, own language minus English")


def test_a_study_without_comparison_says_so(tables_of):
    assert "nothing to compare" in " ".join(texts(intervals.effect_intervals(tables_of("one language")["effects"])))
    none = tables_of("small")["overlap_by_block"].clear()
    assert "no two masks" in " ".join(texts(overlap_by_block.overlap_by_block(none)))
    assert "no two masks" in " ".join(texts(overlap_by_module.overlap_by_module(none.rename({"block": "module"}))))
    magnitude = tables_of("small")["mean_matrix"].filter(method="magnitude")
    assert "No calibrated variant" in " ".join(texts(matrix.draw_matrix(magnitude)))


def test_many_pairs_are_told_apart_only_with_english(tables_of):
    legend = texts(overlap_by_block.overlap_by_block(tables_of("large")["overlap_by_block"]))
    assert "de and en" in legend
    assert "other pairs of calibrations" in legend
    assert "de and sw" not in legend


def test_a_language_keeps_its_colour_and_order_in_all_figures(tables_of):
    tables = tables_of("small")
    colours = {name: labels.look(name).colour for name in ("sw", "de", "en")}
    dots = [
        line
        for part in intervals.effect_intervals(tables["effects"]).subfigs
        for line in part.axes[0].lines
        if line.get_marker() in labels.MARKERS
    ]
    assert {line.get_color() for line in dots} == {colours["de"], colours["sw"]}
    errors = error_by_block.error_by_block(tables["error_by_block"]).subfigs[0].axes[0].lines
    assert [line.get_color() for line in errors] == [colours[name] for name in ("de", "en", "sw")]
    lines = overlap_by_block.overlap_by_block(tables["overlap_by_block"]).subfigs[0].axes[0].lines
    assert (colours["en"], colours["sw"]) in {(line.get_color(), line.get_gapcolor()) for line in lines}


def test_a_part_has_the_axes_of_the_whole_and_leaves_titles_to_the_page(tables_of):
    for name, draw in (
        ("effects", intervals.effect_intervals),
        ("overlap_by_block", overlap_by_block.overlap_by_block),
    ):
        table = tables_of("small")[name]
        whole, part = draw(table), draw(table.filter(method="wanda"), among=table)
        assert whole.subfigs[0].axes[0].get_title() == "SparseGPT"
        assert part.subfigs[0].axes[0].get_title() == ""
        for limits in ("get_xlim", "get_ylim"):
            ours, theirs = (getattr(figure.subfigs[0].axes[0], limits)() for figure in (part, whole))
            assert ours == theirs


def test_a_measure_that_is_missing_leaves_a_gap(tables_of):
    errors = tables_of("small")["error_by_block"]
    gone = pl.when(pl.col("block") != 3).then(pl.col("local_error"))
    error_by_block.error_by_block(errors.with_columns(local_error=gone, path_error=pl.lit(None, pl.Float64)))


@pytest.mark.parametrize("places", [[], [0.5], [0.5, 0.5, 0.5], [0, 0.01, 0.9, 1, 1], [0.3] * 40])
def test_labels_at_the_ends_of_lines_do_not_overlap(places):
    spread = drawing._spread(places)
    assert len(spread) == len(places)
    gap = min(drawing.LABEL_HEIGHT, 1 / max(len(places), 1))
    assert all(b - a >= gap - 1e-9 for a, b in pairwise(spread))
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in spread)


@pytest.mark.parametrize(("ratio", "text"), [(1.2345, "1.23"), (12.34, "12.3"), (123.4, "123"), (1e6, ">9999")])
def test_numbers_in_cells_are_short(ratio, text):
    assert heat.short(ratio) == text


def test_labels():
    assert labels.module_order(["mlp.up_proj", "x", "self_attn.q_proj"]) == ["self_attn.q_proj", "mlp.up_proj", "x"]
    assert labels.with_code("en+xx") == "English + xx (en+xx)"
    assert labels.with_code("xx") == "xx"
    assert (labels.method_name("sparsegpt"), labels.method_name("xx")) == ("SparseGPT", "xx")
    assert (labels.pattern_words("0.5"), labels.pattern_words("2of4")) == ("50\N{NO-BREAK SPACE}% removed", "2:4")
    assert labels.listed(["a", "b", "c"]) == "a, b and c"
    assert labels.signed(-0.1) == "\N{MINUS SIGN}0.100"
