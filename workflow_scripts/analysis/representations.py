"""Tables of what pruning does to representations: inside and outside of the language-specific subspace, and block by block.

The subspace is the dense model's. It is estimated on the sentences of every other document and measured on those between, then
the other way round, so that no sentence is measured in a subspace that it helped to find.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.analysis.effects import PLACE, compare
from workflow_scripts.analysis.matrix import SETTING
from workflow_scripts.analysis.subspaces import energies, explained, language_basis, random_bases, retrieved

FEWEST_LANGUAGES = 3
"""From here on there is a choice of rank."""
ENOUGH = 0.9
"""Share of the held-out variance between languages that the chosen rank holds, on average over blocks."""
DECIBEL = "dB of noise"
CELL = [*SETTING, "calibration", "language", "block"]
MEASURES = ["relative_error", "spread_error", "error_share", "retrieval"]
RANKS = pl.Schema(
    {"model": pl.String, "rank": pl.Int64}
    | {c: pl.Float64 for c in ("explained", "explained_min", "explained_max", "retrieval", "whole_retrieval", "chance")}
    | {"chosen": pl.Boolean, "languages": pl.Int64, "sentences": pl.Int64}
)
SUBSPACES = pl.Schema(
    {c: pl.String for c in CELL[:-1]}
    | {"block": pl.Int64, "part": pl.String, "rank": pl.Int64, "chosen": pl.Boolean, "seeds": pl.Int64}
    | {f"{name}{suffix}": pl.Float64 for name in MEASURES for suffix in ("", "_min", "_max")}
    | {"dense_retrieval": pl.Float64}
)
EVALUATION_ERRORS = pl.Schema(
    {c: pl.String for c in CELL[:-1]}
    | {"block": pl.Int64, "seeds": pl.Int64}
    | {f"{name}{suffix}": pl.Float64 for name in ("path_error", "signal_to_noise") for suffix in ("", "_min", "_max")}
)


@dataclass(frozen=True)
class Seen:
    """What one variant made of the sentences, by language: arrays as in `evaluation.representations.Representations`."""

    pooled: Mapping[str, np.ndarray]
    power: Mapping[str, np.ndarray]
    noise: Mapping[str, np.ndarray]


class Reference:
    """The dense model: its vectors, and the subspaces that variants are measured in."""

    def __init__(self, dense: Seen, documents: Sequence[str]) -> None:
        """
        Args:
            dense: what the dense model made of the sentences.
            documents: the document of every sentence.

        Raises:
            ValueError: there are fewer than two documents.
        """
        order = {name: number for number, name in enumerate(dict.fromkeys(documents))}
        if len(order) < 2:
            raise ValueError(
                "The language-specific subspace is estimated on other documents than it is measured on, and there is one "
                "document: raise evaluation.representations.documents."
            )
        self.dense = dense
        self.languages = sorted(dense.pooled)
        self.even = np.array([order[name] % 2 == 0 for name in documents])
        self.blocks, self.sentences, hidden = dense.pooled[self.languages[0]].shape
        self.ranks = list(range(1, len(self.languages)))
        self.random = random_bases(hidden, len(self.ranks))

    def folds(self) -> Iterable[tuple[np.ndarray, int]]:
        """Which sentences are measured (the others are estimated on), and the number of the fold."""
        return (self.even, 0), (~self.even, 1)

    def means(self, block: int, chosen: np.ndarray) -> np.ndarray:
        """Mean vector of each language over the chosen sentences, float64 [hidden, languages]."""
        return np.stack([vectors(self.dense, name, block)[chosen].mean(0) for name in self.languages], axis=1)

    @cached_property
    def bases(self) -> dict[tuple[int, int], np.ndarray]:
        """(block, fold) -> basis for the sentences that are measured there, from the others."""
        return {
            (block, fold): language_basis(self.means(block, ~measured))
            for block in range(self.blocks)
            for measured, fold in self.folds()
        }

    @cached_property
    def explained(self) -> np.ndarray:
        """Share of the variance between the languages' means of the measured sentences, [blocks, ranks]; mean of the folds."""
        return np.array(
            [
                np.mean(
                    [
                        explained(self.means(block, measured), self.bases[block, fold])
                        for measured, fold in self.folds()
                    ],
                    axis=0,
                )
                for block in range(self.blocks)
            ]
        )

    @property
    def chosen(self) -> int:
        """The lowest rank that holds ENOUGH of the variance between languages, on average over blocks; else the highest."""
        enough = [rank for rank in self.ranks if self.explained.mean(axis=0)[rank - 1] >= ENOUGH]
        return enough[0] if enough else self.ranks[-1]

    @cached_property
    def retrieval(self) -> pl.DataFrame:
        """The dense model's `retrieval_rows` at all ranks."""
        return pl.DataFrame(retrieval_rows(self.dense, self, self.ranks))


def vectors(seen: Seen, language: str, block: int) -> np.ndarray:
    """The vectors of a language at a block, float64 [sentences, hidden]."""
    return seen.pooled[language][block].astype(np.float64)


def rank_rows(model: str, reference: Reference) -> pl.DataFrame:
    """A row a rank of the dense model's subspace.

    Returns:
        model, rank; explained (share of the held-out variance between languages, mean over blocks), explained_min,
        explained_max (over blocks); retrieval (of translations by the agnostic part, mean over blocks, languages and those
        they are retrieved from), whole_retrieval (by whole vectors), chance; chosen; languages, sentences.
    """
    cells = reference.retrieval
    by_rank = dict(cells.filter(part="agnostic").group_by("rank").agg(pl.col("retrieval").mean()).iter_rows())
    whole = cells.filter(part="whole")["retrieval"].mean()
    rows = [
        {"model": model, "rank": rank, "explained": shares.mean(), "explained_min": shares.min()}
        | {"explained_max": shares.max(), "retrieval": by_rank[rank], "whole_retrieval": whole}
        | {"chance": 2 / reference.sentences, "chosen": rank == reference.chosen}
        | {"languages": len(reference.languages), "sentences": reference.sentences}
        for rank, shares in zip(reference.ranks, reference.explained.T, strict=True)
    ]
    return pl.DataFrame(rows, schema=RANKS)


def retrieval_rows(seen: Seen, reference: Reference, ranks: Sequence[int]) -> list[dict[str, Any]]:
    """Share of a language's sentences that find their translation in another language, a row a language, block, part, rank."""
    rows = []
    for language in reference.languages:
        others = [name for name in reference.languages if name != language]
        for block in range(reference.blocks):
            hits: dict[tuple[str, int], int] = {}
            for other in others:
                for measured, fold in reference.folds():
                    pair = (vectors(seen, name, block)[measured] for name in (language, other))
                    for key, count in retrieved(*pair, reference.bases[block, fold], ranks).items():
                        hits[key] = hits.get(key, 0) + count
            asked = len(others) * reference.sentences
            rows += [
                {"language": language, "block": block, "part": part, "rank": rank, "retrieval": count / asked}
                for (part, rank), count in hits.items()
            ]
    return rows


def error_rows(seen: Seen, reference: Reference) -> list[dict[str, Any]]:
    """Error of a variant's vectors in each part, a row a language, block, part and rank.

    `relative_error` is the squared error over the squares of the dense model's vectors in that part, `spread_error` over those
    of its vectors about the mean of all languages, which a constant offset common to all does not blow up. `error_share` is
    that over the squared error in the whole space: what a random subspace holds of it is its control, for an error without any
    direction is small over the spread of languages' own directions by that spread alone.
    """
    rows = []
    for language in reference.languages:
        for block in range(reference.blocks):
            parts: dict[tuple[str, int], np.ndarray] = {}
            for measured, fold in reference.folds():
                for key, values in _energies_of_parts(seen, reference, language, block, measured, fold).items():
                    parts[key] = parts.get(key, 0) + values
            for (part, rank), (error, energy, spread) in parts.items():
                place = {"language": language, "block": block, "part": part, "rank": rank}
                shares = {"relative_error": error / energy, "spread_error": error / spread}
                whole = parts["whole", 0][0]
                rows.append(place | shares | {"error_share": error / whole if whole > 0 else None})
    return rows


def _energies_of_parts(
    seen: Seen, reference: Reference, language: str, block: int, measured: np.ndarray, fold: int
) -> dict[tuple[str, int], np.ndarray]:
    """(part, rank) -> squares of error, vectors, and vectors about the common mean, summed over the measured sentences."""
    dense = vectors(reference.dense, language, block)[measured]
    common = reference.means(block, ~measured).mean(axis=1)
    three = vectors(seen, language, block)[measured] - dense, dense, dense - common
    specific = [energies(values, reference.bases[block, fold]) for values in three]
    random = [np.mean([energies(values, basis)[0] for basis in reference.random], axis=0) for values in three]
    found = {("whole", 0): np.array([total for _, total in specific])}
    for rank in reference.ranks:
        inside = np.array([within[rank - 1] for within, _ in specific])
        found["specific", rank] = inside
        found["agnostic", rank] = found["whole", 0] - inside
        found["random", rank] = np.array([within[rank - 1] for within in random])
    return found


def variant_rows(labels: Mapping[str, Any], seen: Seen, reference: Reference) -> pl.DataFrame:
    """All measures of a variant in all parts; retrieval, which costs most, at the chosen rank only."""
    keys = ["language", "block", "part", "rank"]
    errors = pl.DataFrame(error_rows(seen, reference))
    found = pl.DataFrame(retrieval_rows(seen, reference, [reference.chosen]))
    dense = reference.retrieval.rename({"retrieval": "dense_retrieval"})
    named = [pl.lit(value).alias(key) for key, value in labels.items()]
    return (
        errors.join(found, on=keys, how="left")
        .join(dense, on=keys, how="left")
        .with_columns(*named, chosen=pl.col("rank").is_in([0, reference.chosen]))
    )


def subspaces(rows: pl.DataFrame) -> pl.DataFrame:
    """Per setting, calibration, language, block, part and rank, over seeds; sorted.

    Args:
        rows: of `variant_rows`, of all variants.

    Returns:
        model, method, pattern, sample, propagation, calibration, language, block; part (`specific`, `agnostic`; `random`: mean
        of random subspaces of equal rank; `whole`: all, of rank 0), rank, chosen; seeds; relative_error, spread_error,
        error_share, retrieval with _min and _max over seeds; dense_retrieval.
    """
    keys = [*CELL, "part", "rank"]
    spans = [
        getattr(pl.col(name), kind)().alias(f"{name}{suffix}")
        for name in MEASURES
        for suffix, kind in (("", "mean"), ("_min", "min"), ("_max", "max"))
    ]
    return (
        rows.sort(*keys, "seed")
        .group_by(keys, maintain_order=True)
        .agg(pl.col("chosen", "dense_retrieval").first(), pl.len().cast(pl.Int64).alias("seeds"), *spans)
        .select(SUBSPACES.names())
        .cast(dict(SUBSPACES))
    )


def noise_rows(labels: Mapping[str, Any], seen: Seen, documents: Sequence[str]) -> pl.DataFrame:
    """Power and noise of a variant, summed over the sentences of a document: a row a language, document and block."""
    parts = []
    for language in sorted(seen.power):
        blocks, sentences = seen.power[language].shape
        parts.append(
            pl.DataFrame(
                {
                    "block": np.repeat(np.arange(blocks), sentences),
                    "doc_id": np.tile(np.array(documents), blocks),
                    "power": seen.power[language].ravel(),
                    "noise": seen.noise[language].ravel(),
                }
            )
            .group_by("block", "doc_id", maintain_order=True)
            .agg(pl.col("power", "noise").sum())
            .select(
                *(pl.lit(value).alias(key) for key, value in labels.items()),
                pl.lit(language).alias("language"),
                pl.all(),
            )
        )
    return pl.concat(parts)


def evaluation_errors(rows: pl.DataFrame) -> pl.DataFrame:
    """Error and signal-to-noise of every block on evaluation text, per setting, calibration and language, over seeds; sorted.

    Args:
        rows: of `noise_rows`, of all variants.

    Returns:
        model, method, pattern, sample, propagation, calibration, language, block, seeds; path_error (squares of the difference
        from the dense model's states, over theirs; both come down their own path) and signal_to_noise (the same in dB), with
        _min and _max over seeds.
    """
    sums = rows.sort(*CELL, "seed", "doc_id").group_by(*CELL, "seed", maintain_order=True)
    error = sums.agg(path_error=pl.col("noise").sum() / pl.col("power").sum()).with_columns(
        signal_to_noise=-10 * pl.col("path_error").log10()
    )
    spans = [
        getattr(pl.col(name), kind)().alias(f"{name}{suffix}")
        for name in ("path_error", "signal_to_noise")
        for suffix, kind in (("", "mean"), ("_min", "min"), ("_max", "max"))
    ]
    return (
        error.group_by(CELL, maintain_order=True)
        .agg(pl.len().cast(pl.Int64).alias("seeds"), *spans)
        .select(EVALUATION_ERRORS.names())
        .cast(dict(EVALUATION_ERRORS))
    )


def evaluation_error_effects(
    rows: pl.DataFrame, corpus: str, languages: Sequence[str], calibrations: Sequence[str]
) -> pl.DataFrame:
    """Own calibration against the others, as `effects.compare` has it, in noise: dB of a document, mean over blocks.

    Args:
        rows: of `noise_rows`, of all variants.
        corpus: name of the sentences.
        languages: calibrations that are a language.
        calibrations: all of them.
    """
    document = [*SETTING, "calibration", "seed", "language", "doc_id"]
    loss = (10 * (pl.col("noise") / pl.col("power")).log10()).mean()
    calibrated = (
        rows.filter(pl.col("calibration") != "none", pl.col("noise") > 0)
        .sort(*document, "block")
        .group_by(document, maintain_order=True)
        .agg(loss=loss)
        .with_columns(corpus=pl.lit(corpus), unit=pl.lit(DECIBEL), dense_loss=pl.lit(None, dtype=pl.Float64))
    )
    ordered = calibrated.sort(*PLACE, "calibration", "seed", "doc_id")
    # The dense model has no noise: there is no loss of its own that a difference could be a share of.
    return compare(ordered, languages, calibrations, "evaluation_error_effects").with_columns(
        pl.lit(None, dtype=pl.Float64).alias(name) for name in ("own_loss", "relative")
    )
