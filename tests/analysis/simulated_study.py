"""A made-up study of plausible size: its long tables of perplexities, overlaps and errors, shaped as the real ones."""

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
import polars as pl

MODULES = [
    "mlp.down_proj", "mlp.gate_proj", "mlp.up_proj",
    "self_attn.k_proj", "self_attn.o_proj", "self_attn.q_proj", "self_attn.v_proj",
]  # fmt: skip
DENSE_BITS = {"ar": 0.89, "de": 1.12, "en": 0.96, "es": 1.02, "ru": 0.70, "sw": 1.85, "zh": 1.52}
BYTES_PER_TOKEN = {"ar": 6.0, "de": 4.0, "en": 4.6, "es": 4.4, "ru": 7.0, "sw": 2.9, "zh": 4.2}
# How far a language lies from English: what a foreign calibration costs.
DISTANCE = {"en": 0.0, "de": 0.15, "es": 0.12, "ru": 0.3, "ar": 0.4, "zh": 0.45, "sw": 0.5}
# A control, its kind, the language of its texts, and what it costs beyond them.
CONTROLS = {
    "noise": ("random", "en", 0.9),
    "de-elsewhere": ("corpus", "de", 0.1),
    "sw-generated": ("generated", "sw", 0.1),
    "sw-news": ("register", "sw", 0.02),
    "sw-shuffled": ("shuffled", "sw", 0.2),
}
# Named mixtures, and the languages in them.
MIXTURES = {"all": "de+en+sw"}
# Mean margin of the dense model; in Swahili it is at chance.
DENSE_MARGIN = {"ar": 0.4, "de": 0.8, "en": 1.6, "es": 1.0, "ru": 0.6, "sw": -1.9, "zh": 0.9}
LOSS = {"magnitude": 0.9, "wanda": 0.5, "sparsegpt": 0.3}
PERPLEXITY_KEYS = ["model", "variant", "corpus", "language", "doc_id"]
OVERLAP_KEYS = [
    "model", "method", "pattern", "sample", "propagation", "relation",
    "calibration_a", "seed_a", "calibration_b", "seed_b", "block", "module",
]  # fmt: skip


def simulate(
    languages: Sequence[str] = ("de", "en", "sw"),
    methods: Sequence[str] = ("wanda", "sparsegpt"),
    patterns: Sequence[str] = ("0.5",),
    models: Sequence[str] = ("gemma-3-270m",),
    seeds: int = 3,
    documents: int = 16,
    blocks: int = 18,
    mixtures: Sequence[str] = (),
    effect: float = 1.0,
    calibrations: Sequence[str] | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The tables `perplexity` and `overlap`; `effect` scales what a foreign calibration costs."""
    calibrations = [*(languages if calibrations is None else calibrations), *mixtures]
    rng = np.random.default_rng(7)
    perplexity = _perplexity(rng, languages, calibrations, methods, patterns, models, seeds, documents, effect)
    return perplexity, _overlap(rng, calibrations, methods, patterns, models, seeds, blocks)


def simulate_layers(
    languages: Sequence[str] = ("de", "en", "sw"),
    methods: Sequence[str] = ("wanda", "sparsegpt"),
    patterns: Sequence[str] = ("0.5",),
    models: Sequence[str] = ("gemma-3-270m",),
    seeds: int = 3,
    blocks: int = 18,
    mixtures: Sequence[str] = (),
    calibrations: Sequence[str] | None = None,
    **_: object,
) -> pl.DataFrame:
    """The table `layers` of the same study."""
    calibrations = [*(languages if calibrations is None else calibrations), *mixtures]
    rng = np.random.default_rng(8)
    block, module = (x.ravel() for x in np.meshgrid(np.arange(blocks), np.arange(len(MODULES)), indexing="ij"))
    frames = []
    for model, pattern, method, calibration, seed in product(models, patterns, methods, calibrations, range(seeds)):
        level = 0.06 * LOSS[method] * (1.0 if pattern == "0.5" else 1.6) * (1 + 0.5 * distance(calibration, "en"))
        local = level * (1 + 0.15 * module) * np.exp(rng.normal(0, 0.1, block.size))
        path = local * (1 + 6 * (1 - np.exp(-(block + 1) / 6)))
        frame = pl.DataFrame(
            {
                "block": block.astype(np.int64),
                "module": [MODULES[m] for m in module],
                "sparsity": 0.5,
                "local_error": local,
                "path_error": path,
                "signal_to_noise": -10 * np.log10(local),
                "damping": 0.01 if method == "sparsegpt" else math.nan,
                "sample_tokens": 256,
                "criterion": method,
            }
        )
        frames.append(_constant(frame, model=model, seed=seed, **_names(method, pattern, calibration, seed)))
    return pl.concat(frames).sort("model", "variant", "block", "module")


def described(calibrations: Sequence[str]) -> dict[str, dict[str, str]]:
    """What the workflow says of these calibrations."""
    found = {}
    for name in calibrations:
        kind, language, _ = CONTROLS.get(name, ("", "", 0))
        if kind:
            found[name] = {"kind": "control", "control": kind, "language": language, "words": f"{kind}, of {language}"}
        elif "+" in name or name in MIXTURES:
            found[name] = {"kind": "mixture", "words": f"equal shares of {MIXTURES.get(name, name)}"}
        else:
            found[name] = {"kind": "language"}
    return found


def simulate_cloze(
    languages: Sequence[str] = ("de", "en", "sw"),
    methods: Sequence[str] = ("wanda", "sparsegpt"),
    patterns: Sequence[str] = ("0.5",),
    models: Sequence[str] = ("gemma-3-270m",),
    seeds: int = 3,
    mixtures: Sequence[str] = (),
    calibrations: Sequence[str] | None = None,
    items: int = 40,
    **_: object,
) -> pl.DataFrame:
    """The table `cloze` of the same study."""
    calibrations = [*(languages if calibrations is None else calibrations), *mixtures]
    rng = np.random.default_rng(9)
    calibrated = [(m, c, s) for m in methods for c in calibrations for s in range(seeds)]
    variants = [("dense", "none", "none", 0)]
    variants += [(m, p, c, s) for p in patterns for m, c, s in [("magnitude", "none", 0), *calibrated]]
    frames = []
    for model, language in product(models, languages):
        dense = DENSE_MARGIN[language] + rng.normal(0, 2, items)
        for method, pattern, calibration, seed in variants:
            margin = dense
            if method != "dense":
                cost = 2 * distance(calibration, language) if calibration != "none" else 0
                margin = dense - 1.5 * LOSS[method] * (1 + cost) + rng.normal(0, 0.05) + rng.normal(0, 0.3, items)
            names = _names(method, pattern, calibration, seed)
            frames.append(_constant(_items(margin), model=model, language=language, seed=seed, **names))
    return (
        pl.concat(frames).with_columns(corpus=pl.lit(f"cloze-{items}")).sort("model", "variant", "language", "item_id")
    )


# Accuracy of the dense model beyond chance; in Swahili there is none.
KNOWN = {"ar": 0.2, "de": 0.3, "en": 0.45, "es": 0.35, "ru": 0.25, "sw": 0.0, "zh": 0.3}
CHOICES = 4


def simulate_tasks(
    languages: Sequence[str] = ("de", "en", "sw"),
    methods: Sequence[str] = ("wanda", "sparsegpt"),
    patterns: Sequence[str] = ("0.5",),
    models: Sequence[str] = ("gemma-3-270m",),
    seeds: int = 3,
    mixtures: Sequence[str] = (),
    calibrations: Sequence[str] | None = None,
    passages: int = 60,
    **_: object,
) -> pl.DataFrame:
    """The table `tasks` of the same study: two questions to every passage of `belebele`, the same in all languages."""
    calibrations = [*(languages if calibrations is None else calibrations), *mixtures]
    rng = np.random.default_rng(10)
    calibrated = [(m, c, s) for m in methods for c in calibrations for s in range(seeds)]
    variants = [("dense", "none", "none", 0)]
    variants += [(m, p, c, s) for p in patterns for m, c, s in [("magnitude", "none", 0), *calibrated]]
    frames = []
    for model, language in product(models, languages):
        ease = np.repeat(rng.normal(0, 0.6, passages), 2) + rng.normal(0, 0.8, 2 * passages)
        known = 4 * KNOWN[language] - 0.68
        for method, pattern, calibration, seed in variants:
            margin = ease + known
            if method != "dense":
                cost = 2.5 * distance(calibration, language) if calibration != "none" else 0
                margin = margin - LOSS[method] * (KNOWN[language] > 0) * (0.3 + cost) + rng.normal(0, 0.02)
                margin = margin + rng.normal(0, 0.2, margin.size)
            names = _names(method, pattern, calibration, seed)
            frames.append(_constant(_questions(margin), model=model, language=language, seed=seed, **names))
    table = pl.concat(frames).with_columns(corpus=pl.lit("belebele"), chance=pl.lit(1 / CHOICES))
    return table.sort("model", "variant", "language", "item_id")


def _questions(margin: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "item_id": [f"passage-{i // 2:03}-{i % 2}" for i in range(len(margin))],
            "cluster": [f"passage-{i // 2:03}" for i in range(len(margin))],
            "margin": margin,
            "correct": (margin > 0).astype(float),
        }
    )


def _items(margin: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "item_id": [f"capital-{i:03}" for i in range(len(margin))],
            "loglikelihoods": [[-3.0] * 8] * len(margin),
            "margin": margin,
            "correct": margin > 0,
        }
    )


def simulate_written(**study: object) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The tables `questions`, not in Swahili, and `continuations` of the same study, of as many items as cloze."""
    rng, cloze = np.random.default_rng(10), simulate_cloze(**study)
    margin, answered = cloze["margin"].to_numpy(), pl.lit("mkqa-40x16")
    right = 1 / (1 + np.exp(-margin))
    keys = pl.exclude("loglikelihoods", "margin", "correct", "corpus")
    questions = cloze.select(
        keys,
        corpus=answered,
        prediction=pl.lit("ein Wort"),
        exact_match=pl.Series((right > 0.8).astype(float)),
        f1=pl.Series(right),
        loglikelihood=pl.Series(margin - 6),
        tokens=pl.lit(3),
    ).filter(pl.col("language") != "sw")
    kept = rng.random(len(margin)) < right
    continuations = cloze.select(
        keys,
        corpus=pl.lit("embedded-40x16-48"),
        prompt=pl.concat_str(pl.lit("A beginning, "), "item_id"),
        text=pl.concat_str(pl.lit(" a <b>text</b> with "), "calibration"),
        tokens=pl.lit(48),
        ended=pl.lit(False),
        empty=pl.Series(right < 0.02),
        script_share=pl.Series(right),
        identified=pl.Series(np.where(kept, cloze["language"].to_numpy(), "fr")),
        probability=pl.Series(right),
        in_language=pl.Series(kept),
        repetition=pl.Series(1 - right),
        distinct=pl.Series(right),
    ).rename({"item_id": "doc_id"})
    return questions, continuations


def published(perplexity: pl.DataFrame) -> pl.DataFrame:
    """The table as the published protocol leaves it: a row is a window of unknown size and register."""
    number = pl.col("doc_id").str.tail(3)
    nothing = {name: pl.lit(0, pl.Int32) for name in ("bytes", "characters")}
    register = pl.lit(None, pl.String)
    return perplexity.with_columns(doc_id=pl.lit("window-00") + number, register=register, **nothing)


def distance(calibration: str, language: str) -> float:
    """What calibrating in `calibration` costs in `language`, as a share of the loss; a mixture's mean."""
    if calibration in CONTROLS:
        _, source, further = CONTROLS[calibration]
        return distance(source, language) + further
    parts = MIXTURES.get(calibration, calibration).split("+")
    return float(np.mean([abs(DISTANCE[p] - DISTANCE[language]) + 0.05 * (p != language) for p in parts]))


def _perplexity(rng, languages, calibrations, methods, patterns, models, seeds, documents, effect) -> pl.DataFrame:
    calibrated = [(m, c, s) for m in methods for c in calibrations for s in range(seeds)]
    variants = [("dense", "none", "none", 0)]
    variants += [(m, p, c, s) for p in patterns for m, c, s in [("magnitude", "none", 0), *calibrated]]
    frames = []
    for model, language in ((model, language) for model in models for language in languages):
        tokens = rng.integers(120, 500, documents)
        dense = DENSE_BITS[language] + rng.normal(0, 0.12, documents)
        sensitivity = rng.normal(1, 0.12, documents)
        for method, pattern, calibration, seed in variants:
            bits = dense
            if method != "dense":
                loss = LOSS[method] * (1.0 if pattern == "0.5" else 1.6)
                cost = effect * distance(calibration, language) if calibration != "none" else 0
                luck = rng.normal(0, 0.006) + rng.normal(0, 0.012, documents)
                bits = dense + loss * (1 + cost) * sensitivity + luck
            frame = _documents(language, tokens, bits, dense)
            frames.append(
                _constant(
                    frame, model=model, language=language, seed=seed, **_names(method, pattern, calibration, seed)
                )
            )
    return pl.concat(frames).with_columns(corpus=pl.lit(f"embedded-{documents}x512")).sort(PERPLEXITY_KEYS)


def _documents(language: str, tokens: np.ndarray, bits: np.ndarray, dense: np.ndarray) -> pl.DataFrame:
    size = (tokens * BYTES_PER_TOKEN[language]).astype(np.int32)
    divergence = np.abs(bits - dense) * size * np.log(2)
    return pl.DataFrame(
        {
            "doc_id": [f"{language}-{i:03}" for i in range(len(tokens))],
            "register": ["news"] * len(tokens),
            "nats": bits * size * np.log(2),
            "tokens": tokens.astype(np.int32),
            "bytes": size,
            "characters": (size * 0.9).astype(np.int32),
            "divergence": divergence,
            "agreement": (tokens * np.exp(-divergence / tokens)).astype(np.int32),
        }
    )


def _names(method: str, pattern: str, calibration: str, seed: int) -> dict[str, str]:
    sample, propagation = ("none", "none") if calibration == "none" else ("embedded-8x256", "sequential")
    tail = "none/none/0" if calibration == "none" else f"{sample}-{propagation}/{calibration}/{seed}"
    variant = "dense" if method == "dense" else f"{method}/{pattern}/{tail}"
    names = {"variant": variant, "method": method, "pattern": pattern, "sample": sample, "propagation": propagation}
    return names | {"calibration": calibration}


def _constant(frame: pl.DataFrame, **values: str | int) -> pl.DataFrame:
    return frame.with_columns(
        **{name: pl.lit(v, pl.Int64 if isinstance(v, int) else None) for name, v in values.items()}
    )


def _overlap(rng, calibrations, methods, patterns, models, seeds, blocks) -> pl.DataFrame:
    masks = [(c, s) for c in sorted(calibrations) for s in range(seeds)]
    pairs = [("magnitude", *mask, "none", 0, 0.80) for mask in masks]
    for i, (a, s) in enumerate(masks):
        for b, t in masks[i + 1 :]:
            if a == b:
                pairs.append(("same", a, s, b, t, 0.94))
            elif s == t:
                pairs.append(("between", a, s, b, t, 0.91 - 0.12 * (distance(a, b) if b in DISTANCE else 0.2)))
    frames = []
    block, module = (x.ravel() for x in np.meshgrid(np.arange(blocks), np.arange(len(MODULES)), indexing="ij"))
    kept = np.where(module < 3, 640 * 1024, 640 * 256)
    depth = 0.03 * np.cos(np.pi * block / max(blocks - 1, 1)) - 0.005 * module
    for model in models:
        for pattern in patterns:
            for method in methods:
                for relation, a, s, b, t, level in pairs:
                    iou = level + depth * (1.2 if relation == "between" else 0.7) + rng.normal(0, 0.004, block.size)
                    intersection = (2 * kept * iou / (1 + iou)).astype(np.int64)
                    frame = pl.DataFrame(
                        {
                            "seed_a": np.full(block.size, s),
                            "seed_b": np.full(block.size, t),
                            "block": block.astype(np.int32),
                            "module": [MODULES[m] for m in module],
                            "kept_a": kept,
                            "kept_b": kept,
                            "intersection": intersection,
                            "union": 2 * kept - intersection,
                            "input_similarity": None if relation == "magnitude" else 0.99 - (0.94 - iou) / 2,
                        },
                        schema_overrides={"input_similarity": pl.Float64},
                    )
                    names = {"model": model, "method": method, "pattern": pattern, "sample": "embedded-8x256"}
                    names |= {"propagation": "sequential", "relation": relation, "calibration_a": a, "calibration_b": b}
                    frames.append(_constant(frame, **names).with_columns(iou=pl.col("intersection") / pl.col("union")))
    columns = [*OVERLAP_KEYS, "kept_a", "kept_b", "intersection", "union", "iou", "input_similarity"]
    return pl.concat(frames).select(columns).sort(OVERLAP_KEYS)
