"""What could have been known before any evaluation: do cheap statistics of calibration tell which language serves which?

A predictor gives a number for every evaluated language (the target) and every calibration language, high where little loss
is expected. It is held against the measured losses within each target: across targets losses have other causes.
"""

from collections.abc import Iterator, Mapping
from itertools import permutations

import numpy as np
import polars as pl
from scipy import stats

from workflow_scripts.analysis.matrix import PANEL, SETTING
from workflow_scripts.analysis.overlap import pair_matrix

FEWEST_LANGUAGES = 4
"""From here on there are labellings enough for a permutation test at 5 %: 4! = 24."""
FEWEST_FOR_INTERVAL = 5
EXACT_UP_TO = 7
PERMUTATIONS = 4999
PREDICTORS = pl.Schema(
    {c: pl.String for c in [*PANEL, "predictor"]}
    | {"languages": pl.Int64}
    | {c: pl.Float64 for c in ("rho", "low", "high", "p_value")}
    | {"reason": pl.String}
)
PICKS = pl.Schema(
    {c: pl.String for c in [*PANEL, "predictor", "language", "pick"]}
    | {c: pl.Float64 for c in ("value", "regret", "best_regret", "mean_regret")}
    | {"best_other": pl.String}
)


def predictors(
    best: pl.DataFrame, positions: pl.DataFrame, similarity: pl.DataFrame, layers: pl.DataFrame
) -> pl.DataFrame:
    """How well each predictor orders the calibration languages; sorted.

    Args:
        best: rows of `best_calibration`, of calibrations that are a language.
        positions: overlap of masks by pair, of `overlap.positions`.
        similarity: likeness of inputs by pair, of `inputs.input_similarity`.
        layers: errors of every linear, of `errors.layer_errors`.

    Returns:
        model, method, pattern, sample, propagation, corpus, predictor (`mask_overlap`: with the mask of the target's own
        calibration; `input_norms`: likeness of the inputs to those of the target's own calibration; `local_error`: of the
        calibration on its own tokens, the same for all targets); languages; rho (Spearman's, of ranks within each target, positive where the predictor is right), low, high (95 %, jackknife over
        languages), p_value (two-sided Mantel test); reason (why bounds or p-value are missing, else empty).
    """
    records = []
    for place, _, loss, found in _matrices(best, positions, similarity, layers):
        for predictor, values in found.items():
            records.append(place | {"predictor": predictor} | relate(values, loss))
    return pl.DataFrame(records, schema=PREDICTORS).sort(*PANEL, "predictor")


def predicted_picks(
    best: pl.DataFrame, positions: pl.DataFrame, similarity: pl.DataFrame, layers: pl.DataFrame
) -> pl.DataFrame:
    """The calibration language that each predictor picks for each target, its own left out; sorted.

    Returns:
        model, method, pattern, sample, propagation, corpus, predictor, language (the target), pick; value (of the
        predictor); regret of the pick, best_regret (the lowest that one of these calibrations has), mean_regret (of all of
        them: a pick at random), in the unit of `best`; best_other (the calibration with the lowest).
    """
    records = []
    for place, names, loss, found in _matrices(best, positions, similarity, layers):
        for predictor, values in found.items():
            for target, name in enumerate(names):
                others = [number for number in range(len(names)) if number != target]
                pick = max(others, key=lambda number: values[target, number])
                least = min(others, key=lambda number: loss[target, number])
                records.append(
                    place
                    | {"predictor": predictor, "language": name, "pick": names[pick], "value": values[target, pick]}
                    | {"regret": loss[target, pick], "best_regret": loss[target, least], "best_other": names[least]}
                    | {"mean_regret": float(np.mean(loss[target, others]))}
                )
    return pl.DataFrame(records, schema=PICKS).sort(*PANEL, "predictor", "language")


def relate(values: np.ndarray, loss: np.ndarray) -> dict[str, object]:
    """How well values [targets, calibrations] foretell losses: languages, rho, low, high, p_value, reason of `predictors`."""
    rho, p_value = mantel(values, loss)
    low, high = jackknife_interval(values, loss)
    return {"languages": len(values), "rho": rho, "low": low, "high": high} | {
        "p_value": p_value,
        "reason": _reason(len(values), low),
    }


def within_rho(values: np.ndarray, loss: np.ndarray) -> float:
    """Spearman's correlation of a predictor with the loss it should foretell, within targets.

    Both are ranked among the calibrations of each target, the target's own left out, and the ranks correlated about the
    mean rank over all targets; 1 where the highest value always has the lowest loss.

    Args:
        values: float [targets, calibrations] of the predictor, languages in equal order; the diagonal does not count.
        loss: the same of the losses.

    Returns:
        NaN where either does not vary within any target.
    """
    ranked, lost = _ranks(values), _ranks(-loss)
    spread = _spread(ranked, lost)
    return float((ranked * lost).sum() / spread) if spread > 0 else float("nan")


def mantel(values: np.ndarray, loss: np.ndarray) -> tuple[float | None, float | None]:
    """`within_rho`, and its two-sided p-value under relabelling of the languages (Mantel 1967).

    Cells of one row or column share a language and are not independent: languages are relabelled as a whole, all ways where
    that is feasible. Without languages enough there is no p-value; without variation, none of the two.
    """
    rho = within_rho(values, loss)
    if np.isnan(rho):
        return None, None
    languages = len(values)
    if languages < FEWEST_LANGUAGES:
        return rho, None
    if languages <= EXACT_UP_TO:
        labellings = np.array(list(permutations(range(languages))))
    else:
        generator = np.random.default_rng(0)
        # The labelling that was seen counts as one of them.
        labellings = np.array([range(languages), *(generator.permutation(languages) for _ in range(PERMUTATIONS))])
    # Relabelled, a row keeps its ranks: they move with their languages. Sums of halves are exact in any order.
    ranked, lost = _ranks(values), _ranks(-loss)
    together = sum(ranked[labellings[:, [target]], labellings] @ against for target, against in enumerate(lost))
    found = together / _spread(ranked, lost)
    return rho, float(np.mean(np.abs(found) >= abs(rho) - 1e-12))


def jackknife_interval(values: np.ndarray, loss: np.ndarray) -> tuple[float | None, float | None]:
    """A 95 % interval of `within_rho` by the jackknife: each language left out in turn, as target and as calibration.

    Cut at -1 and 1; none with too few languages, nor where rho is the same without any one of them. Simulated coverage at 5
    and 7 languages and a true rho of 0 to 0.8: 97-99 %.
    """
    languages = len(values)
    if languages < FEWEST_FOR_INTERVAL or np.isnan(whole := within_rho(values, loss)):
        return None, None
    pseudo = []
    for left_out in range(languages):
        rest = np.delete(np.arange(languages), left_out)
        part = within_rho(values[np.ix_(rest, rest)], loss[np.ix_(rest, rest)])
        pseudo.append(languages * whole - (languages - 1) * part)
    pseudo = np.array(pseudo)
    if np.isnan(pseudo).any():
        return None, None
    reach = stats.t.ppf(0.975, languages - 1) * pseudo.std(ddof=1) / np.sqrt(languages)
    # No spread is no certainty; equal values may differ in the last bit.
    if reach < 1e-9:
        return None, None
    return max(-1.0, float(whole - reach)), min(1.0, float(whole + reach))


def _ranks(matrix: np.ndarray) -> np.ndarray:
    """Ranks within each row about their mean, the diagonal left out: there they are 0."""
    off = ~np.eye(len(matrix), dtype=bool)
    ranked = np.zeros(matrix.shape)
    ranked[off] = stats.rankdata(matrix[off].reshape(len(matrix), -1), axis=1).ravel() - len(matrix) / 2
    return ranked


def _spread(ranked: np.ndarray, lost: np.ndarray) -> float:
    return float(np.sqrt((ranked**2).sum() * (lost**2).sum()))


def _reason(languages: int, low: float | None) -> str:
    if languages < FEWEST_LANGUAGES:
        return f"{languages} of the {FEWEST_LANGUAGES} languages that a test needs"
    if languages < FEWEST_FOR_INTERVAL:
        return f"{languages} of the {FEWEST_FOR_INTERVAL} languages that an interval needs"
    return "" if low is not None else "too little differs between languages for an interval"


def _matrices(
    best: pl.DataFrame, positions: pl.DataFrame, similarity: pl.DataFrame, layers: pl.DataFrame
) -> Iterator[tuple[dict[str, str], list[str], np.ndarray, dict[str, np.ndarray]]]:
    """Per setting and corpus: its keys, languages, losses [targets, calibrations] and each predictor's matrix."""
    for keys, group in sorted(best.partition_by(PANEL, as_dict=True).items()):
        names = sorted(set(group["language"]) & set(group["calibration"]))
        if len(names) < 3:
            continue
        setting = dict(zip(SETTING, keys, strict=False))
        loss = _matrix(names, {(row["language"], row["calibration"]): row["regret"] for row in group.to_dicts()})
        found = {
            "local_error": _local_error(names, _of(layers, setting)),
            "mask_overlap": pair_matrix(names, _of(positions, setting), "iou"),
            "input_norms": pair_matrix(names, _between(_of(similarity, setting)), "similarity"),
        }
        yield (
            dict(zip(PANEL, keys, strict=True)),
            names,
            loss,
            {name: values for name, values in found.items() if values is not None},
        )


def _of(rows: pl.DataFrame, setting: Mapping[str, str]) -> pl.DataFrame:
    return rows.filter(*(pl.col(key) == value for key, value in setting.items()))


def _matrix(names: list[str], cells: Mapping[tuple[str, str], float]) -> np.ndarray:
    return np.array([[cells[target, calibration] for calibration in names] for target in names], dtype=np.float64)


def _between(similarity: pl.DataFrame) -> pl.DataFrame:
    return similarity.filter(pl.col("relation") == "between")


def _local_error(names: list[str], layers: pl.DataFrame) -> np.ndarray | None:
    means = dict(layers.group_by("calibration").agg(pl.col("local_error").mean()).iter_rows())
    if any(means.get(name) is None or np.isnan(means[name]) for name in names):
        return None
    # Small errors foretell small losses.
    return _matrix(names, {(target, name): -means[name] for target in names for name in names})
