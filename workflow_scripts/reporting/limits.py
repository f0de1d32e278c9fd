"""What cannot be concluded from a study, each sentence only where its condition holds."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from workflow_scripts.analysis.matrix import BITS_PER_BYTE, NATS_PER_TOKEN
from workflow_scripts.analysis.seeds import FEWEST_SEEDS
from workflow_scripts.reporting.kit import labels
from workflow_scripts.reporting.kit.labels import listed, many

AMPLE_SEEDS = 5
# Why there is no interval that speaks of a language, by the number of seeds.
VARIANCE_OF_DRAWS = {
    1: "from one draw of calibration texts nobody can tell how much another draw would change",
    2: "the variance between two draws of calibration texts has one degree of freedom, too few to bound anything",
}
SHORT_DOCUMENT = 4000
FEW_DOCUMENTS = 30
SMALL_MODEL = 1_000_000_000
NO_TASKS = (
    "Only perplexity was measured, no downstream task: a model that predicts text better need not answer questions "
    "better."
)
NO_OTHER_TASKS = "Beside perplexity only factual cloze items were scored, and no other downstream task."
CLOZE_ITEMS = (
    "The factual cloze items are {items} a language, written by a machine, on easy facts, with the candidates given. Who "
    "picks a fact out of eight candidates need not state, reason or follow instructions; and the items state the same facts "
    "in all languages, so that languages are not independent."
)
SAME_KIND_OF_TEXT = (
    "The best calibration is that for texts like the evaluated ones; for another register or subject it may be another."
)
INTERVALS = (
    "An interval covers further documents and further draws of calibration texts like those of this study, for this model, "
    "method and pattern. Not in it: other corpora, models and settings. An interval that includes zero does not show that "
    "there is no difference: the smallest one that would probably have been found is in the table beside it."
)
TASKS = (
    "Tasks ({tasks}) measure what their items ask, by the metric of each. Where the items of several languages are "
    "translations of each other, languages are not independent tests, and translation may favour some of them. Nothing is "
    "said of languages in which the dense model is at chance."
)
NO_OTHER_REGISTER = (
    "No calibration is in an evaluated language and of another register or corpus: how large a mismatch of language is "
    "beside a mismatch of the kind of text cannot be told."
)
OPEN_QUESTIONS = (
    "Open questions were put without examples, to models that were not taught to answer, and answers are compared by their "
    "words: a wrong form counts as a wrong answer. Of small models, which answer little, the log-likelihood of gold answers "
    "tells more."
)
UNITS = (
    "Bits per byte, nats per token and perplexity depend on script and tokenizer: compare calibrations within an "
    "evaluated language, not one language with another."
)


def limits(study: Mapping[str, Any], tables: Mapping[str, pl.DataFrame]) -> list[str]:
    """What cannot be concluded from this study."""
    calibrated = tables["mean_matrix"].filter(pl.col("calibration") != labels.NO_TEXT)
    return [
        *_seed_limits(calibrated),
        *_model_limits(study.get("models", [])),
        *_method_limits(calibrated),
        *_comparison_limits(tables["effects"]),
        *_task_limits(tables),
        *_document_limits(tables["mean_matrix"]),
        *_corpus_limits(study.get("corpora", []), tables["positions"]),
        *([SAME_KIND_OF_TEXT] if tables["best_calibration"]["calibration"].n_unique() > 1 else []),
        *_register_limits(study.get("calibrations", {}), tables["best_calibration"]),
        *([UNITS] if tables["mean_matrix"]["language"].n_unique() > 1 else []),
    ]


def _seed_limits(calibrated: pl.DataFrame) -> Iterator[str]:
    seeds = calibrated["seeds"].min()
    if seeds is None:
        yield "Nothing was calibrated: the study says nothing about calibration."
    elif seeds < FEWEST_SEEDS:
        yield (
            f"There {'is' if seeds == 1 else 'are'} only {many(seeds, 'seed')} per calibration, and an interval takes "
            f"{FEWEST_SEEDS}: {VARIANCE_OF_DRAWS[seeds]}. The results speak of these masks, not of their languages, and so "
            "do the intervals of single masks, which say what other documents would give with the very same masks."
        )
    elif seeds < AMPLE_SEEDS:
        yield (
            f"{seeds} seeds per calibration allow an interval, but a coarse one: the variance between draws has "
            f"{seeds - 1} degrees of freedom; {AMPLE_SEEDS} seeds and more are better."
        )


def _register_limits(calibrations: Mapping[str, Mapping[str, Any]], best: pl.DataFrame) -> Iterator[str]:
    others = {name for name, made in calibrations.items() if made.get("control") in ("register", "corpus")}
    evaluated = set(best["language"])
    if best["calibration"].n_unique() > 1 and not any(calibrations[name]["language"] in evaluated for name in others):
        yield NO_OTHER_REGISTER


def _model_limits(models: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if len(models) == 1:
        yield f"One model was studied ({models[0]['name']}); others, larger ones above all, may behave otherwise."
    small = [m["name"] for m in models if m.get("parameters") and m["parameters"] < SMALL_MODEL]
    if small:
        kind = "is a small model" if len(small) == 1 else "are small models"
        yield f"{listed(small)} {kind}: what holds there may not hold at scale."
    restored = [m["name"] for m in models if m.get("dequantised")]
    if restored:
        yield (
            f"The weights of {listed(restored)} were restored from a quantised file: they are not the published ones, "
            "and their many equal and zero values make ties."
        )


def _method_limits(calibrated: pl.DataFrame) -> Iterator[str]:
    methods = calibrated["method"].unique().to_list()
    if len(methods) == 1:
        yield (
            f"One method that calibrates was studied ({labels.method_name(methods[0])}): how much the language of the "
            "calibration matters depends on the method. studies/two-methods.yaml compares Wanda with SparseGPT."
        )


def _comparison_limits(effects: pl.DataFrame) -> Iterator[str]:
    several = [f"{key}s" for key in ("method", "pattern", "model") if effects[key].n_unique() > 1]
    if several:
        yield (
            f"Comparisons of one language under several {listed(several)} use the same documents: they are not "
            "independent evidence, and Holm's correction covers one model, method and pattern at a time."
        )
    if effects["low"].is_not_null().any():
        yield INTERVALS


def _task_limits(tables: Mapping[str, pl.DataFrame]) -> Iterator[str]:
    if "questions_matrix" in tables:
        yield OPEN_QUESTIONS
    if "task_matrix" in tables:
        yield from _limits_of_tasks(tables)
    if "cloze_matrix" in tables:
        yield CLOZE_ITEMS.format(items=tables["cloze_matrix"]["items"].max())
    if not {"task_matrix", "questions_matrix"} & set(tables):
        yield NO_OTHER_TASKS if "cloze_matrix" in tables else NO_TASKS


def _limits_of_tasks(tables: Mapping[str, pl.DataFrame]) -> Iterator[str]:
    yield TASKS.format(tasks=listed(tables["task_matrix"]["corpus"].unique().sort()))
    effects = tables["task_effects"]
    if effects.height and effects["low"].is_null().all():
        yield (
            "The sign-flip tests of tasks say whether these masks differ on further items like these; whether their "
            "languages do takes more seeds."
        )


def _document_limits(mean_matrix: pl.DataFrame) -> Iterator[str]:
    fewest = mean_matrix["documents"].min()
    if fewest < FEW_DOCUMENTS:
        subject = "Every language was" if fewest == mean_matrix["documents"].max() else "Some languages were"
        yield f"{subject} evaluated on only {many(fewest, labels.texts(mean_matrix))}."
    sized = mean_matrix.filter(pl.col("unit") == BITS_PER_BYTE)
    if sized.height and (size := sized["bytes"].sum() / sized["documents"].sum()) < SHORT_DOCUMENT:
        yield f"The evaluation documents are short, {size:,.0f} bytes on average: nothing is said about long contexts."
    if sized.height < mean_matrix.height:
        yield (
            f"The evaluation texts were joined and cut into windows of unknown size in bytes: losses are in "
            f"{NATS_PER_TOKEN}, and windows that share a document count as independent, though they are not."
        )


def _corpus_limits(corpora: Sequence[Mapping[str, Any]], positions: pl.DataFrame) -> Iterator[str]:
    written = [c["name"] for c in corpora if c.get("machine_written")]
    if written:
        subject = f"The documents of the corpus {listed(written)}"
        yield f"{subject} were written by a machine: people's texts may give other results."
    parallel = [c["name"] for c in corpora if c.get("parallel")]
    others = [c["name"] for c in corpora if not c.get("parallel")]
    if others:
        yield (
            f"The texts of the languages in the corpus {listed(others)} may say different things: where masks were "
            "calibrated on them, language cannot be told from topic or register."
        )
    if parallel and positions.height:
        yield (
            f"The corpus {listed(parallel)} is parallel: masks of two languages may have seen translations of the "
            "same documents, while two seeds of one language never share a document. So the overlap between languages "
            "may lie too near the ceiling."
        )
