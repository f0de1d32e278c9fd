"""Negative log-likelihood of documents: BOS in every window, every text token scored once, sums per document.

The field's published protocol (documents joined, windows without overlap, the tail dropped, BOS only before the first) is a
named option; for models that need BOS it inflates perplexity several times over.
"""

import math
from dataclasses import dataclass

import pyarrow as pa
import torch
from torch.nn.functional import cross_entropy
from tqdm import tqdm
from transformers import PreTrainedModel

from workflow_scripts.corpora.tokens import Boundary, TokenizedDocument
from workflow_scripts.evaluation.head import logits_of, rows_at_a_time

PERPLEXITY_SCHEMA = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("nats", pa.float64(), nullable=False),
        pa.field("tokens", pa.int32(), nullable=False),
        pa.field("bytes", pa.int32(), nullable=False),
        pa.field("characters", pa.int32(), nullable=False),
    ]
)


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


@torch.no_grad()
def score_chunks(model: PreTrainedModel, chunks: list[Chunk], batch: int) -> dict[str, tuple[float, int]]:
    """Document -> (nats, scored tokens), summed over its chunks in float64, documents in the order of the chunks.

    Raises:
        ArithmeticError: a loss is not finite.
    """
    sums = {chunk.doc_id: (0.0, 0) for chunk in chunks}
    # Chunks of similar length go together, so that little is padded; causal models do not see what is on the right.
    ordered = sorted(chunks, key=lambda chunk: -len(chunk.token_ids))
    for start in tqdm(range(0, len(ordered), batch), desc="perplexity", unit="batch", disable=None):
        members = ordered[start : start + batch]
        for chunk, losses in zip(members, _losses(model, members), strict=True):
            nats, tokens = sums[chunk.doc_id]
            sums[chunk.doc_id] = (nats + losses.double().sum().item(), tokens + len(losses))
    for doc_id, (nats, _) in sums.items():
        if not math.isfinite(nats):
            raise ArithmeticError(f"The loss of document {doc_id} is {nats}: use compute.dtype float32 or bfloat16.")
    return sums


def _losses(model: PreTrainedModel, chunks: list[Chunk]) -> tuple[torch.Tensor, ...]:
    """Nats of every scored token, a tensor a chunk."""
    longest = max(len(chunk.token_ids) for chunk in chunks)
    padded = torch.tensor([chunk.token_ids + [0] * (longest - len(chunk.token_ids)) for chunk in chunks])
    hidden = model.base_model(input_ids=padded.to(model.device), use_cache=False).last_hidden_state
    scored = [len(chunk.token_ids) - 1 for chunk in chunks]
    states = torch.cat([row[:count] for row, count in zip(hidden, scored, strict=True)])
    targets = torch.tensor([token for chunk in chunks for token in chunk.token_ids[1:]], device=model.device)
    rows = rows_at_a_time(model)
    parts = [
        cross_entropy(logits_of(model, some).float(), wanted, reduction="none")
        for some, wanted in zip(states.split(rows), targets.split(rows), strict=True)
    ]
    return torch.cat(parts).split(scored)


PROTOCOLS = {"document": chunk_documents, "published": chunk_published}


def score_documents(
    model: PreTrainedModel,
    documents: list[TokenizedDocument],
    boundary: Boundary,
    length: int,
    batch: int,
    protocol: str = "document",
) -> pa.Table:
    """Score documents: a row of PERPLEXITY_SCHEMA a document; under `published` a row is a window of unknown size (0)."""
    sums = score_chunks(model, PROTOCOLS[protocol](documents, boundary, length), batch)
    sizes = {document.doc_id: (document.bytes, document.characters) for document in documents}
    rows = [(doc_id, nats, tokens, *sizes.get(doc_id, (0, 0))) for doc_id, (nats, tokens) in sums.items()]
    return pa.table([list(column) for column in zip(*rows, strict=True)], schema=PERPLEXITY_SCHEMA)
