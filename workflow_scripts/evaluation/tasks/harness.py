"""Ask lm-eval's questions of a loaded model: lm-eval words them and says what is right, the model and its masks are ours.

What it has answered so far is kept on disk, so that a job that was killed goes on where it was. lm-eval's own cache is not
used: it does not know the weights, and gives a pruned model the dense model's answers.
"""

import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from lm_eval.api.instance import Instance
from lm_eval.api.task import Task
from lm_eval.evaluator import evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from lm_eval.tasks._yaml_loader import load_yaml
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from workflow_scripts.artifacts.files import ArtifactError, canonical_json, read_provenance, refuse_damaged, write_json
from workflow_scripts.evaluation.batching import texts_go_together
from workflow_scripts.evaluation.head import rows_at_a_time
from workflow_scripts.evaluation.tasks.definitions import TaskError, own_repository, with_data_located
from workflow_scripts.evaluation.tasks.items import TASK_ITEMS, Reading, rows_of
from workflow_scripts.models.architectures import positions_of
from workflow_scripts.models.tokenizer import refuse_past_embedding

LENGTH = 2048
"""Tokens of a question, the examples before it and a choice; longer ones lose their beginning, as in lm-eval."""
TYPICAL = 256
"""Tokens of a question: with a large vocabulary, fewer questions go through the model at a time."""
SLICE = 64
"""Requests that are answered between two savings. Part of what decides the last bits, for they are batched within it."""
SEED = 1234
"""lm-eval's own for the choice of examples, and of everything that is drawn."""


class SavingLM(HFLM):
    """A loaded model as lm-eval asks it, whose answers are saved as they come.

    Attributes:
        progress: folder of the answers that belong to what the model holds now.
        provenance: what they were made from.
    """

    def __init__(self, network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, batch: int) -> None:
        """Wrap a model; up to `batch` questions go through it at a time, fewer where its vocabulary is large or they would change each other's answers."""
        longest = min(positions_of(network.config.get_text_config()) or LENGTH, LENGTH)
        together = texts_go_together(network, longest)
        self.progress, self.provenance = Path(), {}
        self._last: int | None = None
        super().__init__(
            pretrained=network,
            tokenizer=tokenizer,
            batch_size=max(1, min(batch, rows_at_a_time(network) // TYPICAL)) if together else 1,
            max_length=longest,
            softmax_dtype="float32",
        )
        self._can_keep = "logits_to_keep" in inspect.signature(network.forward).parameters

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = True) -> list[tuple[float, bool]]:
        """See lm-eval."""
        answer = super().loglikelihood
        return [tuple(found) for found in self._saved(requests, lambda part: answer(part, disable_tqdm=True))]

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = True) -> list[str]:
        """See lm-eval."""
        answer = super().generate_until
        return self._saved(requests, lambda part: answer(part, disable_tqdm=True))

    def _saved(self, requests: Sequence[Instance], answer: Callable[[Sequence[Instance]], list[Any]]) -> list[Any]:
        """The answers to requests, slice by slice, those of an earlier run read from disk."""
        answers = []
        for first in range(0, len(requests), SLICE):
            part = requests[first : first + SLICE]
            asked = sha256(canonical_json([request.args for request in part]).encode()).hexdigest()[:16]
            file = self.progress / f"{asked}.json"
            if not self._is_ours(file):
                write_json(file, {"answers": answer(part)}, self.provenance)
            # From the file whether it was there or not: equal bytes either way.
            answers += json.loads(file.read_text(encoding="utf-8"))["answers"]
        return answers

    def _is_ours(self, file: Path) -> bool:
        if not file.is_file():
            return False
        try:
            refuse_damaged(file)
            return read_provenance(file) == self.provenance
        except ArtifactError:
            return False

    def tok_encode(self, string: str, *args: Any, **kwargs: Any) -> list[int]:
        """See lm-eval."""
        ids = super().tok_encode(string, *args, **kwargs)
        rows = self.model.get_input_embeddings().weight.shape[0]
        refuse_past_embedding(ids, rows, self.tokenizer, f"The question or choice {string[:60]!r}")
        return ids

    def _loglikelihood_tokens(self, requests: list, disable_tqdm: bool = False, override_bs: int | None = None) -> list:
        # Logits before the choices are not looked at; in a batch, texts are padded and end at different places.
        alone = self.batch_size == 1 and self._can_keep
        self._last = max(len(continuation) for _, _, continuation in requests) if alone else None
        return super()._loglikelihood_tokens(requests, disable_tqdm, override_bs)

    def _model_call(self, inps: torch.Tensor, attn_mask=None, labels=None) -> torch.Tensor:
        if self._last is None:
            return super()._model_call(inps, attn_mask, labels)
        with torch.no_grad():
            return self.model(inps, logits_to_keep=self._last).logits


@dataclass(frozen=True)
class Subject:
    """A task of lm-eval, and the name of its subject where a family has several."""

    task: Task
    name: str


def load_subjects(definitions: Sequence[Path], prefix: str, data: Path | None, asked: str) -> list[Subject]:
    """The tasks of these definitions with their data.

    Args:
        definitions: YAML files of lm-eval's form.
        prefix: of the names of these files before that of a subject; empty for a single task.
        data: folder laid out like the hub's repository of the data set, in its place.
        asked: what is asked, for errors: name and language.

    Raises:
        TaskError: the data set is not to be had, or lm-eval cannot read the definition.
    """
    subjects = [path.stem.removeprefix(prefix) if prefix else "" for path in definitions]
    return [Subject(_load(path, data, asked), name) for path, name in zip(definitions, subjects, strict=True)]


def _load(path: Path, data: Path | None, asked: str) -> Task:
    config = load_yaml(path)
    if repository := data or own_repository(config, path.parent):
        config["dataset_path"] = str(repository)
    if files := (config.get("dataset_kwargs") or {}).get("data_files"):
        config["dataset_kwargs"] = config["dataset_kwargs"] | {"data_files": with_data_located(files, path.parent)}
    try:
        [task] = TaskManager(include_defaults=False).load([config])["tasks"].values()
    except (OSError, ValueError) as error:
        name = config.get("dataset_name")
        wanted = f"{config.get('dataset_path')}{f', configuration {name}' if name else ''}"
        raise TaskError(
            f"The task {asked} ({config['task']} in lm-eval) cannot be asked, for its data set {wanted} is neither on "
            f"this machine nor to be had from the hub ({_reason(error)}): connect once without HF_HUB_OFFLINE, or name a "
            "folder laid out like the data set's repository under evaluation.task_data."
        ) from error
    except Exception as error:
        raise TaskError(
            f"The task {asked} ({config['task']} in lm-eval) does not fit its data, or lm-eval cannot read it "
            f"({_reason(error)}): compare {path.name} with the columns and splits of {config.get('dataset_path')}."
        ) from error
    if task.get_config("num_fewshot") is None:
        task.set_config(key="num_fewshot", value=0)
    return task


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def score_items(lm: SavingLM, subjects: Sequence[Subject], items: int, reading: Reading) -> pa.Table:
    """A row of TASK_ITEMS for each item, subject by subject, in the order of the data.

    Args:
        lm: the model.
        subjects: what is asked.
        items: how many items, from the first on, shared out among the subjects; 0 for all.
        reading: how the items are read.

    Raises:
        TaskError, ArithmeticError: see `items.rows_of`.
    """
    torch.manual_seed(SEED)
    wanted = {}
    for place, subject in enumerate(subjects):
        subject.task.set_fewshot_seed(seed=SEED)
        there = len(subject.task.eval_docs)
        share = items // len(subjects) + (place < items % len(subjects)) if items else there
        wanted[subject.task.task_name] = list(range(min(share, there)))
    tasks = {subject.task.task_name: subject.task for subject in subjects if wanted[subject.task.task_name]}
    found = evaluate(lm, {"tasks": tasks}, samples=wanted, bootstrap_iters=0, log_samples=True)["samples"]
    rows = [
        row
        for subject in subjects
        if (name := subject.task.task_name) in tasks
        for row in rows_of(subject.task, found[name], reading, subject.name)
    ]
    return pa.Table.from_pylist(rows, schema=TASK_ITEMS)
