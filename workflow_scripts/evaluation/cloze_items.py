"""Factual cloze items: a statement without its end, eight candidates of one kind, one of them true; as texts and as tokens.

Imports no torch, for items are tokenized without a model.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from workflow_scripts.artifacts.files import read_table
from workflow_scripts.corpora.scripts import blank_between

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

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


def encode_item(item: ClozeItem, language: str, tokenizer: "PreTrainedTokenizerBase", start: int) -> EncodedItem:
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
