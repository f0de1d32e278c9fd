"""Seconds and bytes of memory of a job, from the multiplications it does and the tensors it holds.

Calibrated on the default study with two cores of an AMD Zen 5 and no GPU, where a Wanda job takes 9 s and the whole study a little
over 4 minutes; a SparseGPT job took 32 s on another processor. Totals are meant to be right within a factor of two.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil

from workflow_scripts.controls.generated import BATCH as TEXTS_AT_A_TIME
from workflow_scripts.planning.jobs import JobKind
from workflow_scripts.planning.shapes import ModelShape
from workflow_scripts.pruning.methods.declaring import declared_methods
from workflow_scripts.pruning.patterns import parse_pattern
from workflow_scripts.study import Study

LIBRARIES = 300e6
"""Bytes that Python, torch and transformers hold before a model is loaded."""
WORK = 4e8
"""Bytes that a job that prunes holds beside what is counted: measured on Gemma 3 270M, 0.77 GB in all with Wanda."""
TOKENIZER = 2.2e3
"""Bytes that a loaded tokenizer takes for each of its tokens."""
STARTUP = 3.0
"""Seconds until they are imported."""
LOADING = 1e9
"""Bytes of weights loaded a second, from a file that the operating system has in memory."""
WRITING = 0.3e9
"""Bytes a second of making a dense copy: dequantising, writing, hashing."""
SELECTION = 2e-8
"""Seconds to score and select one weight, on a core."""
REACHED = 0.8
"""Share of the measured rate of products that blocks reach."""
LOGITS = 2**26
"""Logits held at a time, see `evaluation.head`, and three times over in the loss."""
WAITING = 2**30
"""Bytes of hidden states that variants wait in for their logits, see `evaluation.perplexity`."""
SHORT_STEPS = 2
"""How much longer a product takes that has one token of each text only."""
FLOAT32 = 4
READING = 4e9
"""Bytes of weights that a step of writing reads a second."""
TOKENS_PER_ASKED, TOKENS_PER_GOLD, GOLDS = 25, 4, 3
"""Tokens of an open question with its prompt, tokens of a gold answer, gold answers of a question."""
TOKENS_PER_ITEM = 30
"""Tokens of a cloze item that go through the model: its prompt once, and eight candidates after it."""
SCORED_PER_ITEM = 10
"""Tokens of a cloze item after which a candidate's next token is scored."""

TOKENS_PER_QUESTION = 300
"""Tokens of a task's item that go through the model, all of its choices included: between Belebele's and XNLI's."""
ITEMS_OF_TASK = 1000
"""Items of a task that is asked as a whole."""
HARNESS = 15.0
"""Seconds until lm-eval is imported and has its data."""
HARNESS_BYTES = 3e8
"""Bytes that it holds: measured with Gemma 3 270M, 1.9 GB in all."""


@dataclass(frozen=True)
class Setting:
    """What costs depend on beside the model.

    Attributes:
        study: the study.
        rate: floating-point operations a second of one job, in its dtype and with its threads.
        dtype_bytes: bytes of a weight in memory; 0 for the checkpoint's own.
        tokens_per_document: tokens of an evaluation document.
    """

    study: Study
    rate: float
    dtype_bytes: int
    tokens_per_document: float

    def calibration_tokens(self) -> float:
        """Tokens of a calibration; an estimate where it is matched on content."""
        calibration = self.study.calibration
        if calibration.windows is None:
            return calibration.documents * self.tokens_per_document
        return calibration.windows * calibration.length

    def weight_bytes(self, shape: ModelShape) -> int:
        """Bytes of a weight of this model in memory."""
        return self.dtype_bytes or shape.dtype_bytes


@dataclass(frozen=True)
class Cost:
    """Of one job: seconds, and its peak of memory in bytes."""

    seconds: float
    memory: float


def kept_share(pattern: str) -> float:
    """Share of the weights that a pattern keeps."""
    return 1 - parse_pattern(pattern).ratio


def forward_operations(shape: ModelShape, tokens: float, length: int) -> float:
    """Of all blocks for `tokens` tokens in windows of `length`: a multiplication and an addition a weight and token,
    and as many a token and seen token in the two products of attention."""
    blocks = len({linear.block for linear in shape.linears})
    return 2 * shape.active * tokens + 4 * tokens * length * shape.hidden * blocks


def head_operations(shape: ModelShape, tokens: float) -> float:
    """Of the logits of `tokens` tokens."""
    return 2 * shape.vocabulary * shape.hidden * tokens


def gram_operations(shape: ModelShape, tokens: float) -> float:
    """Of X^T X of every shared input, of which a triangle and a little more is computed."""
    return sum(1.2 * tokens * shared.share * shared.in_features**2 for shared in shape.shared)


def prune_cost(kind: JobKind, shape: ModelShape, setting: Setting) -> Cost:
    """A job of `prune_model`: two passes over the calibration windows, statistics, selection; a block at a time."""
    calibration = setting.study.calibration
    tokens = setting.calibration_tokens()
    weights = shape.parameters * setting.weight_bytes(shape)
    method = declared_methods()[kind.method]
    operations = sum(method.operations(shared.in_features, shared.out_features) for shared in shape.shared)
    held = LIBRARIES + WORK + shape.largest_block * setting.weight_bytes(shape)
    if method.statistics:
        operations += 2 * forward_operations(shape, tokens, calibration.length)
        held += tokens * shape.hidden * FLOAT32
    if method.statistics == "gram":
        operations += gram_operations(shape, tokens)
        held += gram_memory(shape)
    seconds = startup(weights) + operations / (setting.rate * REACHED) + SELECTION * shape.prunable
    return Cost(seconds, held)


def gram_memory(shape: ModelShape) -> float:
    """Bytes of the Gram matrices of a block, and of pruning the linears of one: half a matrix, and their weights twice."""
    blocks = len({linear.block for linear in shape.linears})
    grams = sum(s.in_features**2 for s in shape.shared) / blocks
    solving = max(s.in_features**2 / 2 + 2 * s.in_features * s.out_features for s in shape.shared)
    return FLOAT32 * (grams + solving)


def states_cost(kind: JobKind, shape: ModelShape, setting: Setting) -> Cost:
    """A job of `collect_states`: one load, one forward pass of the dense model without its head."""
    evaluation = setting.study.evaluation
    tokens = evaluation.documents * setting.tokens_per_document
    weights = shape.parameters * setting.weight_bytes(shape)
    operations = forward_operations(shape, tokens, evaluation.length)
    seconds = startup(weights) + operations / (setting.rate * REACHED)
    return Cost(seconds, LIBRARIES + weights + states_bytes(shape, setting))


def states_bytes(shape: ModelShape, setting: Setting) -> float:
    """Bytes of the last hidden states of a language's texts."""
    tokens = setting.study.evaluation.documents * setting.tokens_per_document
    return tokens * shape.hidden * setting.weight_bytes(shape)


def perplexity_cost(kind: JobKind, shape: ModelShape, setting: Setting) -> Cost:
    """A job of `measure_perplexity`: one load, then every variant in turn, and the head of all and of the dense model."""
    evaluation = setting.study.evaluation
    tokens = evaluation.documents * setting.tokens_per_document
    weights = shape.parameters * setting.weight_bytes(shape)
    operations = kind.variants * forward_operations(shape, tokens, evaluation.length)
    operations += (kind.variants + 1) * head_operations(shape, tokens)
    applying = kind.variants * weights / LOADING
    seconds = startup(weights) + operations / (setting.rate * REACHED) + applying
    logits = 3 * FLOAT32 * min(LOGITS, shape.vocabulary * tokens)
    dense = states_bytes(shape, setting)
    waiting = min(kind.variants * dense, max(WAITING, dense))
    return Cost(seconds, LIBRARIES + weights + logits + dense + waiting)


def cloze_cost(kind: JobKind, shape: ModelShape, setting: Setting) -> Cost:
    """A job of `score_cloze`: one load, then every variant in turn; candidates share the tokens of their prompt."""
    evaluation = setting.study.evaluation
    tokens, scored = evaluation.cloze * TOKENS_PER_ITEM, evaluation.cloze * SCORED_PER_ITEM
    weights = shape.parameters * setting.weight_bytes(shape)
    operations = forward_operations(shape, tokens, TOKENS_PER_ITEM) + head_operations(shape, scored)
    seconds = startup(weights) + kind.variants * (operations / (setting.rate * REACHED) + weights / LOADING)
    return Cost(seconds, LIBRARIES + weights + FLOAT32 * LOGITS)


def tasks_cost(kind: JobKind, shape: ModelShape, setting: Setting) -> Cost:
    """A job of `score_tasks`: one load, then every variant in turn, and every task of each; lm-eval is slow to import."""
    items = kind.asked * (setting.study.evaluation.task_items or ITEMS_OF_TASK)
    weights = shape.parameters * setting.weight_bytes(shape)
    tokens = items * TOKENS_PER_QUESTION
    operations = forward_operations(shape, tokens, TOKENS_PER_QUESTION) + head_operations(
        shape, items * SCORED_PER_ITEM
    )
    seconds = startup(weights) + HARNESS + kind.variants * (operations / (setting.rate * REACHED) + weights / LOADING)
    return Cost(seconds, LIBRARIES + HARNESS_BYTES + weights + FLOAT32 * LOGITS)


def questions_cost(kind: JobKind, shape: ModelShape, setting: Setting) -> Cost:
    """A job of `answer_questions`: one load, then every variant in turn; answers, and the likelihood of the gold ones."""
    asked = setting.study.evaluation.questions
    golds = GOLDS * asked.items
    scoring = forward_operations(shape, golds * TOKENS_PER_ASKED, TOKENS_PER_ASKED) + head_operations(
        shape, golds * TOKENS_PER_GOLD
    )
    return writing_cost(kind, shape, setting, asked.items, TOKENS_PER_ASKED, asked.tokens, asked.batch, scoring)


def continuations_cost(kind: JobKind, shape: ModelShape, setting: Setting) -> Cost:
    """A job of `continue_prompts`: one load, then every variant in turn."""
    continued = setting.study.evaluation.continuations
    prompts, opening = continued.prompts, continued.opening
    return writing_cost(kind, shape, setting, prompts, opening, continued.tokens, continued.batch)


def representations_cost(kind: JobKind, shape: ModelShape, setting: Setting) -> Cost:
    """A job of `collect_representations`: one load, the dense model, then every variant in turn, without the head."""
    tokens = setting.study.evaluation.representations.documents * setting.tokens_per_document
    weights = shape.parameters * setting.weight_bytes(shape)
    operations = (1 + kind.variants) * forward_operations(shape, tokens, TOKENS_PER_ITEM)
    kept = len({linear.block for linear in shape.linears}) * tokens * shape.hidden * setting.weight_bytes(shape)
    seconds = startup(weights) + operations / (setting.rate * REACHED) + kind.variants * weights / LOADING
    return Cost(seconds, LIBRARIES + TOKENIZER * shape.vocabulary + weights + kept)


def activations_cost(kind: JobKind, shape: ModelShape, setting: Setting) -> Cost:
    """A job of `count_activations`: one load, then every variant in turn, without the head."""
    evaluation = setting.study.evaluation
    weights = shape.parameters * setting.weight_bytes(shape)
    operations = kind.variants * forward_operations(shape, evaluation.activations.tokens, evaluation.length)
    seconds = startup(weights) + operations / (setting.rate * REACHED) + kind.variants * weights / LOADING
    batch = evaluation.activations.batch * evaluation.length * neurons(shape) * setting.weight_bytes(shape)
    return Cost(seconds, LIBRARIES + weights + batch)


def neurons(shape: ModelShape) -> int:
    """Neurons of the feed-forward layers of all blocks: the widest inputs of their linears."""
    widest: dict[int, int] = {}
    for linear in shape.linears:
        widest[linear.block] = max(widest.get(linear.block, 0), linear.in_features)
    return sum(widest.values())


def writing_cost(
    kind: JobKind,
    shape: ModelShape,
    setting: Setting,
    prompts: int,
    opening: int,
    tokens: int,
    batch: int,
    further: float = 0.0,
) -> Cost:
    """Of texts of `tokens` tokens after prompts of `opening`, written `batch` at a time, and `further` operations.

    A step reads all weights, whatever the batch: it takes as long as reading them, or as its operations, if that is longer.
    """
    weights = shape.parameters * setting.weight_bytes(shape)
    steps = ceil(prompts / batch) * tokens
    written = prompts * tokens
    reading = steps * weights / READING
    stepping = SHORT_STEPS * (forward_operations(shape, written, opening + tokens) + head_operations(shape, written))
    whole = forward_operations(shape, prompts * opening, opening) + further
    rate = setting.rate * REACHED
    seconds = startup(weights) + kind.variants * (max(reading, stepping / rate) + whole / rate + weights / LOADING)
    held = LIBRARIES + TOKENIZER * shape.vocabulary + weights + FLOAT32 * max(LOGITS, batch * shape.vocabulary)
    return Cost(seconds, held)


def generate_cost(kind: JobKind, shape: ModelShape, setting: Setting) -> Cost:
    """A job of `make_control` that writes texts: a forward pass a token of a batch, and a draw from all of its logits."""
    calibration = setting.study.calibration
    documents = max(64, (calibration.documents or calibration.windows) * len(calibration.seeds))
    weights = shape.parameters * setting.weight_bytes(shape)
    tokens = documents * setting.tokens_per_document
    operations = 2 * tokens * (shape.active + shape.vocabulary * shape.hidden)
    drawn = 3 * 2 * FLOAT32 * TEXTS_AT_A_TIME * shape.vocabulary
    seconds = startup(weights) + SHORT_STEPS * operations / (setting.rate * REACHED)
    return Cost(seconds, LIBRARIES + 1.3 * weights + drawn)


def tokenizer_cost(kind: JobKind, shape: ModelShape, setting: Setting) -> Cost:
    """A job that loads a tokenizer, and hardly does more."""
    return Cost(6, LIBRARIES + TOKENIZER * shape.vocabulary)


def prepare_cost(kind: JobKind, shape: ModelShape, setting: Setting) -> Cost:
    """A job of `prepare_model`: weights made into a copy or linked, and all of them hashed."""
    copied = shape.parameters * FLOAT32
    source = setting.study.models[kind.model]
    if source.packaged or source.gguf:
        return Cost(STARTUP + 10 + copied / WRITING, LIBRARIES + copied)
    return Cost(STARTUP + shape.parameters * shape.dtype_bytes / LOADING, LIBRARIES)


def overlap_cost(kind: JobKind, shape: ModelShape, setting: Setting) -> Cost:
    """A job of `overlap_masks`: every pair of masks, a bit a weight."""
    pairs = kind.variants * (kind.variants - 1) / 2
    return Cost(1 + pairs * shape.prunable / 8 / LOADING, LIBRARIES)


def gpu_bytes(shape: ModelShape, setting: Setting) -> float:
    """What evaluation holds on a GPU: the whole model and its logits. Pruning has one block there at a time."""
    return perplexity_cost(JobKind("", "perplexity", 1), shape, setting).memory - LIBRARIES


def startup(weights: float) -> float:
    """Seconds until a model of so many bytes is loaded."""
    return STARTUP + weights / LOADING


def constant(seconds: float) -> Callable[[JobKind, ModelShape | None, Setting], Cost]:
    """A cost that hardly depends on anything."""
    return lambda kind, shape, setting: Cost(seconds, LIBRARIES)


COSTS: dict[str, Callable[[JobKind, ModelShape, Setting], Cost]] = {
    "collect": constant(1),
    "prepare": prepare_cost,
    "tokenize": tokenizer_cost,
    "control": tokenizer_cost,
    "generate": generate_cost,
    "sample": constant(1),
    "prune": prune_cost,
    "states": states_cost,
    "perplexity": perplexity_cost,
    "cloze": cloze_cost,
    "tasks": tasks_cost,
    "questions": questions_cost,
    "continuations": continuations_cost,
    "representations": representations_cost,
    "activations": activations_cost,
    "overlap": overlap_cost,
    "tabulate_perplexity": constant(2),
    "tabulate_cloze": constant(2),
    "tabulate_questions": constant(2),
    "tabulate_continuations": constant(5),
    "tabulate_layers": constant(2),
    "tabulate_tasks": constant(2),
    "compare_calibrations": constant(5),
    "compare_representations": constant(30),
    "compare_activations": constant(20),
    "draw_figures": constant(8),
    "write_report": constant(3),
}
ON_GPU = {
    "generate",
    "prune",
    "states",
    "perplexity",
    "cloze",
    "tasks",
    "questions",
    "continuations",
    "representations",
    "activations",
}
"""Jobs that compute on a model, and have a GPU for themselves where there is one."""
NEEDS_SHAPE = ON_GPU | {"tokenize", "control", "prepare", "overlap"}


@dataclass(frozen=True)
class Stage:
    """All jobs of a rule: their number, the seconds of all of them one after the other, the peak of the largest.

    Seconds and memory are None where a model's shape is not known.
    """

    rule: str
    jobs: int
    seconds: float | None
    memory: float | None


def cost_of(kind: JobKind, shapes: Mapping[str, ModelShape | None], setting: Setting) -> Cost | None:
    """What a job takes, None where it depends on the shape of a model that is not known."""
    shape = shapes.get(kind.model)
    return None if kind.task in NEEDS_SHAPE and shape is None else COSTS[kind.task](kind, shape, setting)


def stages(kinds: list[JobKind], shapes: dict[str, ModelShape | None], setting: Setting) -> list[Stage]:
    """The stages of a study in the order of its pipeline."""
    rules = list(dict.fromkeys(kind.rule for kind in kinds))
    return [_stage(rule, [kind for kind in kinds if kind.rule == rule], shapes, setting) for rule in rules]


def _stage(rule: str, kinds: list[JobKind], shapes: dict[str, ModelShape | None], setting: Setting) -> Stage:
    jobs = sum(kind.jobs for kind in kinds)
    costs = [cost_of(kind, shapes, setting) for kind in kinds]
    if None in costs:
        return Stage(rule, jobs, None, None)
    seconds = sum(kind.jobs * cost.seconds for kind, cost in zip(kinds, costs, strict=True))
    return Stage(rule, jobs, seconds, max(cost.memory for cost in costs))


def wall_seconds(stage: Stage, side_by_side: int) -> float:
    """Seconds of a stage when so many jobs run at a time."""
    return stage.seconds / min(side_by_side, stage.jobs) if stage.seconds else 0.0


def total_seconds(planned: list[Stage], side_by_side: int) -> float:
    """Seconds of all stages whose cost is known, one stage after the other."""
    return sum(wall_seconds(stage, side_by_side) for stage in planned)
