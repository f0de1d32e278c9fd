"""Plain words made from the tables: the answer, what was found, and what cannot be concluded.

No sentence stands unless the tables carry it: a difference is called one only where its interval excludes zero.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from workflow_scripts.analysis.crossed import FEWEST_SEEDS
from workflow_scripts.reporting import labels

AMPLE_SEEDS = 5
SHORT_DOCUMENT = 4000
FEW_DOCUMENTS = 30
SMALL_MODEL = 1_000_000_000
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Summary:
    """`findings` holds a heading (method and setting) and its sentences; `limits` what cannot be concluded."""

    answer: str
    findings: list[tuple[str, list[str]]]
    limits: list[str]


def summarise(study: Mapping[str, Any], tables: Mapping[str, pl.DataFrame]) -> Summary:
    """The summary of a study; `study` as for `report.render_report`, `tables` from `analysis.tables.analyse`."""
    return Summary(answer(tables["effects"]), findings(tables), limits(study, tables))


def answer(effects: pl.DataFrame) -> str:
    """One or two sentences in reply to: in which language should I calibrate?"""
    reference = labels.reference_of(effects)
    if reference is None:
        return (
            "This study cannot say: it has no language that is evaluated, has a calibration of its own and has another "
            "calibration language to compare with."
        )
    rows, name = effects.filter(pl.col("other") == reference), labels.language_name(reference)
    tested = rows.filter(pl.col("low").is_not_null())
    if tested.is_empty():
        ahead = rows.filter(pl.col("difference") < 0).height
        return (
            f"An indication only, because {_seeds(rows)} cannot tell the language from the luck of the sample: for these "
            f"masks, calibrating in the language of the evaluated text beats {name} in {ahead} of "
            f"{_many(rows.height, 'comparison')}."
        )
    better, worse, total = _below(tested).height, _above(tested).height, tested.height
    unclear = total - better - worse
    comparisons = f"{better} of {_many(total, 'comparison')}"
    if better == total:
        return (
            f"In the language that the model will be used in: calibrating in it beats {name} in {comparisons}, "
            "as measured by bits per byte, and none of the intervals includes zero."
        )
    if better == worse == 0:
        return (
            f"It made no difference that this study could show: own language against {name}, "
            f"{'the interval includes' if total == 1 else f'the intervals of all {total} comparisons include'} zero."
        )
    if worse == 0:
        lead = "Often in the language that the model will be used in" if 2 * better > total else "Not clear"
        return f"{lead}: it beats {name} in {comparisons} and loses in none; in {unclear} the interval includes zero."
    if better == 0:
        lead = f"Not in the language that the model will be used in, as far as this study goes: {name} beats it"
        return f"{lead} in {worse} of {_many(total, 'comparison')}; in {unclear} the interval includes zero."
    return (
        f"It depends: the language that the model will be used in beats {name} in {comparisons} and loses in "
        f"{worse}; in {unclear} the interval includes zero."
    )


def findings(tables: Mapping[str, pl.DataFrame]) -> list[tuple[str, list[str]]]:
    """A heading and sentences per method and setting."""
    keys = ["method", *labels.CALIBRATION_SETTING]
    among = labels.settings(tables["best_calibration"], keys)
    reference = labels.reference_of(tables["effects"])
    found = []
    for setting in among:
        effects, best, positions = (
            labels.of_setting(tables[name], setting) for name in ("effects", "best_calibration", "positions")
        )
        sentences = []
        for corpus in best["corpus"].unique().sort():
            on = f"On {corpus}: " if best["corpus"].n_unique() > 1 else ""
            head = effects.filter(pl.col("corpus") == corpus, pl.col("other") == reference)
            told = [*effect_sentences(head), *best_sentences(best.filter(pl.col("corpus") == corpus))]
            sentences += [on + sentence for sentence in told]
        sentences += overlap_sentences(positions)
        others = [{key: s[key] for key in labels.CALIBRATION_SETTING} for s in among]
        title = labels.setting_title({key: setting[key] for key in labels.CALIBRATION_SETTING}, others)
        found.append((f"{labels.method_name(setting['method'])}, {title}", sentences))
    return found


def effect_sentences(head: pl.DataFrame) -> list[str]:
    """Own language against the reference, for one method, setting and corpus; rows of `effects` with one `other`."""
    if head.is_empty():
        return ["There is no evaluated language with a calibration of its own and another one to compare it with."]
    name, head = labels.language_name(head["other"][0]), head.sort("difference")
    tested, untested = head.filter(pl.col("low").is_not_null()), head.filter(pl.col("low").is_null())
    sentences = []
    for rows, verb in ((_below(tested), "fewer"), (_above(tested).reverse(), "more")):
        if rows.height:
            parts = _list(
                f"{labels.language_name(row['own'])} {abs(row['difference']):.3f} "
                f"(95 % interval {_range(row['low'], row['high'])})"
                for row in rows.iter_rows(named=True)
            )
            sentences.append(
                f"Calibrating in the evaluated language instead of {name} takes {verb} bits per byte in {rows.height} of "
                f"{_many(tested.height, 'language')}: {parts}."
            )
    for row in _unclear(tested).iter_rows(named=True):
        sentences.append(
            f"In {labels.language_name(row['own'])} no difference from {name} could be shown: {row['difference']:+.3f} bits "
            f"per byte, and the interval from {row['low']:+.3f} to {row['high']:+.3f} includes zero."
        )
    sentences += _untested_sentences(untested, name)
    clear = tested.filter((pl.col("low") > 0) | (pl.col("high") < 0))
    if clear.height:
        kept = clear.filter(pl.col("p_holm") < SIGNIFICANT).height
        sentences.append(
            f"Corrected for all comparisons of this method and pattern (Holm), {kept} of {_many(clear.height, 'difference')} "
            f"{'stands' if kept == 1 else 'stand'}."
        )
    return sentences + _share_sentences(_below(tested), name)


def best_sentences(best: pl.DataFrame) -> list[str]:
    """Which calibration took the fewest bits per byte, for one method, setting and corpus."""
    winners = best.filter(pl.col("optimistic"), pl.col("calibration") == pl.col("best")).sort("language")
    if winners.is_empty():
        return []
    has_own = best.filter(pl.col("calibration") == pl.col("language"))["language"].to_list()
    contested = winners.filter(pl.col("language").is_in(has_own))
    own = contested.filter(pl.col("best") == pl.col("language")).height
    others = _list(
        f"{labels.language_name(language)} by {labels.language_name(calibration)}"
        for language, calibration in winners.select("language", "best").iter_rows()
        if language != calibration
    )
    sentences = []
    if contested.height:
        sentences.append(
            f"Of all calibrations the language's own took the fewest bits per byte in {own} of "
            f"{_many(contested.height, 'evaluated language')}."
        )
    if others:
        sentences.append(f"Best served by another calibration: {others} (differences may be chance).")
    return sentences


def overlap_sentences(positions: pl.DataFrame) -> list[str]:
    """How alike the masks of two languages are, between floor and ceiling, for one method and setting."""
    rows = positions.sort("iou", "calibration_a", "calibration_b")
    if rows.is_empty():
        return []
    ends = [_overlap_of(row) for row in (rows.row(0, named=True), rows.row(-1, named=True))]
    span = ends[0] if rows.height == 1 else f"from {ends[0]} to {ends[1]}"
    sentences = [f"Masks of two calibrations share {span} of the weights that either keeps."]
    floor, ceiling = rows["floor"].mean(), rows["ceiling"].mean()
    known = []
    if floor is not None:
        known.append(f"the floor, against a mask made without text, is {floor:.2f}")
    if ceiling is not None:
        known.append(f"the ceiling, other texts of the same language, is {ceiling:.2f}")
    if known:
        sentences.append(f"{_capital(' and '.join(known))}.")
    places = rows["position"].drop_nulls()
    if len(places):
        low, high = f"{100 * places.min():.0f}", f"{100 * places.max():.0f}"
        share = f"{low} %" if low == high else f"{low} to {high} %"
        sentences.append(f"That is {share} of the way from floor to ceiling.")
    elif ceiling is None:
        sentences.append("With one seed there is no ceiling, so this overlap cannot be placed.")
    return sentences


def limits(study: Mapping[str, Any], tables: Mapping[str, pl.DataFrame]) -> list[str]:
    """What cannot be concluded from this study."""
    calibrated = tables["mean_matrix"].filter(pl.col("calibration") != labels.NO_TEXT)
    return [
        *_seed_limits(calibrated),
        *_model_limits(study.get("models", [])),
        *([] if "tasks" in tables else [_NO_TASKS]),
        *_document_limits(study.get("corpora", []), tables["mean_matrix"]),
        *([_WINNERS_CURSE] if tables["best_calibration"]["optimistic"].any() else []),
        *([_UNITS] if tables["mean_matrix"]["language"].n_unique() > 1 else []),
    ]


_NO_TASKS = (
    "Only perplexity was measured, no downstream task: a model that predicts text better need not answer questions "
    "better."
)
_WINNERS_CURSE = (
    "The best calibration of a language was chosen on the documents that judge it, so it looks better, and the others' "
    "regret larger, than they would on fresh documents (the winner's curse)."
)
_UNITS = (
    "Bits per byte and perplexity depend on script and tokenizer: compare calibrations within an evaluated language, not "
    "one language with another."
)


def _seed_limits(calibrated: pl.DataFrame) -> Iterator[str]:
    seeds = calibrated["seeds"].min()
    if seeds is None:
        yield "Nothing was calibrated: the study says nothing about calibration."
    elif seeds < FEWEST_SEEDS:
        yield (
            f"There {'is' if seeds == 1 else 'are'} only {_many(seeds, 'seed')} per calibration, and an interval takes "
            f"{FEWEST_SEEDS}: the results speak of these masks, not of their languages."
        )
    elif seeds < AMPLE_SEEDS:
        yield f"{seeds} seeds per calibration allow an interval, but a coarse one: {AMPLE_SEEDS} and more are better."


def _model_limits(models: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if len(models) == 1:
        yield f"One model was studied ({models[0]['name']}); others, larger ones above all, may behave otherwise."
    small = [m["name"] for m in models if m.get("parameters") and m["parameters"] < SMALL_MODEL]
    if small:
        yield f"{_list(small)} {'is a small model' if len(small) == 1 else 'are small models'}: what holds there may not hold at scale."  # fmt: skip
    restored = [m["name"] for m in models if m.get("dequantised")]
    if restored:
        yield (
            f"The weights of {_list(restored)} were restored from a quantised file: they are not the published ones, and "
            "their many equal and zero values make ties."
        )


def _document_limits(corpora: Sequence[Mapping[str, Any]], mean_matrix: pl.DataFrame) -> Iterator[str]:
    fewest = mean_matrix["documents"].min()
    if fewest < FEW_DOCUMENTS:
        yield f"Some languages were evaluated on only {_many(fewest, 'document')}."
    size = mean_matrix["bytes"].sum() / mean_matrix["documents"].sum()
    if size < SHORT_DOCUMENT:
        yield f"The evaluation documents are short, {size:,.0f} bytes on average: nothing is said about long contexts."
    written = [c["name"] for c in corpora if c.get("machine_written")]
    if written:
        yield f"The documents of {_list(written)} were written by a machine: people's texts may give other results."
    if len(corpora) == 1 and not corpora[0].get("parallel"):
        yield "All texts come from one corpus and say different things: language cannot be told from topic or register."


def _untested_sentences(rows: pl.DataFrame, name: str) -> Iterator[str]:
    if rows.is_empty():
        return
    parts = _list(
        f"{labels.language_name(row['own'])} {row['difference']:+.3f} (fewer on {row['documents_better']} of "
        f"{_many(row['documents'], 'document')})"
        for row in rows.iter_rows(named=True)
    )
    ahead = rows.filter(pl.col("difference") < 0).height
    yield (
        f"For these masks alone, calibrating in the evaluated language instead of {name} takes fewer bits per byte in "
        f"{ahead} of {_many(rows.height, 'language')}: {parts}."
    )
    yield f"No interval is given: {_list(rows['reason'].unique().sort())}."


def _share_sentences(better: pl.DataFrame, name: str) -> Iterator[str]:
    rows = better.filter(pl.col("relative").is_not_null()).sort("relative", descending=True)
    if rows.is_empty():
        return
    named = [f"{100 * -share:.0f} % in {labels.language_name(own)}" for own, share in rows.select("own", "relative").rows()]
    span = named[0] if len(named) == 1 else f"between {named[0]} and {named[-1]}"
    yield f"Calibrating in {name} instead adds {span} to the loss that pruning causes."


def _overlap_of(row: Mapping[str, Any]) -> str:
    pair = _list(labels.language_name(row[side]) for side in ("calibration_a", "calibration_b"))
    return f"{100 * row['iou']:.0f} % ({pair})"


def _below(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.col("high") < 0)


def _above(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.col("low") > 0)


def _unclear(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.col("low") <= 0, pl.col("high") >= 0)


def _range(low: float, high: float) -> str:
    """An interval that excludes zero, by size and without sign."""
    small, large = sorted((abs(low), abs(high)))
    return f"{small:.3f} to {large:.3f}"


def _seeds(rows: pl.DataFrame) -> str:
    return _many(rows["seeds"].min(), "seed")


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _list(parts: Iterator[str] | Sequence[str]) -> str:
    parts = list(parts)
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
