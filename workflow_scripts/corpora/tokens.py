"""The tokens of documents: what a model's tokenizer made of a corpus, with the sizes that units are derived from."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from logging import getLogger
from pathlib import Path

import pyarrow as pa

from workflow_scripts.artifacts.files import read_table

logger = getLogger(__name__)

TOKENS_SCHEMA = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("register", pa.string()),
        pa.field("token_ids", pa.list_(pa.int32()), nullable=False),
        pa.field("bytes", pa.int32(), nullable=False),
        pa.field("characters", pa.int32(), nullable=False),
    ]
)


@dataclass(frozen=True)
class TokenizedDocument:
    """A document as token ids without special tokens; bytes (UTF-8) and characters are those of its text."""

    doc_id: str
    split: str
    register: str | None
    token_ids: list[int]
    bytes: int
    characters: int


@dataclass(frozen=True)
class Boundary:
    """Token ids that stand between texts: BOS and EOS, None where the tokenizer puts none, and a blank line."""

    bos: int | None
    eos: int | None
    blank_line: tuple[int, ...]

    @property
    def start(self) -> int:
        """The token that a text is scored after: BOS, or EOS for models that begin texts without BOS.

        Raises:
            ValueError: the tokenizer has neither.
        """
        start = self.eos if self.bos is None else self.bos
        if start is None:
            raise ValueError("The tokenizer has neither BOS nor EOS: a text has no start to be scored from.")
        return start


def read_boundary(record: Path) -> Boundary:
    """The boundary tokens of the model with this record (`provenance.json`)."""
    found = json.loads(record.read_text(encoding="utf-8"))["boundary"]
    return Boundary(found["bos"], found["eos"], tuple(found["blank_line"]))


def tokens_table(documents: Iterable[TokenizedDocument]) -> pa.Table:
    """Tokenized documents as a table of TOKENS_SCHEMA, in the order given."""
    return pa.Table.from_pylist([vars(document) for document in documents], schema=TOKENS_SCHEMA)


def read_tokens(path: Path, split: str) -> list[TokenizedDocument]:
    """The tokenized documents of a split ("calibration" or "evaluation"), in stored order.

    Of evaluation, those without any token are left out: there is nothing to score, and the next takes their place.
    """
    found = [TokenizedDocument(**row) for row in read_table(path).to_pylist() if row["split"] == split]
    if split != "evaluation":
        return found
    scored = [document for document in found if document.token_ids]
    if len(scored) < len(found):
        logger.warning("%s: passed over %d documents that have no tokens", path, len(found) - len(scored))
    return scored
