"""What each figure shows, with its main numbers, for those who cannot see it; each for one setting and method."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from workflow_scripts.reporting import heat, labels
from workflow_scripts.reporting.baselines import comparisons
from workflow_scripts.reporting.calibrations import Known, kinds_of
from workflow_scripts.reporting.labels import calibration_name, capital, language_name, many, signed

MOST_NAMED = 12


def of_matrix(cells: pl.DataFrame, measure: str = heat.RATIO) -> str:
    """Best and worst calibration of each evaluated language; cells as `heat.panels` gives them for a measure."""
    shown = "Perplexity over the dense model's" if measure == heat.RATIO else "Divergence in nats per token"
    sentences = [f"{shown}, by calibration and evaluated language."]
    for language in labels.in_order(cells["language"]):
        own = cells.filter(pl.col("language") == language).sort(measure, "calibration")
        best, worst = (own.row(end, named=True) for end in (0, -1))
        told = f"{language_name(language)}: least with {_calibration(best)}, {best[measure]:.2f}"
        if own.height > 1:
            told += f", most with {_calibration(worst)}, {worst[measure]:.2f}"
        sentences.append(f"{told}.")
    return " ".join(sentences)


def of_effects(head: pl.DataFrame, known: Known | None = None) -> str:
    """The difference of each language from the reference, with its interval."""
    if head.is_empty():
        return "There is no difference to show."
    sentences = [f"Own language minus {language_name(head['other'][0])} in {labels.losses(head)}."]
    for row in labels.ranked(head, "own").iter_rows(named=True):
        sentences.append(f"{language_name(row['own'])} {_difference(row)}.")
    return " ".join(sentences)


def of_regrets(best: pl.DataFrame, known: Known | None = None) -> str:
    """Of each evaluated language the calibrations that may be the best, and the one that costs most."""
    sentences = [f"Regret of each calibration in {labels.units(best)}, by evaluated language."]
    for language in labels.in_order(best["language"]):
        own = best.filter(pl.col("language") == language).sort("regret", "calibration")
        may = own.filter(pl.col("among_best"))["calibration"]
        least, most = (own.row(end, named=True) for end in (0, -1))
        among = (
            f"{labels.listed(map(language_name, may))} may be the best" if len(may) else f"least {_calibration(least)}"
        )
        sentences.append(f"{language_name(language)}: {among}; most {_calibration(most)}, {signed(most['regret'])}.")
    return " ".join(sentences)


def of_baselines(baselines: pl.DataFrame, known: Known | None = None) -> str:
    """The difference of each language from each baseline that means something for it, with its interval."""
    sentences = []
    for comparison in comparisons(baselines, known or {}):
        sentences.append(f"Own language minus {comparison.name}, in {labels.units(comparison.rows)}.")
        sentences += [
            f"{language_name(row['own'])} {_difference(row)}." for row in comparison.rows.iter_rows(named=True)
        ]
    return " ".join(sentences) or "There is no difference to show."


def of_overlap_by_block(by_block: pl.DataFrame, known: Known | None = None) -> str:
    """Ceiling, pairs and floor in the first and the last block."""
    first, last = by_block["block"].min(), by_block["block"].max()
    ends = [by_block.filter(pl.col("block") == block) for block in (first, last)]
    sentences = [f"Overlap of masks in {many(by_block['block'].n_unique(), 'block')}, in the first and in the last."]
    for name, rows in _lines(by_block, known):
        values = [end.join(rows, on=["relation", "calibration_a", "calibration_b"], how="semi")["iou"] for end in ends]
        sentences.append(f"{capital(name)} {_span(values[0])} and {_span(values[1])}.")
    return " ".join(sentences)


def of_overlap_by_module(by_module: pl.DataFrame, known: Known | None = None) -> str:
    """Ceiling, pairs and floor in the linears in which each is lowest and highest."""
    sentences = [f"Overlap of masks in {many(by_module['module'].n_unique(), 'kind')} of linears."]
    for name, rows in _lines(by_module, known):
        ordered = rows.sort("iou", "module")
        low, high = (ordered.row(end, named=True) for end in (0, -1))
        told = (f"{row['iou']:.3f} ({labels.module_name(row['module'])})" for row in (low, high))
        sentences.append(f"{capital(name)} from {' to '.join(told)}.")
    return " ".join(sentences)


def of_error_by_block(errors: pl.DataFrame, known: Known | None = None) -> str:
    """Local and path error of each calibration in the first, the last and the worst block."""
    sentences = [f"Relative errors in {many(errors['block'].n_unique(), 'block')}."]
    for measure in ("local_error", "path_error"):
        for name in labels.in_order(errors["calibration"], kinds_of(known))[:MOST_NAMED]:
            line = errors.filter(pl.col("calibration") == name).drop_nulls(measure).sort("block")
            if line.is_empty():
                continue
            worst = line.row(line[measure].arg_max(), named=True)
            sentences.append(
                f"{capital(measure.replace('_', ' '))} with {language_name(name)}: {line[measure][0]:.3g} in the first "
                f"block, {line[measure][-1]:.3g} in the last, at most {worst[measure]:.3g} in block {worst['block']}."
            )
    return " ".join(sentences)


def _difference(row: Mapping[str, Any]) -> str:
    interval = f"95 % interval {labels.span(row['low'], row['high'])}" if row["low"] is not None else "no interval"
    return f"{signed(row['difference'])}, {interval}"


def _calibration(row: dict[str, str]) -> str:
    name = row["calibration"]
    return calibration_name(name) if name == labels.NO_TEXT else language_name(name)


def _lines(overlap: pl.DataFrame, known: Known | None) -> list[tuple[str, pl.DataFrame]]:
    """Name and rows of the ceiling, the pairs (all in one where there are many) and the floor."""
    between = overlap.filter(pl.col("relation") == "between")
    pairs = between.select("calibration_a", "calibration_b").unique()
    named = []
    if pairs.height > MOST_NAMED:
        named = [(f"{pairs.height} pairs of calibrations", between)]
    else:
        for a, b in labels.ranked(pairs, "calibration_a", "calibration_b", kinds=kinds_of(known)).iter_rows():
            rows = between.filter(pl.col("calibration_a") == a, pl.col("calibration_b") == b)
            named.append((f"{language_name(a)} and {language_name(b)}", rows))
    ends = [
        (name, overlap.filter(pl.col("relation") == r)) for name, r in (("ceiling", "same"), ("floor", "magnitude"))
    ]
    return [(name, rows) for name, rows in (ends[0], *named, ends[1]) if rows.height]


def _span(values: pl.Series) -> str:
    low, high = values.min(), values.max()
    if low is None:
        return "unknown"
    return f"{low:.3f}" if f"{low:.3f}" == f"{high:.3f}" else f"{low:.3f} to {high:.3f}"
