"""The exact numbers behind a mark that several figures have, in a few short lines."""

from collections.abc import Mapping
from typing import Any

from workflow_scripts.reporting.kit import labels
from workflow_scripts.reporting.kit.calibrations import Known, words_of
from workflow_scripts.reporting.kit.heat import DIVERGENCE, RATIO
from workflow_scripts.reporting.kit.labels import many


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
        *made_of_lines(row["calibration"], known),
    ]
    return "\n".join(lines)


def effect(row: Mapping[str, Any], known: Known | None = None) -> str:
    """A comparison with another calibration."""
    against = f"{labels.with_code(row['own'])} against {labels.with_code(row['other'])}"
    difference = f"{labels.signed(row['difference'], 4)} {row['unit']}"
    made_of = made_of_lines(row["other"], known)
    size = f"{many(row['documents'], labels.TEXT_OF_UNIT[row['unit']])}, {many(row['seeds'], 'seed')}"
    if row["low"] is None:
        return "\n".join([against, difference, f"no interval: {row['reason']}", size, *made_of])
    interval = f"95\N{NO-BREAK SPACE}% interval {labels.span(row['low'], row['high'], 4)}"
    chance = f"p {labels.probability(row['p_value'])}, after Holm {labels.probability(row['p_holm'])}"
    return "\n".join([against, difference, interval, chance, size, *made_of])


def made_of_lines(name: str, known: Known | None) -> list[str]:
    words = words_of(name, known)
    return [f"{name}: {words}"] if words else []
