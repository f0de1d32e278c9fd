"""Tables of what pruning does to neurons: which stay language-specific, which are lost and new, and how entropies shift."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.analysis import neurons
from workflow_scripts.analysis.matrix import SETTING
from workflow_scripts.analysis.neurons import Thresholds

AGNOSTIC = "agnostic"
HALF = "half of the texts"
"""Stands for a calibration where the dense model is held against itself on other texts."""
BINS = 40
CELL = [*SETTING, "calibration"]
COUNTS = ["dense", "pruned", "kept"]
SHARES = ["kept_share", "new_share"]
NEURONS = pl.Schema(
    {c: pl.String for c in [*CELL, "language"]}
    | {"seeds": pl.Int64}
    | {c: pl.Float64 for c in ("dense", "pruned", "kept", "lost", "new")}
    | {f"{name}{suffix}": pl.Float64 for name in SHARES for suffix in ("", "_min", "_max")}
)
NEURONS_BY_BLOCK = pl.Schema(
    {c: pl.String for c in [*CELL, "language"]}
    | {"block": pl.Int64, "seeds": pl.Int64}
    | {c: pl.Float64 for c in ("dense", "pruned", "kept")}
)
NEURON_OVERLAP = pl.Schema(
    {c: pl.String for c in [*CELL, "language_a", "language_b"]}
    | {"seeds": pl.Int64}
    | {c: pl.Float64 for c in ("both", "either", "jaccard", "jaccard_min", "jaccard_max")}
)
ENTROPIES = pl.Schema(
    {c: pl.String for c in CELL}
    | {"low": pl.Float64, "high": pl.Float64, "seeds": pl.Int64}
    | {c: pl.Float64 for c in ("neurons", "share", "dense_share")}
)


@dataclass(frozen=True)
class Fired:
    """How often the neurons of one variant fire.

    Attributes:
        languages: in order.
        block: int [neurons], the block of each neuron.
        halves: float [2, neurons, languages], probability on either half of the texts.
    """

    languages: Sequence[str]
    block: np.ndarray
    halves: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        """On all texts, whose halves are of one size: [neurons, languages]."""
        return self.halves.mean(axis=0)


@dataclass(frozen=True)
class Dense:
    """The dense model, whose thresholds are frozen."""

    fired: Fired

    @cached_property
    def thresholds(self) -> Thresholds:
        """From all texts."""
        return neurons.find_thresholds(self.fired.probabilities)

    @cached_property
    def sets(self) -> dict[str, np.ndarray]:
        """Language, or `agnostic` -> its neurons, bool [neurons]."""
        return sets_of(self.fired.languages, self.fired.probabilities, self.thresholds)


def sets_of(languages: Sequence[str], probabilities: np.ndarray, thresholds: Thresholds) -> dict[str, np.ndarray]:
    """Language -> the neurons specific for it, and `agnostic` -> the agnostic ones, bool [neurons] each."""
    found = neurons.specific(probabilities, thresholds)
    return dict(zip(languages, found.T, strict=True)) | {AGNOSTIC: neurons.agnostic(probabilities, thresholds)}


def neuron_rows(labels: Mapping[str, Any], fired: Fired, dense: Dense) -> pl.DataFrame:
    """Neurons of each set in the dense model, in a variant and in both: a row a language (or `agnostic`) and block."""
    return _count(labels, fired.block, dense.sets, sets_of(fired.languages, fired.probabilities, dense.thresholds))


def half_rows(labels: Mapping[str, Any], dense: Dense) -> pl.DataFrame:
    """The same of the dense model on one half of the texts against the other, under the first one's thresholds.

    What is lost and new there is lost and new by the choice of texts alone.
    """
    fired = dense.fired
    thresholds = neurons.find_thresholds(fired.halves[0])
    first, second = (sets_of(fired.languages, half, thresholds) for half in fired.halves)
    return _count({**labels, "calibration": HALF}, fired.block, first, second)


def _count(
    labels: Mapping[str, Any], block: np.ndarray, before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray]
) -> pl.DataFrame:
    blocks = int(block.max()) + 1
    parts = [
        pl.DataFrame(
            {"language": [language] * blocks, "block": np.arange(blocks)}
            | {
                name: np.bincount(block[chosen], minlength=blocks)
                for name, chosen in zip(COUNTS, (old, after[language], old & after[language]), strict=True)
            }
        )
        for language, old in before.items()
    ]
    return pl.concat(parts).select(*(pl.lit(value).alias(key) for key, value in labels.items()), pl.all())


def overlap_rows(labels: Mapping[str, Any], fired: Fired, dense: Dense) -> list[dict[str, Any]]:
    """Neurons that are specific for two languages, and for either: a row a pair."""
    sets = sets_of(fired.languages, fired.probabilities, dense.thresholds)
    return [
        {**labels, "language_a": a, "language_b": b}
        | {"both": int((sets[a] & sets[b]).sum()), "either": int((sets[a] | sets[b]).sum())}
        for a, b in combinations(fired.languages, 2)
    ]


def entropy_rows(labels: Mapping[str, Any], fired: Fired, dense: Dense) -> pl.DataFrame:
    """A histogram of the entropies of neurons that fire often in some language, in equal bins from 0 to log(languages)."""
    edges = np.linspace(0, np.log(len(fired.languages)), BINS + 1)
    counts = {}
    for name, probabilities in (("neurons", fired.probabilities), ("dense", dense.fired.probabilities)):
        chosen = neurons.candidates(probabilities, dense.thresholds)
        # The last bin holds its upper edge, which rounding may exceed.
        counts[name] = np.histogram(np.minimum(neurons.entropies(probabilities[chosen]), edges[-1]), edges)[0]
    shares = {name: values / max(1, values.sum()) for name, values in counts.items()}
    return pl.DataFrame(
        {"low": edges[:-1], "high": edges[1:], "neurons": counts["neurons"]}
        | {"share": shares["neurons"], "dense_share": shares["dense"]}
    ).select(*(pl.lit(value).alias(key) for key, value in labels.items()), pl.all())


def neuron_tables(counts: pl.DataFrame, overlaps: pl.DataFrame, histograms: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The tables of a study, over seeds; sorted.

    Args:
        counts: of `neuron_rows` and `half_rows`.
        overlaps: of `overlap_rows`.
        histograms: of `entropy_rows`.

    Returns:
        `neurons`: per setting, calibration and language (or `agnostic`) the numbers of neurons, mean over seeds: in the dense
        model, in the pruned one, kept (in both), lost (dense only), new (pruned only); kept_share (of the dense), new_share (of
        the pruned), with _min and _max over seeds. `neurons_by_block`: dense, pruned and kept per block.
        `neuron_overlap`: per pair of languages both, either, and their ratio (jaccard). `lape_entropies`: the histogram.
    """
    by_language = [*CELL, "language"]
    per_seed = counts.sort(*by_language, "seed", "block").group_by(*by_language, "seed", maintain_order=True)
    shared = per_seed.agg(pl.col(COUNTS).sum().cast(pl.Float64)).with_columns(
        lost=pl.col("dense") - pl.col("kept"),
        new=pl.col("pruned") - pl.col("kept"),
        kept_share=_share("kept", "dense"),
        new_share=_share(pl.col("pruned") - pl.col("kept"), "pruned"),
    )
    spans = [aggregate for name in SHARES for aggregate in _spanned(name)]
    jaccard = overlaps.with_columns(jaccard=_share("both", "either"))
    return {
        "neurons": _over_seeds(shared, by_language, [*COUNTS, "lost", "new"], spans, NEURONS),
        "neurons_by_block": _over_seeds(counts, [*by_language, "block"], COUNTS, [], NEURONS_BY_BLOCK),
        "neuron_overlap": _over_seeds(
            jaccard, [*CELL, "language_a", "language_b"], ["both", "either"], _spanned("jaccard"), NEURON_OVERLAP
        ),
        "lape_entropies": _over_seeds(
            histograms, [*CELL, "low", "high"], ["neurons", "share", "dense_share"], [], ENTROPIES
        ),
    }


def _share(part: str | pl.Expr, whole: str) -> pl.Expr:
    """A share, null of nothing."""
    part = pl.col(part) if isinstance(part, str) else part
    return pl.when(pl.col(whole) > 0).then(part / pl.col(whole))


def _spanned(name: str) -> Iterator[pl.Expr]:
    yield pl.col(name).mean()
    yield pl.col(name).min().alias(f"{name}_min")
    yield pl.col(name).max().alias(f"{name}_max")


def _over_seeds(
    rows: pl.DataFrame, keys: Sequence[str], means: Sequence[str], spans: Iterable[pl.Expr], schema: pl.Schema
) -> pl.DataFrame:
    return (
        rows.sort(*keys, "seed")
        .group_by(keys, maintain_order=True)
        .agg(pl.len().cast(pl.Int64).alias("seeds"), pl.col(means).mean(), *spans)
        .select(schema.names())
        .cast(dict(schema))
    )
