"""Evaluation documents cut into what goes through a model at a time.

By default BOS stands before every window and every text token is scored. The field's published protocol (documents joined,
windows without overlap, the tail dropped, BOS only before the first) is a named option; for models that need BOS it inflates
perplexity several times over.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workflow_scripts.corpora.tokens import Boundary, TokenizedDocument


@dataclass(frozen=True)
class Chunk:
    """Token ids that go through the model together; the first is context only, all others are scored."""

    doc_id: str
    token_ids: list[int]


def chunk_documents(documents: list[TokenizedDocument], boundary: Boundary, length: int) -> list[Chunk]:
    """Cut every document into runs of at most `length` tokens, the boundary token before each included.

    That token is BOS, or EOS for models that begin texts without BOS.

    Raises:
        ValueError: the tokenizer has neither.
    """
    start = boundary.start
    return [
        Chunk(document.doc_id, [start, *document.token_ids[at : at + length - 1]])
        for document in documents
        for at in range(0, len(document.token_ids), length - 1)
    ]


def chunk_published(documents: list[TokenizedDocument], boundary: Boundary, length: int) -> list[Chunk]:
    """The published protocol: documents joined by blank lines and cut into full windows, a name each, the tail dropped.

    The first token of a window is context only, as in the published code.

    Raises:
        ValueError: the documents do not fill one window.
    """
    ids = [] if boundary.bos is None else [boundary.bos]
    for index, document in enumerate(documents):
        ids += [*(boundary.blank_line if index else ()), *document.token_ids]
    if len(ids) < length:
        raise ValueError(
            f"The documents have {len(ids)} tokens, fewer than one window of {length}: take more documents."
        )
    return [
        Chunk(f"window-{at // length:05d}", ids[at : at + length]) for at in range(0, len(ids) - length + 1, length)
    ]


PROTOCOLS = {"document": chunk_documents, "published": chunk_published}


def longest(chunks: Iterable[Chunk]) -> int:
    """Tokens of the longest chunk."""
    return max(len(chunk.token_ids) for chunk in chunks)


def scored_tokens(chunks: Sequence[Chunk]) -> list[int]:
    """The tokens that are scored, in the order of the chunks."""
    return [token for chunk in chunks for token in chunk.token_ids[1:]]
