"""Bytes on disk of a study's artifacts, by kind, and what `keep` lets go of."""

from dataclasses import dataclass

from workflow_scripts.masks.packing import bytes_per_row
from workflow_scripts.planning.effort import FLOAT32, Setting, kept_share, neurons, states_bytes
from workflow_scripts.planning.jobs import documents_read
from workflow_scripts.planning.shapes import ModelShape
from workflow_scripts.pruning.methods.declaring import declared_methods
from workflow_scripts.study import Study

ITEM = 130
"""Bytes of a cloze item's row."""
WRITTEN = 300
"""Bytes of the row of an answer or a continuation."""
SENTENCES = 7
"""Sentences of a document, about."""
NEURON = 4
"""Bytes of a neuron's row, compressed."""
SMALL = 6_000
"""Bytes of a small Parquet file, its provenance included."""
REPORTS = 10_000_000
"""Bytes of tables, figures and report."""


@dataclass(frozen=True)
class Artifacts:
    """Artifacts of one kind.

    Attributes:
        kind: what they are.
        files: how many.
        bytes: of all of them together.
        largest: of one of them.
        keep: the key of `keep` that decides whether they stay, None for what always stays.
    """

    kind: str
    files: int
    bytes: float
    largest: float = 0
    keep: str | None = None


def mask_bytes(shape: ModelShape) -> int:
    """Of one mask store: a bit a weight, rows padded to whole bytes."""
    return sum(linear.out_features * bytes_per_row(linear.in_features) for linear in shape.linears)


def norms_bytes(shape: ModelShape) -> int:
    """Of the input norms of a calibrated mask: those of linears that share an input are compressed to one."""
    return FLOAT32 * sum(shared.in_features for shared in shape.shared)


def copy_bytes(study: Study, model: str, shape: ModelShape) -> int:
    """Of a dense copy: float32 for packaged and GGUF models, nothing for models that are linked."""
    source = study.models[model]
    return shape.parameters * FLOAT32 if source.packaged or source.gguf else 0


def artifacts(study: Study, shapes: dict[str, ModelShape], setting: Setting) -> list[Artifacts]:
    """What the study writes below results/, for the models whose shapes are known."""
    grid = study.grid()
    draws = len(grid.calibrations) * len(grid.seeds)
    copies = [size for model, shape in shapes.items() if (size := copy_bytes(study, model, shape))]
    stores = len(grid.patterns) * (1 + len(grid.methods) * draws)
    changed = [
        kept_share(pattern) * shape.prunable * setting.weight_bytes(shape)
        for shape in shapes.values()
        for method in grid.methods
        for pattern in grid.patterns
        if declared_methods()[method].changes_weights
        for _ in range(draws)
    ]
    calibrated = stores - len(grid.patterns)
    norms = calibrated * sum(map(norms_bytes, shapes.values()))
    calibration = study.calibration
    # Matched on content, a document is taken for a window: an upper bound for short texts.
    window = calibration.shares * calibration.length * FLOAT32 + SMALL
    evaluated = len(shapes) * len(list(grid.variants())) * len(grid.languages)
    scored = len(shapes) * len(list(grid.variants())) * len(grid.cloze_languages)
    states = [len(grid.languages) * (SMALL + states_bytes(shape, setting)) for shape in shapes.values()]
    return [
        Artifacts("dense copies", len(copies), sum(copies), max(copies, default=0), "dense"),
        Artifacts("masks", len(shapes) * stores, stores * sum(map(mask_bytes, shapes.values()))),
        Artifacts("kept weights", len(changed), sum(changed), max(changed, default=0), "weights"),
        Artifacts("windows", len(shapes) * draws, len(shapes) * draws * window, window, "windows"),
        Artifacts("diagnostics", len(shapes) * stores, len(shapes) * stores * 2 * SMALL + norms),
        _tokens(study, len(shapes), setting),
        Artifacts("states", len(shapes) * len(grid.languages), sum(states)),
        Artifacts("perplexity", evaluated, evaluated * SMALL),
        Artifacts("cloze items", scored, scored * (SMALL + study.evaluation.cloze * ITEM)),
        *_generated(study, len(shapes) * len(list(grid.variants()))),
        *_inside(study, shapes, len(list(grid.variants())) * len(grid.languages)),
        Artifacts("tables, figures, report", 1, REPORTS),
    ]


def _generated(study: Study, variants: int) -> list[Artifacts]:
    """Answers and continuations, of a study that has any."""
    evaluation, found = study.evaluation, []
    for kind, section, languages, rows in (
        ("answers", evaluation.questions, evaluation.question_languages(), "items"),
        ("continuations", evaluation.continuations, evaluation.continuation_languages(), "prompts"),
    ):
        if section and languages:
            files = variants * len(languages)
            found.append(Artifacts(kind, files, files * (SMALL + getattr(section, rows) * WRITTEN)))
    return found


def _inside(study: Study, shapes: dict[str, ModelShape], files: int) -> list[Artifacts]:
    """Representations and activations, of a study that has any; `files` of each model."""
    evaluation, found = study.evaluation, []
    if evaluation.representations:
        sentences = evaluation.representations.documents * SENTENCES
        # A vector in float32, and its power and noise in float64.
        sizes = [blocks(shape) * sentences * (FLOAT32 * shape.hidden + 16) + SMALL for shape in shapes.values()]
        found.append(Artifacts("representations", len(shapes) * files, files * sum(sizes), max(sizes, default=0)))
    if evaluation.activations:
        sizes = [neurons(shape) * NEURON + SMALL for shape in shapes.values()]
        found.append(Artifacts("activations", len(shapes) * files, files * sum(sizes), max(sizes, default=0)))
    return found


def blocks(shape: ModelShape) -> int:
    """Number of blocks."""
    return len({linear.block for linear in shape.linears})


def _tokens(study: Study, models: int, setting: Setting) -> Artifacts:
    """Tokens of documents; at least what is evaluated on, for how many documents a corpus holds is not counted."""
    files = models * len(documents_read(study))
    documents = max(study.evaluation.documents, getattr(study.corpora[study.evaluation.corpus], "documents", 0))
    return Artifacts("tokens", files, files * (documents * setting.tokens_per_document * FLOAT32 + SMALL))


def needed_bytes(study: Study, found: list[Artifacts]) -> float:
    """What the disk must hold at least: all that stays, the copies, which go last, and one file of what goes early."""
    early = {key for key in ("weights", "windows") if not getattr(study.keep, key)}
    return sum(a.largest if a.keep in early else a.bytes for a in found)
