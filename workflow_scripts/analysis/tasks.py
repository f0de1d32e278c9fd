"""Downstream tasks: accuracy, and what the language of the calibration changes, where the dense model beats chance.

Items that share a passage or premise are no independent evidence: the cluster is the random factor, not the item. Items
still weigh equally, so that a difference is one between the accuracies that `task_matrix` shows.
"""

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from workflow_scripts.analysis.bootstrap import cluster_sums
from workflow_scripts.analysis.cloze import MARGIN
from workflow_scripts.analysis.effects import EFFECTS, tested
from workflow_scripts.analysis.families import SIGNIFICANT, holm, with_holm
from workflow_scripts.analysis.matrix import PANEL, SETTING
from workflow_scripts.analysis.permutation import sign_flip

POINTS = "points of accuracy"
POOLED = "pooled"
TASK_MATRIX = pl.Schema(
    {c: pl.String for c in [*SETTING, "calibration", "corpus", "language"]}
    | {c: pl.Int64 for c in ("items", "clusters", "seeds")}
    | {c: pl.Float64 for c in ("chance", "accuracy", "accuracy_min", "accuracy_max", "accuracy_sd", "margin")}
    | {c: pl.Float64 for c in ("dense_accuracy", "dense_p_value")}
    | {"above_chance": pl.Boolean}
)
TASK_EFFECTS = pl.Schema(
    dict(EFFECTS)
    | {"pooled": pl.Boolean, "languages": pl.Int64, "clusters": pl.Int64}
    | {c: pl.Float64 for c in ("p_sign_flip", "p_sign_flip_holm")}
)


def task_matrix(tasks: pl.DataFrame) -> pl.DataFrame:
    """One row per variant without its seed, task and language; the dense model and magnitude included; sorted.

    Columns: the setting, calibration, corpus (the task), language; items, clusters, seeds; chance (accuracy of guessing,
    mean over items; null where answers are open); accuracy (mean over items and seeds), accuracy_min, accuracy_max,
    accuracy_sd (over seeds; null of one seed); margin (nats, mean over items and seeds; null where the task has none);
    dense_accuracy; dense_p_value (see `against_chance`; Holm over the languages of a model and task); above_chance (that
    p-value is below 0.05): elsewhere a variant has nothing to lose.

    Args:
        tasks: long table, one row per variant, task, language and item.
    """
    keys = [*SETTING, "calibration", "corpus", "language"]
    per_seed = (
        tasks.sort(*keys, "seed", "item_id")
        .group_by(*keys, "seed", maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("items"),
            pl.col("cluster").n_unique().cast(pl.Int64).alias("clusters"),
            pl.col("chance").mean(),
            pl.col("correct").mean().alias("accuracy"),
            pl.col("margin").mean(),
        )
    )
    means = per_seed.group_by(keys, maintain_order=True).agg(
        pl.col("items").first(),
        pl.col("clusters").first(),
        pl.len().cast(pl.Int64).alias("seeds"),
        pl.col("chance").first(),
        pl.col("accuracy").mean(),
        pl.col("accuracy").min().alias("accuracy_min"),
        pl.col("accuracy").max().alias("accuracy_max"),
        pl.col("accuracy").std().alias("accuracy_sd"),
        pl.col("margin").mean(),
    )
    joined = means.join(_dense_models(tasks), on=["model", "corpus", "language"], how="left").sort(keys)
    return joined.select(TASK_MATRIX.names()).cast(dict(TASK_MATRIX))


def against_chance(correct: np.ndarray, chance: np.ndarray, clusters: np.ndarray) -> float:
    """One-sided p-value that a model answers no better than by guessing: the larger of two.

    The exact binomial test holds where a guess at one item says nothing of the next; with unequal numbers of choices it
    takes their mean chance, which errs on the careful side (Hoeffding 1956). The t-test over clusters holds whatever items
    of a cluster have in common. Both must reject, so the level is kept where either holds. Scores other than 0 and 1 leave
    the t-test alone. Where every cluster does equally well, so that the t-test has no standard error, the binomial test
    stands alone.

    Args:
        correct: score of each item in [0, 1], [items].
        chance: expected score of guessing, [items]; 0 where answers are open.
        clusters: name of the cluster of each item, [items].
    """
    found = []
    if np.isin(correct, (0, 1)).all():
        found.append(stats.binomtest(int(correct.sum()), len(correct), float(chance.mean()), "greater").pvalue)
    values = linearised((correct - chance)[:, None], clusters)[:, 0]
    if len(values) > 1 and np.ptp(values) > 0:
        found.append(stats.ttest_1samp(values, 0, alternative="greater").pvalue)
    return float(max(found, default=1.0))


def linearised(values: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """[items, seeds] as [clusters, seeds] whose mean is that of the items, and whose spread is that of whole clusters.

    The mean over items is a ratio, sum of the clusters' sums over sum of their sizes. Linearised (Cochran 1977, section
    6.3) a cluster stands for mean + (sum - size * mean) / mean size: with equal sizes that is the mean of its items.
    """
    sums, sizes = cluster_sums(values, clusters)
    mean = values.mean()
    return mean + (sums - sizes[:, None] * mean) / sizes.mean()


def task_losses(tasks: pl.DataFrame) -> pl.DataFrame:
    """Calibrated variants as `effects.compare` takes them, with `cluster`, once per unit; sorted.

    The loss of an item is the share answered wrong, in points (`POINTS`), and where the task has margins the margin,
    negated (`MARGIN`). Only tasks and languages in which the dense model beats chance.

    Raises:
        ValueError: an item scored twice, or a variant scored on other items than the dense model.
    """
    _refuse_other_items(tasks)
    item = ["model", "corpus", "language", "item_id"]
    known = task_matrix(tasks).filter(pl.col("above_chance"), pl.col("method") == "dense")
    rows = tasks.join(known.select("model", "corpus", "language"), on=["model", "corpus", "language"], how="semi")
    both = [
        rows.select(*SETTING, "calibration", "seed", *item[1:], "cluster", loss=loss, unit=pl.lit(unit)).drop_nulls(
            "loss"
        )
        for unit, loss in ((POINTS, 100 * (1 - pl.col("correct"))), (MARGIN, -pl.col("margin")))
    ]
    losses = pl.concat(both)
    dense = losses.filter(pl.col("method") == "dense").select(*item, "unit", pl.col("loss").alias("dense_loss"))
    return (
        losses.filter(pl.col("calibration") != "none")
        .join(dense, on=[*item, "unit"])
        .rename({"item_id": "doc_id"})
        .sort(*PANEL, "language", "unit", "calibration", "seed", "doc_id")
    )


def task_effects(losses: pl.DataFrame, own: Collection[str], others: Collection[str]) -> pl.DataFrame:
    """Own-language calibration minus each of the others, per task, language and unit, and pooled over languages; sorted.

    Args:
        losses: of `task_losses`.
        own: calibrations of a single language, named as that language.
        others: calibrations to compare with.

    Returns:
        As `effects.compare`, with items for documents and clusters x seeds behind the interval; pooled (all languages other
        than `other` together, items weighing equally; `own` is then "pooled"), languages (their number), clusters (of a
        pooled row: the same item in several languages is in one), p_sign_flip (of these masks, see
        `permutation.sign_flip`) and p_sign_flip_holm. Pooled rows are there where they pool two languages or more.

    Raises:
        ValueError: two calibrations that share no seed.
    """
    records = []
    places = [*PANEL, "unit"]
    for place, rows in sorted(losses.partition_by(places, as_dict=True).items()):
        pairs = {
            (language, other): _paired(rows.filter(pl.col("language") == language), language, other)
            for language, other in _compared(rows, own, others)
        }
        records += [
            dict(zip(places, place, strict=True)) | {"own": name, "other": other} | _effect(pair)
            for name, other, pair in (*((*names, pair) for names, pair in pairs.items()), *_pooled(pairs))
        ]
    schema = {name: kind for name, kind in TASK_EFFECTS.items() if not name.endswith("_holm")}
    found = with_holm(pl.DataFrame(records, schema=schema), "task_effects")
    found = with_holm(found, "task_effects", "p_sign_flip", "p_sign_flip_holm")
    return found.select(TASK_EFFECTS.names()).sort(*PANEL, "pooled", "own", "other", "unit")


def _compared(rows: pl.DataFrame, own: Collection[str], others: Collection[str]) -> Iterator[tuple[str, str]]:
    for (language,), part in sorted(rows.partition_by("language", as_dict=True).items()):
        calibrations = set(part["calibration"])
        if language in calibrations and language in own:
            yield from ((language, other) for other in sorted(calibrations & set(others) - {language}))


def _paired(rows: pl.DataFrame, own: str, other: str) -> pl.DataFrame:
    """A row per seed and item: its difference of losses, and what the own calibration loses against the dense model."""
    sides = [rows.filter(pl.col("calibration") == name) for name in (own, other)]
    pairs = sides[0].join(sides[1].select("seed", "doc_id", theirs="loss"), on=["seed", "doc_id"])
    if pairs.is_empty():
        raise ValueError(f"Calibrations {own} and {other} share no seed: give both the same seeds.")
    return pairs.select(
        "language", "cluster", "doc_id", "seed", difference=pl.col("loss") - pl.col("theirs"),
        lost=pl.col("loss") - pl.col("dense_loss"),
    )  # fmt: skip


def _pooled(pairs: dict[tuple[str, str], pl.DataFrame]) -> Iterator[tuple[str, str, pl.DataFrame]]:
    for other in sorted({other for _, other in pairs}):
        parts = [pair for (_, against), pair in pairs.items() if against == other]
        seeds = set.intersection(*(set(part["seed"]) for part in parts))
        if len(parts) > 1 and seeds:
            yield POOLED, other, pl.concat(parts).filter(pl.col("seed").is_in(seeds))


def _effect(pairs: pl.DataFrame) -> dict[str, Any]:
    # Every seed has all items: `task_losses` refuses others.
    ordered, seeds = pairs.sort("seed", "language", "doc_id"), pairs["seed"].n_unique()
    values = ordered["difference"].to_numpy().reshape(seeds, -1).T
    clusters = ordered["cluster"].head(len(values)).to_numpy()
    of_items = values.mean(axis=1)
    languages, lost = pairs["language"].n_unique(), float(pairs["lost"].mean())
    return {
        "documents": len(values),
        "clusters": len(np.unique(clusters)),
        "pooled": languages > 1,
        "languages": languages,
        "own_loss": lost,
        "documents_better": int((of_items < 0).sum()),
        "p_sign_flip": sign_flip(of_items, clusters),
        **tested(linearised(values, clusters), lost),
    }


def _dense_models(tasks: pl.DataFrame) -> pl.DataFrame:
    rows = []
    dense = tasks.filter(pl.col("method") == "dense").sort("model", "corpus", "language", "item_id")
    for (model, corpus), family in dense.partition_by("model", "corpus", as_dict=True, maintain_order=True).items():
        languages = family.partition_by("language", as_dict=True, maintain_order=True)
        p_values = [
            against_chance(
                *(part[c].fill_null(0).to_numpy() for c in ("correct", "chance")), part["cluster"].to_numpy()
            )
            for part in languages.values()
        ]
        rows += [
            {
                "model": model,
                "corpus": corpus,
                "language": language,
                "dense_accuracy": part["correct"].mean(),
                "dense_p_value": float(p_value),
                "above_chance": bool(p_value < SIGNIFICANT),
            }
            for ((language,), part), p_value in zip(languages.items(), holm(p_values), strict=True)
        ]
    columns = ("model", "corpus", "language", "dense_accuracy", "dense_p_value", "above_chance")
    return pl.DataFrame(rows, schema={c: pl.String if c in columns[:3] else TASK_MATRIX[c] for c in columns})


def _refuse_other_items(tasks: pl.DataFrame) -> None:
    place = ["model", "corpus", "language"]
    scored = tasks.group_by(*place, "variant").agg(
        pl.col("item_id").sort().alias("items"), pl.col("item_id").is_duplicated().any().alias("twice")
    )
    dense = scored.filter(pl.col("variant") == "dense").select(*place, pl.col("items").alias("expected"))
    wrong = scored.join(dense, on=place, how="left").filter(
        pl.col("twice") | pl.col("expected").is_null() | (pl.col("items") != pl.col("expected"))
    )
    if not wrong.is_empty():
        model, corpus, language, variant = wrong.select(*place, "variant").sort(*place, "variant").row(0)
        raise ValueError(
            f"Items of {corpus} in {language} under {variant} ({model}) are not those of the dense model, each once: "
            "score both again."
        )
