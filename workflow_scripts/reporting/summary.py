"""Plain words made from the tables: the answer, what was found, and what cannot be concluded.

No sentence stands unless the tables carry it: a finding calls a difference one only where its interval excludes zero,
and the answer, which counts many at once, only where Holm's correction leaves it too.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from workflow_scripts.analysis.families import SIGNIFICANT
from workflow_scripts.reporting.advice import advice_sentences, for_all_sentences, predictor_sentences
from workflow_scripts.reporting.kit import labels
from workflow_scripts.reporting.kit.calibrations import kinds_of, read_calibrations
from workflow_scripts.reporting.kit.effect_words import above, below, effect_sentences
from workflow_scripts.reporting.kit.labels import capital, listed, many, percent
from workflow_scripts.reporting.limits import limits

FACTORS = {"corpus": "evaluation sample", "sample": "calibration sample", "propagation": "kind of propagation"}


@dataclass(frozen=True)
class Summary:
    """`findings` holds a heading (method and setting) and its sentences; `limits` what cannot be concluded."""

    answer: str
    findings: list[tuple[str, list[str]]]
    limits: list[str]


def summarise(study: Mapping[str, Any], tables: Mapping[str, pl.DataFrame]) -> Summary:
    """The summary of a study; `study` as for `page.render_report`, `tables` from `analysis.tables.analyse`."""
    kinds = kinds_of(read_calibrations(study.get("calibrations", {})))
    said = answer(tables["effects"], kinds) + knowledge_answer(tables.get("cloze_effects"), kinds)
    return Summary(said, findings(tables, kinds), limits(study, tables))


def answer(effects: pl.DataFrame, kinds: Mapping[str, str] | None = None) -> str:
    """A few sentences in reply to: in which language should I calibrate?"""
    reference = labels.reference_of(effects, kinds)
    if reference is None:
        return (
            "This study cannot say: that takes an evaluated language with a calibration of its own, and a second "
            "calibration language to compare it with."
        )
    name = labels.language_name(reference)
    stand_in = (
        "" if reference == labels.REFERENCE else f" {name} stands in for English, in which nothing was calibrated."
    )
    rows = labels.headline(effects, kinds)
    tested = rows.filter(pl.col("low").is_not_null())
    return (_verdict(tested, name) if tested.height else _indication(rows, name)) + stand_in


def knowledge_answer(cloze_effects: pl.DataFrame | None, kinds: Mapping[str, str] | None = None) -> str:
    """What cloze items add to the answer; nothing where no interval could be given."""
    if cloze_effects is None:
        return ""
    tested = labels.headline(cloze_effects, kinds).filter(pl.col("low").is_not_null())
    if tested.is_empty():
        return ""
    name, better, worse = labels.language_name(tested["other"][0]), _better(tested).height, _worse(tested).height
    lead, total = " On facts that the dense model knows,", _comparisons(tested)
    if better == worse == 0:
        return f"{lead} no difference from {name} is left after Holm's correction, in {total}."
    return f"{lead} the own language keeps more than {name} in {better} of {total} and less in {worse}, by Holm's correction."


def _indication(rows: pl.DataFrame, name: str) -> str:
    ahead = rows.filter(pl.col("difference") < 0).height
    return (
        f"An indication only, because {many(rows['seeds'].min(), 'seed')} cannot tell the language from the luck of "
        f"the sample. For these masks, calibrating in the language of the evaluated text beats {name} in {ahead} of "
        f"{_comparisons(rows)}."
    )


def _verdict(tested: pl.DataFrame, name: str) -> str:
    better, worse, total = _better(tested).height, _worse(tested).height, tested.height
    of_all = f"of {_comparisons(tested)}"
    if better == total:
        return (
            f"In the language that the model will be used in: calibrating in it beats {name} in {better} {of_all}, "
            f"measured in {labels.units(tested)}; no interval includes zero, and all hold after Holm's correction."
        )
    if better == worse == 0:
        return (
            "This study shows no difference between calibrating in the language that the model will be used in and in "
            f"{name}: in {total} {of_all} none is left after Holm's correction."
        )
    left = total - better - worse
    unclear = f"; in {left} no difference is left after Holm's correction." if left else "."
    return _mixed(better, worse, total, name, of_all) + unclear + _by_method(tested)


def _mixed(better: int, worse: int, total: int, name: str, of_all: str) -> str:
    if worse == 0:
        lead = "Often in" if 2 * better > total else "This study leaves it open, but perhaps in"
        rest = f"calibrating in it beats {name} in {better} {of_all} and loses in none"
        return f"{lead} the language that the model will be used in: {rest}"
    if better == 0:
        lead = "Not in the language that the model will be used in, as far as this study goes"
        return f"{lead}: {name} beats it in {worse} {of_all} and loses in none"
    return (
        f"It depends: calibrating in the language that the model will be used in beats {name} in {better} {of_all} and "
        f"loses in {worse}"
    )


def _comparisons(rows: pl.DataFrame) -> str:
    """`4 comparisons`; where they are not languages alone, `4 comparisons (2 languages by 2 methods)`."""
    counts = {"language": rows["own"].n_unique()}
    counts |= {key: rows[key].n_unique() for key in ("method", *labels.EVALUATION_SETTING)}
    factors = " by ".join(many(n, FACTORS.get(key, key)) for key, n in counts.items() if n > 1 or key == "language")
    # Where some cells have no interval, the factors do not multiply to the number of comparisons.
    crossed = counts["language"] < rows.height == math.prod(counts.values())
    return many(rows.height, "comparison") + (f" ({factors})" if crossed else "")


def _by_method(tested: pl.DataFrame) -> str:
    methods = sorted(set(tested["method"]))
    if len(methods) == 1:
        return ""
    parts = []
    for method in methods:
        rows = tested.filter(pl.col("method") == method)
        counts = f"{_better(rows).height} better and {_worse(rows).height} worse of {rows.height}"
        parts.append(f"{labels.method_name(method)} {counts}")
    return f" By method: {'; '.join(parts)}."


def findings(tables: Mapping[str, pl.DataFrame], kinds: Mapping[str, str] | None = None) -> list[tuple[str, list[str]]]:
    """A heading and sentences per method and setting."""
    keys = ["method", *labels.CALIBRATION_SETTING]
    among = labels.settings(tables["best_calibration"], keys)
    headline = labels.headline(tables["effects"], kinds)
    found = []
    for setting in among:
        best, positions = (labels.of_setting(tables[name], setting) for name in ("best_calibration", "positions"))
        sentences = []
        for corpus in best["corpus"].unique().sort():
            on = f"On {corpus}: " if best["corpus"].n_unique() > 1 else ""
            head, judged = (labels.of_setting(rows, {**setting, "corpus": corpus}) for rows in (headline, best))
            drops = labels.of_setting(tables["one_for_all"], {**setting, "corpus": corpus})
            known, picks = (
                labels.of_setting(tables[name], {**setting, "corpus": corpus})
                for name in ("predictors", "predicted_picks")
            )
            advised = [
                *advice_sentences(judged, labels.reference_of(tables["effects"], kinds)),
                *for_all_sentences(drops),
                *predictor_sentences(known, picks, labels.units(judged)),
            ]
            told = [*advised, *effect_sentences(head)]
            sentences += [on + sentence for sentence in told]
        sentences += overlap_sentences(_between_languages(positions, kinds))
        others = [{key: s[key] for key in labels.CALIBRATION_SETTING} for s in among]
        title = labels.setting_title({key: setting[key] for key in labels.CALIBRATION_SETTING}, others)
        found.append((f"{labels.method_name(setting['method'])}, {title}", sentences))
    return found


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
        known.append(f"the floor, against a mask made without text, is {percent(floor)}")
    if ceiling is not None:
        known.append(f"the ceiling, other texts of the same language, is {percent(ceiling)}")
    if known:
        sentences.append(f"{capital(' and '.join(known))}.")
    places = rows["position"].drop_nulls()
    if len(places):
        low, high = percent(places.min()), percent(places.max())
        share = low if low == high else f"{low} to {high}"
        below = (
            "; below 0 % two masks have less in common than with the mask made without text" if places.min() < 0 else ""
        )
        sentences.append(f"That is {share} of the way from floor to ceiling{below}.")
    elif ceiling is None:
        sentences.append("With one seed there is no ceiling, so this overlap cannot be placed.")
    return sentences


def _between_languages(positions: pl.DataFrame, kinds: Mapping[str, str] | None) -> pl.DataFrame:
    """The pairs of two languages; all pairs where none is of two languages."""
    languages = [name for name, kind in (kinds or {}).items() if kind == "language"]
    of_two = pl.all_horizontal(pl.col("calibration_a", "calibration_b").is_in(languages))
    return kept if (kept := positions.filter(of_two)).height else positions


def _overlap_of(row: Mapping[str, Any]) -> str:
    pair = listed(labels.language_name(row[side]) for side in ("calibration_a", "calibration_b"))
    return f"{percent(row['iou'])} ({pair})"


def _better(rows: pl.DataFrame) -> pl.DataFrame:
    return below(rows).filter(pl.col("p_holm") < SIGNIFICANT)


def _worse(rows: pl.DataFrame) -> pl.DataFrame:
    return above(rows).filter(pl.col("p_holm") < SIGNIFICANT)
