"""Which calibration to use: chosen and judged on different texts, with how sure the choice is.

The calibration with the lowest mean loss looks better than it is, for its luck on the texts and draws that chose it is
part of its mean (the winner's curse). Here every cell of documents x seeds is judged by the calibration that the other
documents and the other seeds would have chosen.
"""

import numpy as np
import polars as pl

from workflow_scripts.analysis.crossed import Interval, crossed_interval, too_few
from workflow_scripts.analysis.effects import PLACE
from workflow_scripts.analysis.families import SIGNIFICANT
from workflow_scripts.analysis.matrix import PANEL

FOLDS = 8
"""Parts that documents are split into; each is judged by what the others choose."""
RESAMPLES = 2000

BEST = pl.Schema(
    {c: pl.String for c in [*PLACE, "calibration"]}
    | {"documents": pl.Int64, "seeds": pl.Int64, "unit": pl.String, "loss": pl.Float64, "best": pl.String}
    | {c: pl.Float64 for c in ("chosen", "apparent_regret", "regret", "low", "high", "relative")}
    | {"among_best": pl.Boolean, "reason": pl.String}
)
ONE_FOR_ALL = pl.Schema(
    {c: pl.String for c in [*PANEL, "calibration"]}
    | {"languages": pl.Int64, "seeds": pl.Int64, "worst_language": pl.String}
    | {f"{drop}_drop{end}": pl.Float64 for drop in ("mean", "worst") for end in ("", "_low", "_high")}
    | {"chosen": pl.Float64, "reason": pl.String}
)


def best_calibration(rows: pl.DataFrame) -> pl.DataFrame:
    """Per evaluation language the best calibration, what every other one loses, and how sure both are; sorted.

    Args:
        rows: of `effects.losses`.

    Returns:
        model, method, pattern, sample, propagation, corpus, language, calibration (mixtures and controls too); documents,
        seeds; unit; loss (in it, mean over documents and seeds); best (name of the calibration with the lowest);
        chosen (share of resamples of documents and of seeds in which this one has the lowest); apparent_regret (loss
        above the best's, on the texts that chose it); regret (above `chosen_losses`), low, high (95 %);
        relative (regret over what the chosen calibrations lose against the dense model; null unless they lose
        something); among_best (whether it cannot be told from the best, see `confidence_set`; null without intervals);
        reason (why there is no interval, else empty).

    Raises:
        ValueError: calibrations that were measured with different seeds.
    """
    records = []
    for place, group in sorted(rows.partition_by(PLACE, as_dict=True).items()):
        names, cube, dense = _cube(group)
        documents, seeds = cube.shape[1:]
        means = cube.mean(axis=(1, 2))
        best = int(means.argmin())
        chosen = resampled_choices(cube)
        judged = chosen_losses(cube)
        cost = float((judged - dense[:, None]).mean())
        among = confidence_set(cube)
        for number, name in enumerate(names):
            interval = crossed_interval(cube[number] - judged)
            records.append(
                dict(zip(PLACE, place, strict=True))
                | {
                    "calibration": name,
                    "documents": documents,
                    "seeds": seeds,
                    "unit": group["unit"][0],
                    "loss": float(means[number]),
                    "best": names[best],
                    "chosen": float(chosen[number]),
                    "apparent_regret": float(means[number] - means[best]),
                    "regret": interval.mean,
                    "relative": interval.mean / cost if cost > 0 else None,
                    "among_best": None if among is None else bool(among[number]),
                }
                | _bounds(interval)
            )
    return pl.DataFrame(records, schema=BEST).sort(*PLACE, "calibration")


def chosen_losses(cube: np.ndarray) -> np.ndarray:
    """Loss of every cell under the calibration that other documents and other seeds choose; float [documents, seeds].

    Args:
        cube: losses, float [calibrations, documents, seeds]. With one seed, only other documents choose.
    """
    _, documents, seeds = cube.shape
    fold_of = np.arange(documents) % min(FOLDS, documents)
    judged = np.empty((documents, seeds))
    for seed in range(seeds):
        others = np.delete(cube, seed, axis=2).mean(axis=2) if seeds > 1 else cube[:, :, 0]
        for fold in np.unique(fold_of):
            held_out = fold_of == fold
            # One document has no others to choose by.
            choosing = others[:, ~held_out] if documents > 1 else others
            judged[held_out, seed] = cube[choosing.mean(axis=1).argmin(), held_out, seed]
    return judged


def resampled_choices(cube: np.ndarray, resamples: int = RESAMPLES) -> np.ndarray:
    """Share of resamples in which each calibration has the lowest mean loss; float [calibrations].

    Documents and seeds are both drawn again with replacement, independently (Owen 2007, the pigeonhole bootstrap), which
    errs on the side of doubt.

    Args:
        cube: losses, float [calibrations, documents, seeds].
        resamples: how many, with a fixed generator.
    """
    calibrations, documents, seeds = cube.shape
    generator = np.random.default_rng(0)
    by_document, by_seed = _redraws(generator, documents, resamples), _redraws(generator, seeds, resamples)
    means = np.einsum("cds,rd,rs->rc", cube, by_document, by_seed, optimize=True)
    return np.bincount(means.argmin(axis=1), minlength=calibrations) / resamples


def confidence_set(cube: np.ndarray) -> np.ndarray | None:
    """Which calibrations may be the best: bool [calibrations]; None where there are too few seeds for intervals.

    Multiple comparisons with the best (Hsu 1981), by Bonferroni's inequality: a calibration is out when it is worse than any
    one rival by a one-sided paired test at 5 % over the number of its rivals. The truly best one is then in with a
    probability of 95 % at least.

    Args:
        cube: losses, float [calibrations, documents, seeds].
    """
    calibrations = len(cube)
    if too_few(*cube.shape[1:]):
        return None
    inside = np.ones(calibrations, dtype=bool)
    for one in range(calibrations):
        for rival in range(calibrations):
            if one != rival:
                interval = crossed_interval(cube[one] - cube[rival])
                worse = interval.mean > 0 and interval.p_value / 2 < SIGNIFICANT / (calibrations - 1)
                inside[one] &= not worse
    return inside


def one_for_all(rows: pl.DataFrame) -> pl.DataFrame:
    """One calibration for all evaluated languages: its mean drop and that of its worst language; sorted.

    A language's drop is how much its loss grows over the dense model's, as a share of it: mean loss over mean dense loss,
    minus one. It has no unit, so that languages can be put beside each other.

    Args:
        rows: of `effects.losses`.

    Returns:
        model, method, pattern, sample, propagation, corpus, calibration; languages, seeds; worst_language; mean_drop,
        worst_drop, each with _low and _high (95 %, percentiles of resamples of documents and seeds; documents of one name in
        several languages are drawn together); chosen (share of resamples in which this calibration has the lowest
        worst drop); reason (why there are no intervals, else empty).

    Raises:
        ValueError: as `best_calibration`.
    """
    records = []
    for keys, group in sorted(rows.partition_by(PANEL, as_dict=True).items()):
        languages = sorted(set(group["language"]))
        parts = [group.filter(pl.col("language") == language) for language in languages]
        names = sorted(set.intersection(*(set(part["calibration"]) for part in parts)))
        parts = [part.filter(pl.col("calibration").is_in(names)) for part in parts]
        drops, resampled = _drops(parts)
        seeds = parts[0]["seed"].n_unique()
        reason = too_few(min(part["doc_id"].n_unique() for part in parts), seeds)
        worst = resampled.max(axis=2)
        chosen = np.bincount(worst.argmin(axis=1), minlength=len(names)) / len(worst)
        for number, name in enumerate(names):
            record = dict(zip(PANEL, keys, strict=True)) | {
                "calibration": name,
                "languages": len(languages),
                "seeds": seeds,
                "worst_language": languages[int(drops[number].argmax())],
                "mean_drop": float(drops[number].mean()),
                "worst_drop": float(drops[number].max()),
                "chosen": float(chosen[number]),
                "reason": reason,
            }
            for drop, values in (("mean", resampled[:, number].mean(axis=1)), ("worst", worst[:, number])):
                low, high = (None, None) if reason else map(float, np.percentile(values, [2.5, 97.5]))
                record |= {f"{drop}_drop_low": low, f"{drop}_drop_high": high}
            records.append(record)
    return pl.DataFrame(records, schema=ONE_FOR_ALL).sort(*PANEL, "calibration")


def _drops(parts: list[pl.DataFrame]) -> tuple[np.ndarray, np.ndarray]:
    """Drops [calibrations, languages], and the same of resamples [resamples, calibrations, languages]."""
    generator = np.random.default_rng(0)
    cubes = [_cube(part) for part in parts]
    seeds = cubes[0][1].shape[2]
    by_seed = _redraws(generator, seeds, RESAMPLES)
    names = sorted({name for part in parts for name in part["doc_id"]})
    # A weight a document and resample: the same for a document in all of its languages.
    drawn = _redraws(generator, len(names), RESAMPLES)
    place = {name: number for number, name in enumerate(names)}
    drops, resampled = [], []
    for part, (_, cube, dense) in zip(parts, cubes, strict=True):
        own = drawn[:, [place[name] for name in part["doc_id"].unique(maintain_order=False).sort()]]
        # A language of which a resample drew no document at all has no drop in it: it takes all of them.
        weights = np.where(own.sum(axis=1, keepdims=True) > 0, own, 1)
        lost = np.einsum("cds,rd,rs->rc", cube, weights, by_seed, optimize=True)
        drops.append(cube.mean(axis=2).sum(axis=1) / dense.sum() - 1)
        resampled.append(lost / (weights @ dense)[:, None] - 1)
    return np.stack(drops, axis=-1), np.stack(resampled, axis=-1)


def _redraws(generator: np.random.Generator, count: int, resamples: int) -> np.ndarray:
    """Shares [resamples, count] that so many things have in as many draws with replacement."""
    return generator.multinomial(count, np.full(count, 1 / count), resamples) / count


def _cube(group: pl.DataFrame) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Calibrations, their losses [calibrations, documents, seeds] and the dense model's [documents]; rows of `losses`."""
    seeds = sorted(set(group["seed"]))
    names = sorted(set(group["calibration"]))
    tables = []
    for name in names:
        part = group.filter(pl.col("calibration") == name).sort("seed", "doc_id")
        if sorted(set(part["seed"])) != seeds:
            raise ValueError(f"Calibrations {names[0]} and {name} have different seeds: give all the same seeds.")
        tables.append(part["loss"].to_numpy().reshape(len(seeds), -1).T)
    first = group.filter(pl.col("calibration") == names[0], pl.col("seed") == seeds[0]).sort("doc_id")
    return names, np.stack(tables), first["dense_loss"].to_numpy()


def _bounds(interval: Interval) -> dict[str, object]:
    known = not interval.reason
    return {
        "low": interval.low if known else None,
        "high": interval.high if known else None,
        "reason": interval.reason,
    }
