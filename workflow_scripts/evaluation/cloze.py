"""Factual cloze items: a statement without its end, eight candidates of one kind, one of them true.

A candidate's score is the log-likelihood of its tokens after the prompt; the margin of an item is the true candidate's
score minus the best other's, in nats. Margins move before answers do, so they tell variants apart that answer alike.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import torch
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from workflow_scripts.artifacts import read_table
from workflow_scripts.corpora.scripts import blank_between
from workflow_scripts.evaluation.head import logits_of, rows_at_a_time

CLOZE_SCHEMA = pa.schema(
    [
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("hash", pa.string(), nullable=False),
        pa.field("category", pa.string(), nullable=False),
        pa.field("answer", pa.int32(), nullable=False),
        pa.field("loglikelihoods", pa.list_(pa.float64()), nullable=False),
        pa.field("tokens", pa.list_(pa.int32()), nullable=False),
        pa.field("margin", pa.float64(), nullable=False),
        pa.field("correct", pa.bool_(), nullable=False),
    ]
)

ITEMS_SCHEMA = pa.schema(
    [
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("hash", pa.string(), nullable=False),
        pa.field("category", pa.string(), nullable=False),
        pa.field("answer", pa.int32(), nullable=False),
        pa.field("statements", pa.list_(pa.list_(pa.int32())), nullable=False),
        pa.field("shared", pa.int32(), nullable=False),
    ]
)

Tokens = tuple[int, ...]


@dataclass(frozen=True)
class ClozeItem:
    """A cloze item in one language; `answer` is the place of the true candidate."""

    item_id: str
    category: str
    prompt: str
    candidates: tuple[str, ...]
    answer: int

    @property
    def hash(self) -> str:
        """Digest of what the model is shown, and of the answer."""
        shown = json.dumps([self.prompt, *self.candidates, self.answer], ensure_ascii=False)
        return hashlib.sha256(shown.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class EncodedItem:
    """An item as tokens: each candidate's whole statement, and how many leading tokens all of them share."""

    item_id: str
    hash: str
    category: str
    answer: int
    statements: tuple[Tokens, ...]
    shared: int


def read_items(path: Path) -> list[ClozeItem]:
    """The items of a language's file, a JSON object a line."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        ClozeItem(row["item_id"], row["category"], row["prompt"], tuple(row["candidates"]), row["answer"])
        for row in rows
    ]


def items_table(items: Iterable[EncodedItem]) -> pa.Table:
    """Encoded items as a table of ITEMS_SCHEMA, in the order given."""
    return pa.Table.from_pylist([vars(item) for item in items], schema=ITEMS_SCHEMA)


def read_encoded(path: Path, limit: int) -> list[EncodedItem]:
    """The first `limit` encoded items of a table.

    Raises:
        ValueError: the table has fewer.
    """
    rows = read_table(path).slice(0, limit).to_pylist()
    if len(rows) < limit:
        raise ValueError(f"{path} has {len(rows)} cloze items, fewer than the {limit} of evaluation.cloze: lower it.")
    return [EncodedItem(**row | {"statements": tuple(map(tuple, row["statements"]))}) for row in rows]


def encode_item(item: ClozeItem, language: str, tokenizer: PreTrainedTokenizerBase, start: int) -> EncodedItem:
    """Tokenize every statement as a whole, after the token `start` that begins a text.

    Tokens may join the prompt's last letters with a candidate's first; what all eight statements share is their context.

    Raises:
        ValueError: a statement is the beginning of another, so that one candidate has no token of its own.
    """
    blank = blank_between(language)
    statements = tuple(
        (start, *tokenizer(item.prompt + blank + candidate, add_special_tokens=False).input_ids)
        for candidate in item.candidates
    )
    differing = (place for place, tokens in enumerate(zip(*statements, strict=False)) if len(set(tokens)) > 1)
    shared = next(differing, None)
    if shared is None:
        raise ValueError(f"{item.item_id} in {language}: the tokens of one candidate begin those of all others.")
    return EncodedItem(item.item_id, item.hash, item.category, item.answer, statements, shared)


@torch.no_grad()
def score_items(model: PreTrainedModel, items: Sequence[EncodedItem], tokens: int) -> pa.Table:
    """A row of CLOZE_SCHEMA an item, in the order given; at most `tokens` go through the model at a time.

    Raises:
        ArithmeticError: a log-likelihood is not finite.
    """
    wanted = _wanted(items)
    runs = sorted(_maximal(wanted), key=lambda run: (-len(run), run))
    found: dict[tuple[Tokens, int], float] = {}
    for batch in tqdm(list(_batches(runs, tokens)), desc="cloze", unit="batch", disable=None):
        found |= _log_probabilities(model, batch, wanted)
    return pa.Table.from_pylist([_row(item, found) for item in items], schema=CLOZE_SCHEMA)


def _wanted(items: Sequence[EncodedItem]) -> dict[Tokens, set[int]]:
    """Context -> next tokens whose log-probability is asked for. Candidates share contexts, the prompt above all."""
    wanted: dict[Tokens, set[int]] = {}
    for item in items:
        for statement in item.statements:
            for place in range(item.shared, len(statement)):
                wanted.setdefault(statement[:place], set()).add(statement[place])
    return wanted


def _maximal(contexts: dict[Tokens, set[int]]) -> Iterator[Tokens]:
    """The contexts that begin no other: a causal model's states at their tokens serve all that they begin with."""
    ordered = sorted(contexts)
    for context, following in zip(ordered, [*ordered[1:], ()], strict=True):
        if following[: len(context)] != context:
            yield context


def _batches(runs: list[Tokens], tokens: int) -> Iterator[list[Tokens]]:
    """Runs in slices of at most `tokens` when padded to their first, the longest."""
    first = 0
    while first < len(runs):
        after = first + max(1, tokens // len(runs[first]))
        yield runs[first:after]
        first = after


def _log_probabilities(
    model: PreTrainedModel, runs: list[Tokens], wanted: dict[Tokens, set[int]]
) -> dict[tuple[Tokens, int], float]:
    longest = max(map(len, runs))
    padded = torch.tensor([[*run, *[0] * (longest - len(run))] for run in runs], device=model.device)
    hidden = model.base_model(input_ids=padded, use_cache=False).last_hidden_state
    places = {run[:end]: (row, end - 1) for row, run in enumerate(runs) for end in range(1, len(run) + 1)}
    asked = [(context, place) for context, place in places.items() if context in wanted]
    rows, columns = zip(*(place for _, place in asked), strict=True)
    states = hidden[list(rows), list(columns)]
    found = {}
    size = rows_at_a_time(model)
    for first in range(0, len(asked), size):
        scores = logits_of(model, states[first : first + size]).float().log_softmax(-1).cpu()
        for (context, _), row in zip(asked[first : first + size], scores, strict=True):
            found |= {(context, token): row[token].item() for token in wanted[context]}
    return found


def _row(item: EncodedItem, found: dict[tuple[Tokens, int], float]) -> dict[str, object]:
    scores = [
        sum(found[statement[:place], statement[place]] for place in range(item.shared, len(statement)))
        for statement in item.statements
    ]
    if not torch.tensor(scores).isfinite().all():
        raise ArithmeticError(
            f"A log-likelihood of {item.item_id} is not finite: use compute.dtype float32 or bfloat16."
        )
    best_other = max(score for place, score in enumerate(scores) if place != item.answer)
    return {
        "item_id": item.item_id,
        "hash": item.hash,
        "category": item.category,
        "answer": item.answer,
        "loglikelihoods": scores,
        "tokens": [len(statement) - item.shared for statement in item.statements],
        "margin": scores[item.answer] - best_other,
        "correct": scores[item.answer] > best_other,
    }
