"""What is kept of every item of a task: what lm-eval says of it, and what it does not: margin, cluster, a name in all languages."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Protocol

import pyarrow as pa

from workflow_scripts.evaluation.tasks.definitions import TaskError

TASK_ITEMS = pa.schema(
    [
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("hash", pa.string(), nullable=False),
        pa.field("cluster", pa.string(), nullable=False),
        pa.field("answer", pa.int32()),
        pa.field("loglikelihoods", pa.list_(pa.float64())),
        pa.field("lengths", pa.list_(pa.int32())),
        pa.field("margin", pa.float64()),
        pa.field("correct", pa.float64(), nullable=False),
        pa.field("chance", pa.float64()),
    ]
)


class Asked(Protocol):
    """What is used of a task of lm-eval's."""

    OUTPUT_TYPE: str
    multiple_input: Any

    def doc_to_choice(self, doc: Any) -> list[str]: ...
    def doc_to_target(self, doc: Any) -> Any: ...
    def doc_to_text(self, doc: Any) -> Any: ...


@dataclass(frozen=True)
class Reading:
    """How the items of a task are read, see `families.Family`; with bars between them, fields of which the first counts."""

    definition: str = ""
    ids: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()
    metric: str = ""
    filter: str = ""


def rows_of(
    task: Asked, samples: Sequence[Mapping[str, Any]], reading: Reading, subject: str = ""
) -> list[dict[str, Any]]:
    """A row of TASK_ITEMS for each item, in lm-eval's order.

    Args:
        task: the task that was asked.
        samples: lm-eval's record of it, an entry an item and filter.
        reading: how to read it.
        subject: before the positions of items without a name, for families of several subjects.

    Raises:
        TaskError: lm-eval has no such metric or filter, or the metric is no number from 0 to 1 for each item.
        ArithmeticError: a log-likelihood is not finite.
    """
    wanted = reading.filter or samples[0]["filter"]
    samples = [sample for sample in samples if sample["filter"] == wanted]
    if not samples:
        raise TaskError(f"the task has no filter {wanted}")
    metric = reading.metric or _first_number(samples[0])
    names = _names(samples, reading.ids, subject)
    firsts: dict[str, str] = {}
    rows = []
    for name, sample in zip(names, samples, strict=True):
        shared = [str(value) for key in reading.cluster if (value := _field(sample, key)) is not None]
        # Translations share no text: a cluster is called after its first item, which has one name in all languages.
        cluster = firsts.setdefault(json.dumps(shared), name) if shared else name
        row = {"item_id": name, "hash": _hash(sample), "cluster": cluster, "correct": _correct(sample, metric, name)}
        rows.append(row | (_choice(task, sample, name) if task.OUTPUT_TYPE == "multiple_choice" else {}))
    return rows


def _first_number(sample: Mapping[str, Any]) -> str:
    numbers = [name for name in sample["metrics"] if isinstance(sample[name], int | float)]
    if not numbers:
        raise TaskError(
            f"none of the metrics {', '.join(sample['metrics'])} says of each item whether it is right; add acc"
        )
    return numbers[0]


def _names(samples: Sequence[Mapping[str, Any]], ids: Sequence[str], subject: str) -> list[str]:
    """A name for each item: by its fields, or by its position where one item lacks them; doubles are numbered."""
    there = [key for key in ids if all(_field(sample, key) is not None for sample in samples)]
    prefix = f"{subject}/" if subject else ""
    names = [
        "/".join(str(_field(sample, key)) for key in there) if there else f"{prefix}{sample['doc_id']:05d}"
        for sample in samples
    ]
    seen: Counter[str] = Counter()
    for place, name in enumerate(names):
        seen[name] += 1
        if seen[name] > 1:
            names[place] = f"{name}#{seen[name]}"
    return names


def _field(sample: Mapping[str, Any], name: str) -> Any:
    """A field of an item; of several names, with bars between them, the first that it has."""
    return next((sample["doc"][key] for key in name.split("|") if sample["doc"].get(key) is not None), None)


def _hash(sample: Mapping[str, Any]) -> str:
    shown = json.dumps([sample["arguments"], sample["target"]], ensure_ascii=False, default=str)
    return hashlib.sha256(shown.encode()).hexdigest()[:16]


def _correct(sample: Mapping[str, Any], metric: str, name: str) -> float:
    value = sample.get(metric)
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise TaskError(
            f"the metric {metric} of item {name} is {value}, and no number from 0 to 1; choose another first"
        )
    return float(value)


def _choice(task: Asked, sample: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Log-likelihoods of the choices, the right one's above the best other's, and what guessing gets."""
    doc = sample["doc"]
    choices = task.doc_to_choice(doc)
    right = _right(task.doc_to_text(doc) if task.multiple_input else task.doc_to_target(doc), choices)
    # Those after the choices, if any, are without the question.
    scores = [float(answer[0]) for answer in sample["filtered_resps"]][: len(choices)]
    if not all(map(isfinite, scores)):
        raise ArithmeticError(f"A log-likelihood of item {name} is not finite: use compute.dtype float32 or bfloat16.")
    wrong = [score for place, score in enumerate(scores) if place not in right]
    return {
        "answer": right[0] if len(right) == 1 else None,
        "loglikelihoods": scores,
        "lengths": [len(choice.encode()) for choice in choices],
        "margin": max(scores[place] for place in right) - max(wrong) if right and wrong else None,
        "chance": len(right) / len(choices),
    }


def _right(target: Any, choices: Sequence[str]) -> list[int]:
    """The places of the right choices, as lm-eval reads a target: a place, a choice, or several places."""
    if isinstance(target, str):
        target = choices.index(target) if target in choices else -1
    places = target if isinstance(target, list) else [target]
    return [place for place in places if 0 <= place < len(choices)]
