"""Ways to choose a calibration for a language, side by side: by its own texts, by a predictor, always the same one, by chance."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from workflow_scripts.analysis.matrix import PANEL

OWN, HINDSIGHT, CHANCE = "own", "hindsight", "chance"
CHOICES = pl.Schema(
    {c: pl.String for c in [*PANEL, "way", "kind"]}
    | {"languages": pl.Int64, "right": pl.Int64}
    | {c: pl.Float64 for c in ("mean_regret", "worst_regret")}
    | {"unit": pl.String}
)


def choices(best: pl.DataFrame, picks: pl.DataFrame, kinds: Mapping[str, str]) -> pl.DataFrame:
    """What each way to choose a calibration costs over the evaluated languages; sorted.

    Args:
        best: `recommendation.best_calibration`.
        picks: `predictors.predicted_picks`.
        kinds: calibration -> language, mixture or control.

    Returns:
        model, method, pattern, sample, propagation, corpus, way (`own`: the language itself; a predictor; `hindsight` and
        `chance`: the best of the other languages, and any of them at random; else the calibration that serves all), kind
        (own, predictor, hindsight, chance, language, mixture or control); languages (how many it is averaged over: a
        language that serves all does not serve itself), right (of a predictor: in how many it picks the best of the other
        languages); mean_regret, worst_regret, and their unit.
    """
    records = []
    for keys, group in sorted(best.partition_by(PANEL, as_dict=True).items()):
        place = dict(zip(PANEL, keys, strict=True))
        picked = picks.filter(*(pl.col(key) == value for key, value in place.items()))
        for way, kind, rows in (*_fixed(group, kinds), *_predicted(picked), *_bounds(group, kinds)):
            if rows.height:
                regret = rows["regret"]
                records.append(
                    place
                    | {"way": way, "kind": kind, "languages": rows.height, "unit": group["unit"][0]}
                    | {"right": _right(rows), "mean_regret": regret.mean(), "worst_regret": regret.max()}
                )
    return pl.DataFrame(records, schema=CHOICES).sort(*PANEL, "kind", "way")


def _fixed(group: pl.DataFrame, kinds: Mapping[str, str]) -> Iterator[tuple[str, str, pl.DataFrame]]:
    """The own language, and every calibration as the one for all."""
    own = pl.col("calibration") == pl.col("language")
    yield OWN, OWN, group.filter(own)
    for name in sorted(set(group["calibration"])):
        yield name, kinds.get(name, "language"), group.filter(pl.col("calibration") == name, ~own)


def _predicted(picked: pl.DataFrame) -> Iterator[tuple[str, str, pl.DataFrame]]:
    for predictor in sorted(set(picked["predictor"])):
        yield predictor, "predictor", picked.filter(pl.col("predictor") == predictor)


def _bounds(group: pl.DataFrame, kinds: Mapping[str, str]) -> Iterator[tuple[str, str, pl.DataFrame]]:
    """The best of the other languages, known afterwards, and one of them at random."""
    languages = [name for name, kind in kinds.items() if kind == "language"]
    others = group.filter(pl.col("calibration").is_in(languages), pl.col("calibration") != pl.col("language"))
    for name, value in ((HINDSIGHT, pl.col("regret").min()), (CHANCE, pl.col("regret").mean())):
        # In one order, for sums of floats depend on it.
        yield name, name, others.group_by("language", maintain_order=True).agg(value.alias("regret"))


def _right(rows: pl.DataFrame) -> Any:
    """In how many languages a predictor's pick is the best of the others; None of other ways."""
    return (rows["pick"] == rows["best_other"]).sum() if "pick" in rows.columns else None
