"""A document, and the table in which the documents of one language are stored."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import pyarrow as pa

from workflow_scripts.artifacts.files import read_table

SPLITS = ("calibration", "evaluation")

UNSEEN = {"Cc", "Cf", "Zl", "Zp", "Zs"}
"""Unicode's categories of blanks and of characters without a shape."""

JOINERS = "\u200c\u200d"
"""Marks that are not seen and yet tell words apart in some scripts."""

DOCUMENTS_SCHEMA = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("sentences", pa.list_(pa.string())),
        pa.field("register", pa.string()),
        pa.field("origin", pa.string()),
    ]
)


def has_text(text: str) -> bool:
    """Whether a text holds more than blanks and characters that are not seen (zero-width ones, controls)."""
    return any(unicodedata.category(character) not in UNSEEN for character in text)


def same_text(text: str) -> str:
    """Equal for texts that differ in Unicode's composed and decomposed letters, line ends, blanks and unseen marks alone."""
    seen = "".join(letter for letter in text if letter in JOINERS or unicodedata.category(letter) != "Cf")
    return " ".join(unicodedata.normalize("NFC", seen).split())


class CorpusError(ValueError):
    """A corpus that is missing, empty, malformed or without the language asked for."""


@dataclass(frozen=True)
class Document:
    """A text in one language.

    Attributes:
        doc_id: its name, unique within a language; the documents of a parallel corpus share it across languages.
        text: the whole text.
        sentences: its sentences in order, None when unknown.
        register: kind of text, e.g. "narrative", None when unknown.
        origin: language in which it was first written, None when unknown.
        split: "calibration" or "evaluation"; None until it is decided.
    """

    doc_id: str
    text: str
    sentences: tuple[str, ...] | None = None
    register: str | None = None
    origin: str | None = None
    split: str | None = None


def documents_table(documents: Iterable[Document]) -> pa.Table:
    """The documents of one language as a table of DOCUMENTS_SCHEMA, calibration first, each split in the order given.

    Raises:
        CorpusError: a document without a split, or two documents with one doc_id.
    """
    documents = list(documents)
    seen: set[str] = set()
    for document in documents:
        if document.split not in SPLITS:
            raise CorpusError(f"Document {document.doc_id!r} has split {document.split!r}: set it to one of {SPLITS}.")
        if document.doc_id in seen:
            raise CorpusError(f"Two documents of a language have the doc_id {document.doc_id!r}: rename one.")
        seen.add(document.doc_id)
    # The order within a split decides which documents a seed draws, so the sort must be a stable one.
    documents.sort(key=lambda document: SPLITS.index(document.split))
    columns = {name: [getattr(document, name) for document in documents] for name in DOCUMENTS_SCHEMA.names}
    return pa.table(columns, schema=DOCUMENTS_SCHEMA)


def read_documents(path: Path, split: str) -> list[Document]:
    """The documents of one split ("calibration" or "evaluation") from a documents Parquet, in stored order.

    Raises:
        ValueError: an unknown split.
        ArtifactError: the file is damaged or not Parquet.
    """
    if split not in SPLITS:
        raise ValueError(f"There is no split {split!r}: take one of {SPLITS}.")
    rows = read_table(path, columns=[field.name for field in fields(Document)]).to_pylist()
    return [_document(row) for row in rows if row["split"] == split]


def _document(row: dict) -> Document:
    sentences = row.pop("sentences")
    return Document(sentences=None if sentences is None else tuple(sentences), **row)
