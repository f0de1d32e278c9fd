"""Made-up representations and neurons of a study, through the real analysis: the tables that its report has of them."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import polars as pl

from workflow_scripts.analysis.activations import (
    Dense,
    Fired,
    entropy_rows,
    half_rows,
    neuron_rows,
    neuron_tables,
    overlap_rows,
)
from workflow_scripts.analysis.representations import (
    Reference,
    Seen,
    evaluation_error_effects,
    evaluation_errors,
    noise_rows,
    rank_rows,
    subspaces,
    variant_rows,
)

DOCUMENTS = [f"{number // 4:02d}" for number in range(32)]
HIDDEN, NEURONS = 24, 400


def simulate_inside(
    languages: Sequence[str] = ("de", "en", "sw"),
    calibrations: Sequence[str] | None = None,
    methods: Sequence[str] = ("sparsegpt", "wanda"),
    patterns: Sequence[str] = ("0.5",),
    seeds: int = 3,
    blocks: int = 4,
) -> dict[str, pl.DataFrame]:
    """All tables by name; a foreign calibration makes more noise, and loses more neurons."""
    rng = np.random.default_rng(0)
    calibrations = list(calibrations or languages)
    dense, fired = _seen(rng, languages, blocks), _fired(rng, languages, blocks)
    reference, firing = Reference(dense, DOCUMENTS), Dense(fired)
    labels = _labels("dense", "none", "none", 0)
    counts, overlaps = (
        [half_rows(labels, firing), neuron_rows(labels, fired, firing)],
        overlap_rows(labels, fired, firing),
    )
    histograms, parts, noise = [entropy_rows(labels, fired, firing)], [], []
    grid = [("magnitude", pattern, "none", 0) for pattern in patterns]
    grid += list(product(methods, patterns, calibrations, range(seeds)))
    for method, pattern, calibration, seed in grid:
        labels = _labels(method, pattern, calibration, seed)
        size = {language: 0.2 + 0.1 * (language != calibration) for language in languages}
        seen = _noisy(rng, dense, size)
        parts.append(variant_rows(labels, seen, reference))
        noise.append(noise_rows(labels, seen, DOCUMENTS))
        halves = np.clip(fired.halves + rng.normal(0, 0.02, fired.halves.shape), 0, 1)
        pruned = Fired(fired.languages, fired.block, halves)
        counts.append(neuron_rows(labels, pruned, firing))
        overlaps += overlap_rows(labels, pruned, firing)
        histograms.append(entropy_rows(labels, pruned, firing))
    noisy = pl.concat(noise)
    own = [name for name in calibrations if name in languages]
    return {
        "subspace_ranks": rank_rows("tiny", reference),
        "subspaces": subspaces(pl.concat(parts)),
        "evaluation_errors": evaluation_errors(noisy),
        "evaluation_error_effects": evaluation_error_effects(noisy, "embedded-8", own, calibrations),
        **neuron_tables(pl.concat(counts), pl.DataFrame(overlaps), pl.concat(histograms)),
    }


def _labels(method: str, pattern: str, calibration: str, seed: int) -> dict[str, object]:
    sample = "none" if calibration == "none" else "embedded-8x256"
    names = {"model": "tiny", "variant": f"{method}/{calibration}/{seed}", "method": method, "pattern": pattern}
    return names | {"sample": sample, "propagation": "sequential", "calibration": calibration, "seed": seed}


def _seen(rng: np.random.Generator, languages: Sequence[str], blocks: int) -> Seen:
    meaning = rng.standard_normal((blocks, len(DOCUMENTS), HIDDEN))
    pooled = {
        language: (meaning + 0.3 * rng.standard_normal(meaning.shape) + 2 * rng.standard_normal(HIDDEN)).astype(
            np.float32
        )
        for language in languages
    }
    power = {language: (10 * vectors.astype(float) ** 2).sum(2) for language, vectors in pooled.items()}
    return Seen(pooled, power, {language: np.zeros_like(value) for language, value in power.items()})


def _noisy(rng: np.random.Generator, dense: Seen, size: dict[str, float]) -> Seen:
    error = {name: scale * rng.standard_normal(dense.pooled[name].shape) for name, scale in size.items()}
    noise = {name: (10 * values**2).sum(2) for name, values in error.items()}
    return Seen({name: dense.pooled[name] + values for name, values in error.items()}, dense.power, noise)


def _fired(rng: np.random.Generator, languages: Sequence[str], blocks: int) -> Fired:
    probabilities = rng.beta(0.4, 2, (blocks * NEURONS, len(languages)))
    halves = np.clip(probabilities + rng.normal(0, 0.02, (2, *probabilities.shape)), 0, 1)
    return Fired(list(languages), np.repeat(np.arange(blocks), NEURONS), halves)
