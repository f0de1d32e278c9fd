"""The sentences follow the tables: each case of the answer, the findings and the limits."""

import polars as pl
import pytest

from workflow_scripts.analysis.effects import EFFECTS
from workflow_scripts.reporting.kit.effect_words import effect_sentences
from workflow_scripts.reporting.limits import limits
from workflow_scripts.reporting.summary import answer, overlap_sentences, summarise

BASE = {
    "model": "m", "method": "wanda", "pattern": "0.5", "sample": "s", "propagation": "sequential", "corpus": "c",
    "other": "en", "documents": 16, "seeds": 3, "documents_better": 9, "reason": "", "own_loss": 0.5,
    "unit": "bits per byte",
}  # fmt: skip


def head(*intervals, **values) -> pl.DataFrame:
    """Rows of effects, one per (own, low, high); bounds of None mean no interval, their middle is then -0.1."""
    rows = []
    for own, low, high in intervals:
        middle = -0.1 if low is None else (low + high) / 2
        row = {"own": own, "low": low, "high": high, "difference": middle, "relative": middle / 0.5, "p_holm": 0.01}
        rows.append(BASE | row | values)
    return pl.DataFrame(rows, schema=EFFECTS)


BETTER, BETTER_TOO = ("sw", -0.25, -0.15), ("de", -0.08, -0.04)
WORSE, UNCLEAR, UNTESTED = ("zh", 0.01, 0.03), ("ru", -0.02, 0.01), ("sw", None, None)


@pytest.mark.parametrize(
    ("intervals", "beginning", "numbers"),
    [
        ([BETTER, BETTER_TOO], "In the language that the model will be used in", "2 of 2 comparisons"),
        ([BETTER, BETTER_TOO, UNCLEAR], "Often in", "2 of 3 comparisons"),
        ([BETTER, UNCLEAR], "This study leaves it open", "1 of 2 comparisons"),
        ([UNCLEAR], "This study shows no difference", "in 1 of 1 comparison none is left after Holm's correction"),
        ([WORSE, UNCLEAR], "Not in the language", "English beats it in 1 of 2 comparisons"),
        ([BETTER, WORSE], "It depends", "loses in 1"),
        ([UNTESTED], "An indication only", "in 1 of 1 comparison"),
        ([], "This study cannot say", "second calibration language"),
    ],
)
def test_answer(intervals, beginning, numbers):
    text = answer(head(*intervals))
    assert text.startswith(beginning)
    assert numbers in text


HOLM = "no difference is left after Holm's correction"


def test_the_answer_counts_only_what_holm_leaves():
    doubtful = head(BETTER_TOO, p_holm=0.05)
    text = answer(pl.concat([head(BETTER), doubtful]))
    assert "beats English in 1 of 2 comparisons" in text
    assert f"in 1 {HOLM}" in text
    assert "includes zero" not in text
    assert answer(doubtful).startswith("This study shows no difference")
    assert "loses in" not in answer(pl.concat([doubtful, head(WORSE, p_holm=0.2)]))
    assert "no interval includes zero" in answer(head(BETTER, BETTER_TOO))
    assert HOLM not in answer(head(BETTER, WORSE))


def test_the_answer_counts_languages_by_methods():
    wanda, sparsegpt = head(BETTER, BETTER_TOO), head(BETTER, ("de", -0.02, 0.01), method="sparsegpt")
    text = answer(pl.concat([wanda, sparsegpt]))
    assert "in 3 of 4 comparisons (2 languages by 2 methods)" in text
    assert "By method: SparseGPT 1 better and 0 worse of 2; Wanda 2 better and 0 worse of 2." in text
    assert "languages by" not in answer(wanda)
    assert "By method" not in answer(head(BETTER, UNCLEAR))
    untested = pl.concat([head(UNTESTED), head(UNTESTED, pattern="2:4")])
    assert "2 of 2 comparisons (1 language by 2 patterns)" in answer(untested)
    # One of four cells is missing: two by two would be untrue.
    assert "3 of 3 comparisons," in answer(pl.concat([wanda, head(BETTER, method="sparsegpt")]))


def test_sentences_state_the_unit(tables_of):
    summary = summarise({}, tables_of("published"))
    said = " ".join([summary.answer, *(s for _, sentences in summary.findings for s in sentences)])
    assert "nats per token" in said
    assert "bits per byte" not in said
    told = " ".join(summary.limits)
    assert "only 4 windows" in told
    assert "windows of unknown size in bytes" in told
    assert "bytes on average" not in told


def test_answer_without_english_names_the_stand_in():
    assert "German stands in for English" in answer(head(BETTER, other="de"))
    assert "stands in" not in answer(head(BETTER))


def test_differences_with_their_intervals_and_share():
    text = " ".join(effect_sentences(head(BETTER, BETTER_TOO)))
    assert (
        "fewer bits per byte in 2 of 2 languages: Swahili 0.200 (95\N{NO-BREAK SPACE}% interval 0.150 to 0.250)" in text
    )
    assert "between 12\N{NO-BREAK SPACE}% (German) and 40\N{NO-BREAK SPACE}% (Swahili)" in text
    assert "All of this holds after Holm's correction" in text
    assert "no difference" not in text


def test_an_interval_with_zero_is_no_difference():
    sentences = effect_sentences(head(UNCLEAR))
    assert len(sentences) == 1
    assert "In Russian no difference from English could be shown" in sentences[0]
    assert "\N{MINUS SIGN}0.020 to +0.010 includes zero" in sentences[0]


def test_an_interval_that_ends_at_zero_includes_it():
    assert "no difference" in effect_sentences(head(("ru", -0.02, 0.0)))[0]


def test_a_loss_is_said_and_gives_no_share():
    text = " ".join(effect_sentences(head(WORSE)))
    assert "more bits per byte in 1 of 1 language: Chinese 0.020" in text
    assert "adds" not in text


@pytest.mark.parametrize(("p_holm", "words"), [(0.2, "None of this holds"), (0.01, "All of this holds")])
def test_holm(p_holm, words):
    assert words in " ".join(effect_sentences(head(BETTER, p_holm=p_holm)))


def test_one_seed_speaks_of_masks():
    text = " ".join(effect_sentences(head(UNTESTED, seeds=1, reason="1 of the 3 seeds that an interval needs")))
    assert "For these masks alone" in text
    assert "9 of 16 documents" in text
    assert "No interval is given: 1 of the 3 seeds" in text
    assert "Holm" not in text
    assert "adds" not in text


def test_overlap_is_placed_only_between_floor_and_ceiling(tables_of):
    positions = tables_of("small")["positions"].filter(method="wanda")
    assert any("of the way from floor to ceiling" in s for s in overlap_sentences(positions))
    alone = overlap_sentences(tables_of("one seed")["positions"].filter(method="wanda"))
    assert any("cannot be placed" in s for s in alone)
    assert not any("of the way" in s for s in alone)
    assert overlap_sentences(positions.clear()) == []


def test_every_study_has_a_summary(any_tables):
    summary = summarise({}, any_tables)
    assert summary.answer.endswith(".")
    assert len(summary.findings) == any_tables["best_calibration"].select("model", "method", "pattern").n_unique()
    for sentence in [*summary.limits, *(s for _, sentences in summary.findings for s in sentences)]:
        assert sentence[0].isupper() or sentence[0].isdigit() or sentence.startswith("gemma")
        assert sentence.endswith(".")
        assert "None " not in sentence.removeprefix("None of this holds")
        assert "nan" not in sentence.split()


def test_limits_follow_the_study(tables_of):
    def said(name, **study):
        return " ".join(limits(study, tables_of(name)))

    assert "only 1 seed per calibration" in said("one seed")
    assert "3 seeds per calibration allow" in said("small")
    assert "for another register or subject it may be another" in said("small")
    assert "winner's curse" not in said("one language")
    assert "not one language with another" not in said("one language")
    model = {"name": "tiny", "parameters": 270_000_000, "dequantised": True}
    assert "One model was studied (tiny)" in said("small", models=[model])
    assert "tiny is a small model" in said("small", models=[model])
    assert "quantised file" in said("small", models=[model])
    large = {"name": "huge", "parameters": 70_000_000_000}
    assert "small model" not in said("small", models=[large, large])
    assert "One model" not in said("small", models=[large, large])
    assert "written by a machine" in said("small", corpora=[{"name": "c", "machine_written": True}])
    assert "no downstream task" in said("small")
    assert "no downstream task" not in " ".join(limits({}, tables_of("tasks")))
    assert "short, " in said("small")
    assert "only 16 documents" in said("small")


@pytest.mark.parametrize("parallel", [None, False])
def test_texts_that_are_not_known_to_be_parallel_may_say_different_things(tables_of, parallel):
    aligned, loose = {"name": "a", "parallel": True}, {"name": "b", "parallel": parallel}
    for corpora in ([loose], [aligned, loose]):
        text = " ".join(limits({"corpora": corpora}, tables_of("small")))
        assert "in the corpus b may say different things" in text
    assert "different things" not in " ".join(limits({"corpora": [aligned]}, tables_of("small")))


def test_masks_on_a_parallel_corpus_have_seen_translations(tables_of):
    words = "corpus c is parallel: masks of two languages may have seen translations"
    assert words in " ".join(limits({"corpora": [{"name": "c", "parallel": True}]}, tables_of("small")))
    assert words not in " ".join(limits({"corpora": [{"name": "c", "parallel": None}]}, tables_of("small")))
    assert words not in " ".join(limits({"corpora": [{"name": "c", "parallel": True}]}, tables_of("one language")))


def test_comparisons_on_the_same_documents_are_not_independent(tables_of):
    words = "use the same documents: they are not independent evidence"
    assert f"several methods {words}" in " ".join(limits({}, tables_of("small")))
    assert f"several methods, patterns and models {words}" in " ".join(limits({}, tables_of("large")))
    assert words not in " ".join(limits({}, tables_of("no English")))
