"""Names and places of variants and artifacts: the one module that the workflow and the steps agree on paths through."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

CLOZE_ITEMS = Path(__file__).parents[1] / "evaluation" / "data" / "cloze"
DENSE = "dense"
NONE = "none"


@dataclass(frozen=True, order=True)
class Variant:
    """A pruned form of a model: method x pattern x sample x propagation x calibration x seed."""

    method: str
    pattern: str
    sample: str
    propagation: str
    calibration: str
    seed: int

    @property
    def path(self) -> str:
        """Where the variant stands below a model's folder."""
        if self.method == DENSE:
            return DENSE
        return f"{self.series}/{self.seed}"

    @property
    def series(self) -> str:
        """The path without the seed: what all seeds of one setting have in common."""
        sample = NONE if self.sample == NONE else f"{self.sample}-{self.propagation}"
        return f"{self.method}/{self.pattern}/{sample}/{self.calibration}"

    @classmethod
    def dense(cls) -> "Variant":
        """The model as it came."""
        return cls(DENSE, NONE, NONE, NONE, NONE, 0)

    @classmethod
    def uncalibrated(cls, method: str, pattern: str) -> "Variant":
        """A variant of a method that needs no calibration."""
        return cls(method, pattern, NONE, NONE, NONE, 0)


@dataclass(frozen=True)
class Grid:
    """All variants and evaluations of a study, in the few lists that span them; what aggregating steps are told.

    Calibrations are spelled as in paths, by what they are; `names` are what the study calls them, in equal order.
    """

    models: tuple[str, ...]
    methods: tuple[str, ...]
    patterns: tuple[str, ...]
    sample: str
    propagation: str
    calibrations: tuple[str, ...]
    names: tuple[str, ...]
    seeds: tuple[int, ...]
    evaluation: str
    languages: tuple[str, ...]
    cloze: int = 0
    cloze_languages: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Grid":
        """The grid of its JSON form (lists for tuples)."""
        return cls(**{key: tuple(entry) if isinstance(entry, list) else entry for key, entry in value.items()})

    def name(self, calibration: str) -> str:
        """What the study calls a calibration; `none` stays."""
        return dict(zip(self.calibrations, self.names, strict=True)).get(calibration, calibration)

    def calibrated(self) -> Iterator[Variant]:
        """The variants that a calibration went into."""
        for method, pattern, calibration, seed in product(self.methods, self.patterns, self.calibrations, self.seeds):
            yield Variant(method, pattern, self.sample, self.propagation, calibration, seed)

    def uncalibrated(self) -> Iterator[Variant]:
        """The dense model, and the magnitude mask of every pattern."""
        yield Variant.dense()
        for pattern in self.patterns:
            yield Variant.uncalibrated("magnitude", pattern)

    def variants(self) -> Iterator[Variant]:
        """The uncalibrated variants, then the calibrated ones."""
        yield from self.uncalibrated()
        yield from self.calibrated()


def perplexity_path(results: Path | str, model: str, variant: Variant, evaluation: str, language: str) -> Path:
    """Artifact of one variant in one evaluation language."""
    return Path(results, "perplexity", model, variant.path, evaluation, f"{language}.parquet")


def cloze_path(results: Path | str, model: str, variant: Variant, items: int, language: str) -> Path:
    """Artifact of one variant's cloze items in one language."""
    return Path(results, "tasks", model, variant.path, f"cloze-{items}", f"{language}.parquet")


def task_path(results: Path | str, model: str, variant: Variant, task: str, language: str) -> Path:
    """Artifact of one variant's items of a task, spelled with their number, in one language."""
    return Path(results, "tasks", model, variant.path, task, f"{language}.parquet")


def cloze_items(language: str) -> Path:
    """The embedded cloze items of a language."""
    return CLOZE_ITEMS / f"{language}.jsonl"


def cloze_languages() -> list[str]:
    """The languages of the embedded cloze items, sorted."""
    return sorted(path.stem for path in CLOZE_ITEMS.glob("*.jsonl"))


def answers_path(results: Path | str, model: str, variant: Variant, sample: str, language: str) -> Path:
    """Artifact of one variant's answers to open questions in one language."""
    return Path(results, "questions", model, variant.path, sample, f"{language}.parquet")


def continuations_path(results: Path | str, model: str, variant: Variant, sample: str, language: str) -> Path:
    """Artifact of what one variant writes after prompts in one language."""
    return Path(results, "continuations", model, variant.path, sample, f"{language}.parquet")


def variant_folder(results: Path | str, model: str, variant: Variant) -> Path:
    """Folder of `masks.parquet`, `weights.safetensors` and `layers.parquet`."""
    return Path(results, "pruned", model, variant.path)


def tokens_path(results: Path | str, model: str, corpus: str, language: str) -> Path:
    """Token ids of a corpus in one language, by a model's tokenizer."""
    return Path(results, "tokens", model, corpus, f"{language}.parquet")


def items_path(results: Path | str, model: str, language: str) -> Path:
    """Cloze items in one language, as a model's tokenizer has them."""
    return Path(results, "cloze", model, f"{language}.parquet")


def questions_path(results: Path | str, questions: str, language: str) -> Path:
    """Collected open questions in one language, whatever the model."""
    return Path(results, "question_sets", questions, f"{language}.parquet")


def representations_path(results: Path | str, model: str, variant: Variant, sample: str, language: str) -> Path:
    """Artifact of what the blocks of one variant make of the sentences of one language."""
    return Path(results, "representations", model, variant.path, sample, f"{language}.safetensors")


def activations_path(results: Path | str, model: str, variant: Variant, sample: str, language: str) -> Path:
    """Artifact of how often the neurons of one variant fire in one language."""
    return Path(results, "activations", model, variant.path, sample, f"{language}.parquet")


def documents_path(results: Path | str, corpus: str, language: str) -> Path:
    """Documents of a corpus in one language."""
    return Path(results, "corpora", corpus, f"{language}.parquet")
