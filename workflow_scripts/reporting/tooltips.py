"""The exact numbers behind a mark of a figure, in a few short lines."""

from collections.abc import Collection, Mapping
from typing import Any

import polars as pl

from workflow_scripts.reporting import labels
from workflow_scripts.reporting.calibrations import Known, words_of
from workflow_scripts.reporting.heat import DIVERGENCE, RATIO
from workflow_scripts.reporting.labels import many

ENDS = {"same": "ceiling", "magnitude": "floor"}


def cell(row: Mapping[str, Any], known: Known | None = None, measure: str = RATIO) -> str:
    """A cell of a matrix, with the excess that `heat.panels` adds."""
    seeds = row["seeds"]
    span = f" (seeds {row[f'{measure}_min']:.4f} to {row[f'{measure}_max']:.4f})" if seeds > 1 else ""
    place = (
        "the best of its column"
        if row["best"]
        else f"{row['excess']:.1f}\N{NO-BREAK SPACE}% above the best of its column"
    )
    lines = [
        f"{labels.calibration_name(row['calibration'])} on {labels.with_code(row['language'])}",
        *(
            (f"{row[RATIO]:.4f} times the dense perplexity{span}", f"perplexity {row['perplexity']:,.3f}")
            if measure == RATIO
            else (
                f"{row[DIVERGENCE]:.4f} nats per token from the dense model{span}",
                f"the same likeliest token in {100 * row['agreement']:.1f}\N{NO-BREAK SPACE}% of the places",
            )
        ),
        many(seeds, "seed"),
        place,
        *_made_of(row["calibration"], known),
    ]
    return "\n".join(lines)


def effect(row: Mapping[str, Any], known: Known | None = None) -> str:
    """A comparison with another calibration."""
    against = f"{labels.with_code(row['own'])} against {labels.with_code(row['other'])}"
    difference = f"{labels.signed(row['difference'], 4)} {row['unit']}"
    made_of = _made_of(row["other"], known)
    size = f"{many(row['documents'], labels.TEXT_OF_UNIT[row['unit']])}, {many(row['seeds'], 'seed')}"
    if row["low"] is None:
        return "\n".join([against, difference, f"no interval: {row['reason']}", size, *made_of])
    interval = f"95\N{NO-BREAK SPACE}% interval {labels.span(row['low'], row['high'], 4)}"
    chance = f"p {labels.probability(row['p_value'])}, after Holm {labels.probability(row['p_holm'])}"
    return "\n".join([against, difference, interval, chance, size, *made_of])


def regret(row: Mapping[str, Any], known: Known | None = None) -> str:
    """What a calibration costs in a language, of `best_calibration`."""
    lines = [
        f"{labels.with_code(row['calibration'])} on {labels.with_code(row['language'])}",
        f"regret {labels.signed(row['regret'], 4)} {row['unit']}",
        f"95\N{NO-BREAK SPACE}% interval {labels.span(row['low'], row['high'], 4)}"
        if row["low"] is not None
        else f"no interval: {row['reason']}",
        f"the best in {labels.percent(row['chosen'])} of resamples",
    ]
    if row["among_best"] is not None:
        lines.append("may be the best one" if row["among_best"] else "worse than the best one")
    return "\n".join([*lines, *_made_of(row["calibration"], known)])


def overlap(rows: pl.DataFrame, title: str, told: Collection[tuple[str, str]]) -> str:
    """All overlaps of one block or linear, of pairs that are not told apart the range."""
    lines = [title]
    for relation in ("same", "between", "magnitude"):
        own = rows.filter(pl.col("relation") == relation).sort("iou", descending=True)
        if relation in ENDS:
            lines += [f"{ENDS[relation]} {_range(own['iou'])}"] if own.height else []
            continue
        pairs = own.select("calibration_a", "calibration_b", "iou").rows()
        lines += [f"{a} and {b} {iou:.4f}" for a, b, iou in pairs if (a, b) in told]
        others = pl.Series([iou for a, b, iou in pairs if (a, b) not in told], dtype=pl.Float64)
        lines += [f"{many(len(others), 'other pair')} {_range(others)}"] if len(others) else []
    return "\n".join(lines)


def error(rows: pl.DataFrame, block: int, measure: str, kinds: Mapping[str, str] | None = None) -> str:
    """The errors of all calibrations in one block; rows of `error_by_block`."""
    lines = [f"block {block}, {measure.replace('_', ' ')}"]
    for row in labels.ranked(rows, "calibration", kinds=kinds).iter_rows(named=True):
        value, low, high = (row[f"{measure}{end}"] for end in ("", "_min", "_max"))
        span = f" (seeds {low:.3g} to {high:.3g})" if row["seeds"] > 1 and value is not None else ""
        lines.append(f"{row['calibration']} {'unknown' if value is None else f'{value:.4g}'}{span}")
    return "\n".join(lines)


def _made_of(name: str, known: Known | None) -> list[str]:
    words = words_of(name, known)
    return [f"{name}: {words}"] if words else []


def _range(values: pl.Series) -> str:
    low, high = values.min(), values.max()
    return f"{low:.4f}" if low == high else f"{low:.4f} to {high:.4f}"
