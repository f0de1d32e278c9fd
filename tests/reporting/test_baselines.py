"""Own language against mixtures and controls: what is compared, in which order, and what the sentences say."""

import polars as pl
import pytest

from workflow_scripts.analysis.effects import EFFECTS
from workflow_scripts.reporting import figures
from workflow_scripts.reporting.kit import labels, overlap
from workflow_scripts.reporting.kit.calibrations import Made, kinds_of, read_calibrations
from workflow_scripts.reporting.kit.labels import signed
from workflow_scripts.reporting.sections.baselines import (
    baseline_findings,
    baseline_intervals,
    comparison_words,
    comparisons,
    of_baselines,
    relevant,
)

KNOWN = {
    "en": Made("language"),
    "sw": Made("language"),
    "all": Made("mixture", words="50% en, 50% sw"),
    "noise": Made("control", "random", "en", "random tokens, as many as in the texts in en"),
    "sw-shuffled": Made("control", "shuffled", "sw", "the texts in sw, the words of each in random order"),
}
BASE = {
    "model": "m", "method": "wanda", "pattern": "0.5", "sample": "s", "propagation": "sequential", "corpus": "c",
    "documents": 16, "seeds": 3, "documents_better": 9, "reason": "", "own_loss": 0.5, "unit": "bits per byte",
}  # fmt: skip


def baselines(*entries) -> pl.DataFrame:
    """A row for each (own, other, difference, p_holm); an interval without zero where p_holm is below 0.05."""
    rows = []
    for own, other, difference, p_holm in entries:
        reach = abs(difference) * (0.5 if p_holm < 0.05 else 2)
        ends = {"low": difference - reach, "high": difference + reach, "p_value": p_holm, "p_holm": p_holm}
        rows.append(BASE | {"own": own, "other": other, "difference": difference} | ends)
    return pl.DataFrame(rows, schema=EFFECTS)


EVERY = baselines(*((own, other, -0.1, 0.01) for own in ("en", "sw") for other in ("all", "noise", "sw-shuffled")))


def test_a_control_concerns_its_own_language_and_random_tokens_and_mixtures_all():
    pairs = set(relevant(EVERY, KNOWN).select("own", "other").iter_rows())
    assert pairs == {("en", "all"), ("sw", "all"), ("en", "noise"), ("sw", "noise"), ("sw", "sw-shuffled")}
    # Of a control of which nothing is known, nothing is concluded.
    assert set(relevant(EVERY, {})["other"]) == set()
    found = comparisons(EVERY, KNOWN)
    assert [each.name for each in found] == ["random tokens", "shuffled words", "the mixture all"]
    assert [each.rows.height for each in found] == [2, 1, 2]


@pytest.mark.parametrize(
    ("difference", "p_holm", "words"),
    [
        (-0.1, 0.01, "in Swahili: the order of words counts"),
        (0.1, 0.01, "in Swahili: the order of words did harm"),
        (-0.1, 0.3, "in Swahili: the vocabulary alone may do"),
    ],
)
def test_the_conclusion_follows_the_sign_and_holm(difference, p_holm, words):
    [comparison] = comparisons(baselines(("sw", "sw-shuffled", difference, p_holm)), KNOWN)
    said = comparison_words(comparison)
    assert said.startswith("Shuffled words keep the vocabulary of a language, but not its syntax")
    assert said.endswith(".") and words in said
    assert sum(end in said for end in comparison.meaning[2:]) == 1


def test_without_interval_nothing_follows():
    rows = baselines(("sw", "noise", -0.1, 0.01)).with_columns(
        low=None, high=None, p_value=None, p_holm=None, reason=pl.lit("1 of the 3 seeds that an interval needs")
    )
    [comparison] = comparisons(rows.cast(dict(EFFECTS)), KNOWN)
    said = comparison_words(comparison)
    assert "For these masks alone" in said
    assert "Holm" not in said


def test_findings_name_every_relevant_baseline_and_what_another_language_costs(tables_of, calibrations_of):
    known = read_calibrations(calibrations_of("controls"))
    found = baseline_findings(tables_of("controls"), known)
    assert [heading.split(",")[0] for heading, _ in found] == ["SparseGPT", "Wanda"]
    for _, sentences in found:
        text = " ".join(sentences)
        for name in ("random tokens", "shuffled words", "that the model wrote", "one register of it", "another corpus"):
            assert f"{name}" in text
        assert "instead of the mixture all" in text and "instead of the mixture English + Swahili (en+sw)" in text
        assert sentences[-1].startswith("For comparison, English in place of the own language")


def test_another_kind_of_text_stands_beside_another_language(tables_of, calibrations_of, page_of, bare_page_of):
    known, tables = read_calibrations(calibrations_of("controls")), tables_of("controls")
    told = [sentence for sentence in baseline_findings(tables, known)[1][1] if sentence.startswith("Kind of text")]
    assert [sentence.split(",")[1].split()[1] for sentence in told] == ["German", "Swahili"]
    row = tables["baselines"].filter(method="wanda", own="sw", other="sw-news").row(0, named=True)
    assert f"costs sw-news {signed(-row['difference'])} ({signed(-row['high'])} to {signed(-row['low'])})" in told[1]
    languages = tables["effects"].filter(method="wanda", own="sw")
    least, most = (signed(-value) for value in (languages["difference"].max(), languages["difference"].min()))
    assert f"another language costs German {least}" in told[1] and f"to English {most}" in told[1]
    assert 'id="table-register_and_language"' in page_of("controls")
    assert 'id="table-register_and_language"' not in bare_page_of("small")


def test_the_figure_has_a_heading_and_rows_for_each_comparison(tables_of, calibrations_of):
    known = read_calibrations(calibrations_of("controls"))
    table = tables_of("controls")["baselines"]
    axes = baseline_intervals(table, known=known).subfigs[0].axes[0]
    ticks = axes.get_yticklabels()
    bold = [text.get_text() for text in ticks if text.get_weight() == "bold"]
    assert bold[0] == "random tokens" and "mixture all" in bold and len(bold) == 7
    assert "Swahili (sw-shuffled)" in [text.get_text() for text in ticks]
    assert len(ticks) == len(bold) + relevant(table.filter(method="wanda"), known).height
    words = of_baselines(table.filter(method="wanda"), known)
    assert "Own language minus random tokens, in bits per byte. German \N{MINUS SIGN}0." in words


def test_the_section_is_left_out_without_mixtures_and_controls(page_of, bare_page_of):
    assert 'id="baselines"' not in bare_page_of("small")
    html = page_of("controls")
    section = html[html.index('<section id="baselines"') : html.index('<section id="cloze_effects"')]
    assert 'id="table-own_and_baselines"' in section
    assert 'id="table-own_and_foreign_controls"' in section
    assert "<b>sw-shuffled</b>: shuffled, of sw" in section


def test_mixtures_and_controls_stand_behind_languages_everywhere(tables_of, calibrations_of):
    known = read_calibrations(calibrations_of("controls"))
    order = ["de", "en", "sw", "all", "en+sw", "de-elsewhere", "noise", "sw-generated", "sw-news", "sw-shuffled"]
    assert labels.in_order(known, kinds_of(known)) == order
    drawn = figures.draw(tables_of("controls"), known)
    names = [text.get_text() for text in drawn["matrix"].subfigs[0].axes[0].get_yticklabels()]
    assert names == [labels.calibration_name(name) for name in [*order, "none"]]
    lines = drawn["error_by_block"].subfigs[0].axes[0].lines
    assert [line.get_color() for line in lines[-5:]] == [labels.CONTROL_COLOUR] * 5
    told = overlap.told_apart(tables_of("controls")["overlap_by_block"], kinds_of(known))
    assert list(told) == [("de", "en"), ("de", "sw"), ("en", "sw")]
