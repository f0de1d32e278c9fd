"""Every kind of artifact: where it is, which step writes it, what one row is, and what its columns mean.

A new table is one entry of `ARTIFACTS`. Its schema is the object that the code writes it by, and a column that `COMMON`
describes needs no words of its own. A test holds the entries against the files of a real run.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

from workflow_scripts.analysis import activations as activation_analysis
from workflow_scripts.analysis import (
    choices,
    clusters,
    effects,
    errors,
    families,
    fidelity,
    inputs,
    matrix,
    overlap,
    predictors,
    recommendation,
    relations,
    within,
)
from workflow_scripts.analysis import cloze as cloze_analysis
from workflow_scripts.analysis import questions as questions_analysis
from workflow_scripts.analysis import representations as representation_analysis
from workflow_scripts.analysis import tasks as task_analysis
from workflow_scripts.corpora.document import DOCUMENTS_SCHEMA
from workflow_scripts.corpora.tokens import TOKENS_SCHEMA
from workflow_scripts.corpora.windows import WINDOWS_SCHEMA
from workflow_scripts.evaluation.cloze_items import ITEMS_SCHEMA
from workflow_scripts.evaluation.questions import QUESTIONS_SCHEMA
from workflow_scripts.evaluation.schemas.activations import ACTIVATIONS_SCHEMA
from workflow_scripts.evaluation.schemas.answers import ANSWERS_SCHEMA
from workflow_scripts.evaluation.schemas.cloze import CLOZE_SCHEMA
from workflow_scripts.evaluation.schemas.continuations import CONTINUATIONS_SCHEMA
from workflow_scripts.evaluation.schemas.perplexity import PERPLEXITY_SCHEMA
from workflow_scripts.evaluation.tasks.items import TASK_ITEMS
from workflow_scripts.masks.store import SCHEMA as MASKS_SCHEMA
from workflow_scripts.pruning.layers import LAYERS_SCHEMA
from workflow_scripts.steps.overlap_masks import OVERLAP_SCHEMA
from workflow_scripts.steps.tabulate_cloze import CLOZE_TABLE
from workflow_scripts.steps.tabulate_continuations import CONTINUATIONS_TABLE
from workflow_scripts.steps.tabulate_layers import LAYERS_TABLE
from workflow_scripts.steps.tabulate_perplexity import PERPLEXITY_TABLE
from workflow_scripts.steps.tabulate_questions import QUESTIONS_TABLE
from workflow_scripts.steps.tabulate_tasks import TASKS_TABLE

PLACEHOLDERS = {
    "variant": r"dense|(?:[^/]+/){4}\d+",
    "seed": r"\d+",
    "language": r"[^/~]+",
    "items": r"\d+",
    "task": r"(?!cloze-\d+/)[^/]+",
    "asked": r"\d+|all",
    "file": r"(?!provenance\.json$)[^/]+",
    "format": r"svg|png",
}
"""What stands for a placeholder of a path pattern, where that is not simply one folder or name."""

COMMON = {
    "model": "name of the model in the study",
    "variant": "`dense`, or method/pattern/sample-propagation/calibration/seed",
    "method": "pruning method; `dense` for the model as it came",
    "pattern": "which weights went, as in paths: `0.5`, `2of4`; `none` for the dense model",
    "sample": "calibration sample, {corpus}-{windows}x{length}, or {corpus}-{documents}docsx{length} where calibrations are "
    "matched on content; `none` without calibration",
    "propagation": "what a block saw at calibration; `none` without calibration",
    "calibration": "the study's name of the language, mixture or control; `none` without calibration",
    "calibration_a": "calibration of the first of the two",
    "calibration_b": "calibration of the second of the two; `none` for the magnitude mask",
    "seed": "which draw of calibration documents",
    "seeds": "number of seeds behind the row",
    "language": "language of the texts",
    "corpus": "evaluation sample, {corpus}-{documents}x{length}",
    "doc_id": "name of the document, shared across the languages of a parallel corpus",
    "split": "`calibration` or `evaluation`",
    "register": "kind of text, empty when unknown",
    "unit": "unit of losses: bits per byte, or nats per token where texts have no known size",
    "documents": "number of documents behind the row",
    "nats": "negative log-likelihood of the scored tokens, in nats",
    "tokens": "number of scored tokens",
    "bytes": "size of the texts in UTF-8, in bytes; 0 where windows cross documents",
    "characters": "size of the texts, in characters; 0 where windows cross documents",
    "divergence": "Kullback-Leibler divergence of the variant's predictions from the dense model's, summed over the scored "
    "tokens, in nats",
    "agreement": "number of scored tokens for which both have the same likeliest token",
    "block": "number of the decoder layer, from 0",
    "module": "name of the linear within its block, such as `self_attn.q_proj`",
    "relation": "`magnitude`: calibrated against magnitude; `same`: one calibration, two seeds; `between`: two calibrations",
    "mask_pairs": "number of pairs of masks behind the row",
    "intersection": "number of weights that both masks keep",
    "union": "number of weights that either mask keeps",
    "iou": "intersection over union",
    "sparsity": "share of the weights that went",
    "local_error": "squared error of the output over its square, for equal inputs; NaN without calibration",
    "path_error": "the same, the dense model's output against the pruned model's; NaN for experts and without calibration",
    "signal_to_noise": "in dB, from `local_error`",
    "damping": "share of the mean diagonal added to the Hessian; NaN where there is none",
    "sample_tokens": "number of tokens behind the errors",
    "criterion": "what decided which weights went: the method, or `magnitude` for an expert that no token was sent to",
    "item_id": "name of the cloze item, the same in all languages",
    "hash": "digest of prompt, candidates and answer",
    "category": "place, nature, number or everyday",
    "answer": "place of the true candidate, from 0",
    "loglikelihoods": "of each candidate after the prompt, in nats",
    "margin": "log-likelihood of the true candidate minus the best other's, in nats",
    "correct": "whether the true candidate is the likeliest",
    "items": "number of cloze items",
    "floor": "pooled overlap of the two calibrations with the magnitude mask; empty when not measured",
    "ceiling": "pooled overlap of the same calibration with another seed; empty with one seed",
    "position": "(iou - floor) / (ceiling - floor): 0 is no text at all, 1 is another seed",
}
"""Column -> what it means, wherever it stands."""


@dataclass(frozen=True)
class Artifact:
    """A kind of artifact.

    Attributes:
        title: what it is.
        path: pattern below results/, with a placeholder in braces for each part that varies.
        step: the step that writes it.
        row: what one row of a table, one tensor or one key is.
        schema: the schema of a table; None for other files.
        columns: column -> meaning, where `COMMON` does not say it; for a JSON record, key -> meaning.
    """

    title: str
    path: str
    step: str
    row: str
    schema: pa.Schema | pl.Schema | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def arrow_schema(self) -> pa.Schema | None:
        """The schema as it stands in the Parquet file."""
        if isinstance(self.schema, pl.Schema):
            return pl.DataFrame(schema=self.schema).to_arrow().schema
        return self.schema

    def meanings(self) -> dict[str, str]:
        """Column or key -> what it means, in stored order.

        Raises:
            KeyError: a column is described nowhere.
        """
        names = self.columns if self.arrow_schema is None else self.arrow_schema.names
        return {name: self.columns[name] if name in self.columns else COMMON[name] for name in names}

    def matches(self, path: str) -> bool:
        """Whether a path below results/ is of this kind."""
        parts = re.split(r"\{(\w+)\}", self.path)
        pattern = "".join(
            f"(?:{PLACEHOLDERS.get(part, '[^/]+')})" if number % 2 else re.escape(part)
            for number, part in enumerate(parts)
        )
        return re.fullmatch(pattern, path) is not None


def table(name: str, row: str, schema: pl.Schema, step: str = "compare_calibrations", **columns: str) -> Artifact:
    """A table that figures and report are made of."""
    path = f"reports/{{study}}/tables/{name}.parquet"
    return Artifact(f"Table `{name}`", path, step, row, schema, columns)


def spanned(measure: str, meaning: str) -> dict[str, str]:
    """A measure with its smallest and largest value over seeds."""
    return {
        measure: f"{meaning}, mean over seeds",
        f"{measure}_min": "smallest over seeds",
        f"{measure}_max": "largest over seeds",
    }


def effect_table(name: str, row: str, schema: pl.Schema = effects.EFFECTS, **columns: str) -> Artifact:
    """A table of paired differences between a language's own calibration and others."""
    told = dict(
        own="the evaluation language, and the calibration in it",
        other="the other calibration",
        difference="loss with own minus loss with other, in the unit, mean over documents and seeds; negative: own is better",
        low="lower end of the 95 % interval of the difference; empty where there is none",
        high="upper end of that interval",
        standard_error="standard error of the difference over crossed documents and seeds",
        degrees_of_freedom="of the t distribution behind interval and p-value",
        p_value="two-sided, of the t-test behind the interval",
        detectable="the true difference that this test finds with a probability of 80 % (level 5 %, uncorrected), in the unit; "
        "empty where there is no interval",
        own_loss="loss with own minus the dense model's, in the unit",
        relative="difference over own_loss; empty unless own loses something",
        documents_better="number of documents on which own wins, averaged over seeds",
        reason="why there is no interval, else empty",
        p_holm=f"p_value after Holm's correction within the family `{name}`: {families.in_words(name)}",
    )  # fmt: skip
    return table(name, row, schema, **told | columns)


TASK_COLUMNS = {
    "item_id": "name of the item, the same in all languages where the data have one; else its position",
    "hash": "digest of what the model is shown, and of the right answer",
    "cluster": "the first item with the same passage or premise; the item itself where none is shared",
    "answer": "place of the right choice, from 0; empty where several are right, or where the model writes its answer",
    "loglikelihoods": "of each choice after the question, in nats; empty where the model writes its answer",
    "lengths": "size of each choice in UTF-8, in bytes; likewise",
    "margin": "log-likelihood of the right choice (of several, the likeliest) minus the best other's, in nats; likewise",
    "correct": "the task's metric of the item, as lm-eval computes it, from 0 to 1",
    "chance": "accuracy of guessing; empty where the model writes its answer",
}
"""Columns of the items of tasks that go through lm-eval."""

QUESTION = {
    "item_id": "name of the question, the same in all languages: `example_id`",
    "hash": "digest of the question and its gold answers",
    "type": "MKQA's type of answer, such as entity, date or number",
    "question": "the question",
}
ANSWER = QUESTION | {
    "prediction": "the first line that the model writes",
    "exact_match": "1 if it is a gold answer, both normalised, else 0",
    "f1": "overlap in tokens with the gold answer where that is highest, 0 to 1",
    "golds": "number of gold answers",
    "likeliest": "the gold answer with the highest log-likelihood; empty where the question has none",
    "loglikelihood": "its log-likelihood after the prompt, in nats",
    "tokens": "number of its tokens",
}
WRITTEN = {
    "prompt": "the beginning of the document that the model was shown",
    "text": "what it wrote after it",
    "token_ids": "the same as tokens, without the one that ended it",
    "ended": "whether the model ended the text before it was as long as it might be",
}
VOUCHED = {
    "files": "name of a file beside the record -> SHA-256",
    "provenance": "what made the artifact: step, parameters, digests of code and inputs, versions",
}
"""Keys of a record that vouches for files without a provenance of their own."""

ARTIFACTS = (
    Artifact(
        "Record of a model", "models/{model}/provenance.json", "prepare_model", "a property of the dense model",
        columns={
            "source": "where the model comes from: kind, name, revision or digest, licence",
            "architecture": "class of the model in transformers",
            "parameters": "number of stored weights",
            "boundary": "token ids between texts: bos, eos, blank_line",
            "tensors": "name of a tensor -> SHA-256 of its type, shape and bytes",
            "files": "name of any other file of the checkpoint -> SHA-256",
            "provenance": VOUCHED["provenance"],
        },
    ),
    Artifact(
        "Dense model", "models/{model}/{file}", "prepare_model",
        "a file of a checkpoint directory that transformers loads; links, where the model was at hand",
    ),
    Artifact(
        "Documents", "corpora/{corpus}/{language}.parquet", "collect_documents",
        "a document, calibration first, in the order of drawing", DOCUMENTS_SCHEMA,
        {
            "text": "the whole text",
            "sentences": "its sentences in order, empty when unknown",
            "origin": "language in which the text was first written, empty when unknown",
        },
    ),
    Artifact(
        "Tokens", "tokens/{model}/{corpus}/{language}.parquet", "tokenize_documents", "a document", TOKENS_SCHEMA,
        {
            "token_ids": "its tokens, without special tokens",
            "bytes": "size of the text in UTF-8, in bytes",
            "characters": "size of the text, in characters",
        },
    ),
    Artifact(
        "Tokens of a control", "tokens/{model}/{corpus}/{language}~{control}.parquet", "make_control",
        "a calibration document of the control, after a document of the language", TOKENS_SCHEMA,
        {
            "token_ids": "its tokens, without special tokens",
            "bytes": "size of the text in UTF-8, in bytes; of random tokens, that of the document they stand for",
            "characters": "size of the text, in characters; likewise",
        },
    ),
    Artifact(
        "Cloze items", "cloze/{model}/{language}.parquet", "tokenize_cloze", "an item", ITEMS_SCHEMA,
        {
            "statements": "tokens of the prompt with each candidate, the start token first",
            "shared": "number of leading tokens that all statements share",
        },
    ),
    Artifact(
        "Calibration windows", "calibration/{model}/{sample}/{calibration}/{seed}.parquet", "sample_calibration",
        "a window", WINDOWS_SCHEMA,
        {
            "window": "number of the window, from 0",
            "weight": "weight of the window in the statistics; the windows of a language weigh its exact share",
            "doc_ids": "documents that the window is cut from, in order",
            "token_ids": "the tokens that go through the model, BOS among them",
        },
    ),
    Artifact(
        "Masks", "pruned/{model}/{variant}/masks.parquet", "prune_model",
        "a linear, in a row group of its own; read it with `workflow_scripts.masks.store.MaskStore`", MASKS_SCHEMA,
        {
            "out_features": "rows of the weight matrix",
            "in_features": "columns of the weight matrix",
            "kept": "number of weights that are kept",
            "packed": "the mask, one bit a weight, little-endian, each matrix row padded to a byte",
        },
    ),
    Artifact(
        "Kept weights", "pruned/{model}/{variant}/weights.safetensors", "prune_model",
        "a tensor `{block}.{module}` [kept] for each linear: the kept values row by row, in the model's dtype; only for "
        "methods that change them",
    ),
    Artifact(
        "Diagnostics of layers", "pruned/{model}/{variant}/layers.parquet", "prune_model", "a linear", LAYERS_SCHEMA,
        {
            "input_norms": "Euclidean norm of each of its inputs over the tokens of the calibration, the same for linears that "
            "share their input; empty without calibration",
        },
    ),
    Artifact(
        "Last hidden states", "states/{model}/{sample}/{language}.safetensors", "collect_states",
        "one tensor `states` [scored tokens, hidden]: what the dense model's head makes its predictions of, for the scored "
        "tokens of all documents in order",
    ),
    Artifact(
        "Perplexity", "perplexity/{model}/{variant}/{sample}/{language}.parquet", "measure_perplexity",
        "a document; under the protocol `published` a window", PERPLEXITY_SCHEMA,
    ),
    Artifact(
        "Scores of cloze items", "tasks/{model}/{variant}/cloze-{items}/{language}.parquet", "score_cloze",
        "an item", CLOZE_SCHEMA, {"tokens": "number of scored tokens of each candidate"},
    ),
    Artifact(
        "Items of a task", "tasks/{model}/{variant}/{task}-{asked}/{language}.parquet", "score_tasks",
        "an item, in the order of the task's data", TASK_ITEMS, TASK_COLUMNS,
    ),
    Artifact(
        "Questions", "question_sets/{questions}/{language}.parquet", "collect_questions", "an open question",
        QUESTIONS_SCHEMA, QUESTION | {"answers": "its gold answers, aliases among them; the empty one where it has none"},
    ),
    Artifact(
        "Answers to questions", "questions/{model}/{variant}/{sample}/{language}.parquet", "answer_questions",
        "an open question", ANSWERS_SCHEMA, ANSWER,
    ),
    Artifact(
        "Continuations", "continuations/{model}/{variant}/{sample}/{language}.parquet", "continue_prompts",
        "a prompt", CONTINUATIONS_SCHEMA, WRITTEN,
    ),
    Artifact(
        "Representations", "representations/{model}/{variant}/{sample}/{language}.safetensors", "collect_representations",
        "three tensors: `pooled` [blocks, sentences, hidden], the mean of a block's output over the tokens of a sentence; `power` "
        "[blocks, sentences], the squares of the dense model's states, summed over tokens and features; `noise`, the same of their "
        "difference from the variant's",
    ),
    Artifact(
        "Activations", "activations/{model}/{variant}/{sample}/{language}.parquet", "count_activations", "a neuron",
        ACTIVATIONS_SCHEMA,
        {
            "neuron": "number of the neuron within the block's feed-forward layer, from 0",
            "first": "tokens of the first half of the texts on which it fires",
            "second": "tokens of the second half on which it fires",
            "tokens": "tokens of a half",
        },
    ),
    Artifact(
        "Table `questions`", "reports/{study}/tables/questions.parquet", "tabulate_questions",
        "a model, variant, language and open question", QUESTIONS_TABLE,
        ANSWER | {"corpus": "{questions}-{items}x{tokens of an answer at most}"},
    ),
    Artifact(
        "Table `continuations`", "reports/{study}/tables/continuations.parquet", "tabulate_continuations",
        "a model, variant, language and prompt", CONTINUATIONS_TABLE,
        {key: meaning for key, meaning in WRITTEN.items() if key != "token_ids"}
        | {
            "corpus": "{corpus}-{prompts}x{tokens of a prompt}-{tokens of a text at most}",
            "tokens": "number of tokens of the text",
            "empty": "whether it is nothing but blanks",
            "script_share": "share of its letters that are in the script of the prompts",
            "identified": "the likeliest language, told among the study's and the most frequent others; empty without a "
            "letter, or where the language of the prompt is not known to what tells it",
            "probability": "probability of the prompt's language, 0 without a letter; empty where that is not known",
            "in_language": "whether the prompt's language is the likeliest; empty where it is not known",
            "repetition": "share of its 4-grams of tokens that have been there before in it",
            "distinct": "different 2-grams of tokens over all",
        },
    ),
    Artifact(
        "Table `perplexity`", "reports/{study}/tables/perplexity.parquet", "tabulate_perplexity",
        "a model, variant, evaluation language and document", PERPLEXITY_TABLE,
    ),
    Artifact(
        "Table `cloze`", "reports/{study}/tables/cloze.parquet", "tabulate_cloze",
        "a model, variant, language and cloze item", CLOZE_TABLE,
        {"corpus": "`cloze` and the number of items", "tokens": "number of scored tokens of each candidate"},
    ),
    Artifact(
        "Table `tasks`", "reports/{study}/tables/tasks.parquet", "tabulate_tasks",
        "a model, variant, task, language and item", TASKS_TABLE,
        TASK_COLUMNS | {"corpus": "the task, as the study calls it"},
    ),
    Artifact(
        "Table `layers`", "reports/{study}/tables/layers.parquet", "tabulate_layers",
        "a calibrated variant and a linear", LAYERS_TABLE,
    ),
    Artifact(
        "Overlap of masks", "reports/{study}/overlap/{model}/{method}-{pattern}.parquet", "overlap_masks",
        "a pair of masks and a linear", OVERLAP_SCHEMA,
        {
            "seed_a": "seed of the first",
            "seed_b": "seed of the second; 0 for the magnitude mask",
            "kept_a": "number of weights that the first keeps",
            "kept_b": "number of weights that the second keeps",
            "input_similarity": "Pearson's correlation of the logarithms of the linear's input norms under the two; empty "
            "against magnitude, for an expert that one of them sent no token to, and for norms that are all alike",
        },
    ),
    table(
        "matrix", "a variant and an evaluation language", matrix.MATRIX,
        perplexity="exp(nats / tokens)",
        bits_per_byte="all bits over all bytes; empty where the unit is another",
        dense_nats="nats of the dense model on the same documents",
        ratio_to_dense="perplexity over the dense model's",
        divergence="Kullback-Leibler divergence from the dense model, nats per token",
        agreement="share of the tokens for which both have the same likeliest one",
    ),
    table(
        "mean_matrix", "a variant without its seed, and an evaluation language: means over seeds", matrix.MEAN_MATRIX,
        tokens="number of scored tokens of one seed",
        **{
            f"{unit}{suffix}": f"{words} of {unit.replace('_', ' ')} over seeds"
            for unit in matrix.UNITS
            for suffix, words in (("", "mean"), ("_min", "smallest"), ("_max", "largest"))
        },
    ),
    *(
        effect_table(name, row)
        for name, row in (
            ("effects", "an evaluation language, its own calibration and another language's"),
            ("baselines", "an evaluation language, its own calibration and a mixture or control"),
            ("divergence_effects", "an evaluation language, its own calibration and another one, in nats per token of divergence"),
            ("questions_effects", "a language of open questions, its own calibration and another one"),
            ("fidelity_effects", "a language of prompts, a unit, its own calibration and another one"),
            ("cloze_effects", "a language whose items the dense model knows, its own calibration and another one"),
        )
    ),
    table(
        "cloze_matrix", "a variant without its seed, and a language: means over seeds", cloze_analysis.CLOZE_MATRIX,
        corpus="`cloze` and the number of items",
        candidates="number of candidates of an item",
        accuracy="share of items whose true candidate is the likeliest, mean over seeds",
        accuracy_min="smallest over seeds",
        accuracy_max="largest over seeds",
        margin="mean margin over items and seeds, in nats",
        dense_accuracy="accuracy of the dense model",
        dense_p_value="of the dense model against chance: exact binomial test, one-sided; Holm within the family "
        f"`cloze_chance`: {families.in_words('cloze_chance')}",
        above_chance="whether that p-value is below 0.05",
    ),
    table(
        "task_matrix", "a variant without its seed, a task and a language: means over seeds", task_analysis.TASK_MATRIX,
        corpus="the task",
        items="number of items",
        clusters="number of clusters: items that share a passage or premise are one",
        chance="accuracy of guessing, mean over items; empty where answers are open",
        accuracy="mean of the task's metric over items and seeds",
        accuracy_min="smallest over seeds",
        accuracy_max="largest over seeds",
        accuracy_sd="standard deviation over seeds; empty of one seed",
        margin="mean margin over items and seeds, in nats; empty where the task has none",
        dense_accuracy="accuracy of the dense model",
        dense_p_value="of the dense model against chance, one-sided: the larger p-value of an exact binomial test over items "
        f"and a t-test over clusters; Holm within the family `task_chance`: {families.in_words('task_chance')}",
        above_chance="whether that p-value is below 0.05",
    ),
    effect_table(
        "task_effects",
        "a task, a language in which the dense model beats chance (or all of them pooled), its own calibration and another "
        "one, and a unit",
        task_analysis.TASK_EFFECTS,
        corpus="the task",
        own="the evaluation language, and the calibration in it; `pooled` in pooled rows",
        documents="number of items; of pooled rows, over all languages",
        unit="points of accuracy, or nats of margin: as losses, both are lost",
        standard_error="standard error of the difference over crossed clusters and seeds",
        documents_better="number of items on which own wins, averaged over seeds",
        pooled="whether the row pools all languages but `other`",
        languages="number of languages in the row",
        clusters="number of clusters behind interval and tests; of pooled rows, the same item in several languages is in one",
        p_sign_flip="two-sided p-value of the cluster sign-flip test, averaged over seeds: of these masks alone",
        p_sign_flip_holm="p_sign_flip after Holm's correction within the same family",
    ),
    table(
        "within_mask", "an evaluation language, its own calibration and another one, and a seed; of studies with fewer "
        "than three seeds", within.WITHIN_MASK,
        own="the evaluation language, and the calibration in it",
        other="the other calibration",
        documents="number of documents, of tasks and cloze items that of items",
        clusters="number of clusters behind the interval: items that share a passage are one, all others stand alone",
        difference="loss with own minus loss with other under these two masks, mean over documents, in the unit",
        low="lower end of the 95 % interval over documents, both masks held fixed: studentised bootstrap; empty of fewer than "
        "8 clusters",
        high="upper end of that interval",
    ),
    table(
        "questions_matrix", "a variant without its seed, and a language: means over seeds",
        questions_analysis.QUESTIONS_MATRIX,
        corpus="{questions}-{items}x{tokens of an answer at most}",
        items="number of questions",
        exact_match="share of questions whose answer is a gold one",
        f1="mean F1 of answers",
        f1_min="smallest over seeds",
        f1_max="largest over seeds",
        loglikelihood="of the likeliest gold answer, in nats, mean over questions",
        loglikelihood_per_token="all nats of likeliest gold answers over all their tokens",
        dense_exact_match="the same of the dense model",
        dense_f1="the same of the dense model",
        dense_loglikelihood="the same of the dense model",
    ),
    table(
        "fidelity_matrix", "a variant without its seed, and a language: means over seeds", fidelity.FIDELITY_MATRIX,
        corpus="{corpus}-{prompts}x{tokens of a prompt}-{tokens of a text at most}",
        prompts="number of prompts",
        script_share="share of letters in the script of the prompts, mean over texts",
        distinct="different 2-grams of tokens over all, mean over texts",
        empty="share of texts that are nothing but blanks",
        ended="share of texts that the model ended early",
        tokens="mean number of tokens of a text",
        instead="the wrong language that most texts are in; empty where none is",
        dense_in_language="in_language of the dense model",
        dense_repetition="repetition of the dense model",
        **{
            f"{measure}{suffix}": f"{words} over seeds of {of}"
            for measure, of in (
                ("in_language", "the share of texts in the language of their prompt; empty where that cannot be told"),
                ("repetition", "the share of 4-grams of tokens that have been there before in the text"),
            )
            for suffix, words in (("", "mean"), ("_min", "smallest"), ("_max", "largest"))
        },
    ),
    table(
        "continuation_examples", "a language, and the texts after its first prompt", fidelity.EXAMPLES,
        corpus="{corpus}-{prompts}x{tokens of a prompt}-{tokens of a text at most}",
        prompt="the beginning of the document that the models were shown",
        dense="what the dense model wrote after it",
        own="what the variant wrote that is calibrated in the language",
        other_calibration="another calibration: English, else the first language",
        other="what the variant with that calibration wrote",
    ),
    *(
        table(
            name, row, errors.errors_schema(by),
            **{
                f"{measure}{suffix}": f"{words} of {measure.replace('_', ' ')} over seeds, on the calibration's own tokens"
                for measure in errors.MEASURES
                for suffix, words in (("", "mean"), ("_min", "smallest"), ("_max", "largest"))
            },
        )
        for name, by, row in (
            ("layer_errors", ["block", "module"], "a variant without its seed, and a linear"),
            ("error_by_block", ["block"], "a variant without its seed, and a block"),
        )
    ),
    table(
        "best_calibration", "an evaluation language and a calibration", recommendation.BEST,
        loss="mean loss over documents and seeds, in the unit",
        best="the calibration with the lowest loss",
        chosen="share of resamples of documents and seeds in which this calibration has the lowest loss",
        apparent_regret="loss above the best's, in the unit, on the very texts that chose it: flatters the best",
        regret="loss above that of the calibrations that other documents and other seeds choose, in the unit",
        low="lower end of its 95 % interval; empty where there is none",
        high="upper end of that interval",
        relative="regret over what the chosen calibrations lose against the dense model; empty unless they lose something",
        among_best="whether it cannot be told from the best: the true best one is among these with a probability of 95 % at "
        "least; empty where there are no intervals",
        reason="why there is no interval, else empty",
    ),
    table(
        "one_for_all", "a calibration for all evaluated languages together", recommendation.ONE_FOR_ALL,
        languages="number of evaluated languages",
        worst_language="the language with the largest drop",
        chosen="share of resamples of documents and seeds in which this calibration has the lowest worst drop",
        reason="why there are no intervals, else empty",
        **{
            f"{drop}_drop{end}": f"{words} by how much the loss grows over the dense model's, as a share of it{end_words}"
            for drop, words in (("mean", "mean over languages:"), ("worst", "in the worst language:"))
            for end, end_words in (("", ""), ("_low", "; lower end of the 95 % interval"), ("_high", "; upper end of it"))
        },
    ),
    table(
        "predictors", "a predictor of which calibration language serves an evaluated language", predictors.PREDICTORS,
        predictor="`mask_overlap` with the mask of the evaluated language's own calibration, `input_norms`: similarity of "
        "inputs to those of its own calibration, or `local_error` of the "
        "calibration on its own tokens",
        languages="number of languages that are calibration and evaluated",
        rho="Spearman's correlation of predicted with measured order, ranks within each evaluated language; 1: always right",
        low="lower end of its 95 % interval, by a jackknife over languages; empty with too few",
        high="upper end of that interval",
        p_value="two-sided, Mantel's test: languages relabelled as a whole; empty with too few",
        reason="why bounds or p-value are missing, else empty",
    ),
    table(
        "predicted_picks", "a predictor and an evaluated language: what it picks, the language itself left out",
        predictors.PICKS,
        predictor="`mask_overlap`, `input_norms` or `local_error`, as in `predictors`",
        pick="the calibration language that it picks",
        value="the predictor's value of the pick",
        regret="regret of the pick, as in `best_calibration`",
        best_regret="the lowest regret that one of these calibrations has",
        mean_regret="mean regret of them: of a pick at random",
        best_other="the calibration with the lowest",
    ),
    table(
        "choices", "a way to choose a calibration for each evaluated language", choices.CHOICES,
        way="`own`: the language itself; a predictor, as in `predictors`; `hindsight`: the best of the other languages; "
        "`chance`: any of them at random; else the calibration that serves all other languages",
        kind="own, predictor, hindsight, chance, language, mixture or control",
        languages="number of evaluated languages that it is averaged over; a language that serves all does not serve itself",
        right="in how many of them a predictor picks the best of the other languages; empty for other ways",
        mean_regret="mean over languages of the regret, as in `best_calibration`",
        worst_regret="the largest of them",
    ),
    table(
        "input_similarity", "two calibrations: mean over linears and seeds", inputs.INPUT_SIMILARITY,
        linears="number of pairs of masks and linears behind the row",
        similarity="mean correlation of the logarithms of input norms; 1: equal up to a factor",
        lowest="the lowest of them",
    ),
    table(
        "subspace_ranks", "a rank of the language-specific subspace of the dense model", representation_analysis.RANKS,
        "compare_representations",
        rank="number of its directions",
        explained="share of the variance between languages that it holds on documents it was not estimated on, mean over blocks",
        explained_min="smallest over blocks",
        explained_max="largest over blocks",
        retrieval="share of sentences whose nearest neighbour in another language, by the cosine of agnostic parts, is their "
        "translation; mean over blocks and languages",
        whole_retrieval="the same by whole vectors",
        chance="the same by chance",
        chosen="whether it is the lowest rank that holds nine tenths, or the highest",
        languages="number of languages",
        sentences="number of sentences a language",
    ),
    table(
        "subspaces", "a variant without its seed, a language, block, part and rank", representation_analysis.SUBSPACES,
        "compare_representations",
        part="`specific`: along the directions in which languages differ; `agnostic`: across them; `random`: mean of random "
        "subspaces of equal rank; `whole`: all, with rank 0",
        rank="rank of the language-specific subspace",
        chosen="whether it is the rank that was chosen",
        dense_retrieval="retrieval of the dense model; empty where it was not measured",
        **spanned("relative_error", "squared error in the part over the squares of the dense model's vectors in it"),
        **spanned("spread_error", "squared error in the part over the squares of those vectors about the mean of all languages"),
        **spanned("error_share", "squared error in the part over that in the whole space; `random`: what directions of no account hold"),
        **spanned("retrieval", "share of sentences that find their translation by this part; empty where not measured"),
    ),
    table(
        "evaluation_errors", "a variant without its seed, a language and a block", representation_analysis.EVALUATION_ERRORS,
        "compare_representations",
        **spanned("path_error", "squared difference from the dense model's states over their squares, on evaluation sentences"),
        **spanned("signal_to_noise", "the same in dB, positive where there is more signal"),
    ),
    effect_table(
        "evaluation_error_effects", "an evaluation language and another calibration",
        step="compare_representations",
        corpus="{corpus}-{documents}",
        unit="`dB of noise`: ten times the logarithm of noise over signal, mean over blocks",
        own_loss="empty: the dense model has no noise",
        relative="empty",
    ),
    table(
        "neurons", "a variant without its seed, and a language", activation_analysis.NEURONS, "compare_activations",
        calibration="calibration; of the dense model `half of the texts` for one half held against the other",
        language="language that the neurons are specific for, or `agnostic`",
        dense="number of such neurons in the dense model",
        pruned="number in the pruned model under the dense model's thresholds, mean over seeds",
        kept="number in both",
        lost="number in the dense model alone",
        new="number in the pruned model alone",
        **spanned("kept_share", "kept over dense"),
        **spanned("new_share", "new over pruned"),
    ),
    table(
        "neurons_by_block", "a variant without its seed, a language and a block", activation_analysis.NEURONS_BY_BLOCK,
        "compare_activations",
        calibration="calibration; of the dense model `half of the texts` for one half held against the other",
        language="language that the neurons are specific for, or `agnostic`",
        dense="number of such neurons in the dense model",
        pruned="number in the pruned model, mean over seeds",
        kept="number in both",
    ),
    table(
        "neuron_overlap", "a variant without its seed, and two languages", activation_analysis.NEURON_OVERLAP,
        "compare_activations",
        language_a="first of the two languages",
        language_b="second of them",
        both="number of neurons that are specific for both, mean over seeds",
        either="number that are specific for either",
        **spanned("jaccard", "both over either"),
    ),
    table(
        "lape_entropies", "a variant without its seed, and a bin of entropies", activation_analysis.ENTROPIES,
        "compare_activations",
        low="lower edge of the bin, in nats",
        high="upper edge",
        neurons="number of neurons that fire often in some language, with an entropy in the bin; mean over seeds",
        share="their share of all that fire often",
        dense_share="the same of the dense model",
    ),
    table(
        "mask_clusters", "two groups of calibrations that are joined", clusters.MASK_CLUSTERS,
        merge="number of the merge, from 0: the most alike first",
        calibrations="members of the new group, joined by `+`",
        left="members of the first of the two groups",
        right="members of the second",
        height="mean of 1 - iou over the pairs from one group to the other",
        cophenetic="correlation of 1 - iou with the height at which two calibrations meet; empty where all are equally far apart",
    ),
    table(
        "overlap_relations", "what overlap of masks is related to", relations.RELATIONS,
        corpus="evaluation sample of losses, `none` for local errors",
        goes_with="`loss`: perplexity lost by a foreign calibration; `local_error`: mean over linears of the absolute logarithm of "
        "the ratio of two calibrations' local errors",
        languages="number of languages",
        rho="Spearman's correlation of ranks within each language, positive where masks that share more differ less",
        low="lower end of its 95 % interval by the jackknife over languages; empty where there is none",
        high="upper end of that interval",
        p_value="two-sided, of a Mantel test; empty with too few languages",
        reason="why bounds or p-value are missing, else empty",
    ),
    table("overlap_by_pair", "two calibrations: pooled over linears and seeds", overlap.pooled_schema()),
    table("overlap_by_block", "two calibrations and a block", overlap.pooled_schema(["block"])),
    table("overlap_by_module", "two calibrations and a kind of linear", overlap.pooled_schema(["module"])),
    table("positions", "two calibrations: their overlap between floor and ceiling", overlap.positions_schema()),
    table("positions_by_module", "two calibrations and a kind of linear", overlap.positions_schema(["module"])),
    Artifact("Figures", "reports/{study}/figures/{figure}.{format}", "draw_figures", "a figure, as SVG and as PNG"),
    Artifact(
        "Record of figures", "reports/{study}/figures/provenance.json", "draw_figures",
        "what vouches for the figures beside it", columns=VOUCHED,
    ),
    Artifact(
        "Record of the report", "reports/{study}/provenance.json", "write_report",
        "what vouches for the report beside it", columns=VOUCHED,
    ),
    Artifact("Report", "reports/{study}/report.html", "write_report", "the report, in one file that opens offline"),
)  # fmt: skip


def kind_of(path: str) -> Artifact | None:
    """The kind of a path below results/, None where polyprune writes no such file."""
    return next((artifact for artifact in ARTIFACTS if artifact.matches(path)), None)
