"""Negative log-likelihood of documents: BOS in every window, every text token scored once, sums per document.

The field's published protocol (documents joined, windows without overlap, the tail dropped, BOS only before the first) is a
named option; for models that need BOS it inflates perplexity several times over.

One forward pass serves perplexity and divergence from the dense model: it ends at the last hidden states, of which
`evaluation.divergence` computes the logits of several variants and of the dense model side by side.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import torch
from tqdm import tqdm
from transformers import PreTrainedModel

from workflow_scripts.corpora.tokens import Boundary, TokenizedDocument
from workflow_scripts.evaluation.divergence import TokenScores, score_tokens

PERPLEXITY_SCHEMA = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("nats", pa.float64(), nullable=False),
        pa.field("tokens", pa.int32(), nullable=False),
        pa.field("bytes", pa.int32(), nullable=False),
        pa.field("characters", pa.int32(), nullable=False),
        pa.field("divergence", pa.float64(), nullable=False),
        pa.field("agreement", pa.int32(), nullable=False),
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


PROTOCOLS = {"document": chunk_documents, "published": chunk_published}


@torch.no_grad()
def final_states(model: PreTrainedModel, chunks: Sequence[Chunk], batch: int) -> torch.Tensor:
    """The hidden states that predict the scored tokens: [scored tokens, hidden], in the order of the chunks, on the CPU.

    Args:
        model: the model.
        chunks: what goes through it.
        batch: chunks at a time.
    """
    # Chunks of similar length go together, so that little is padded; causal models do not see what is on the right.
    ordered = sorted(range(len(chunks)), key=lambda number: -len(chunks[number].token_ids))
    found: list[torch.Tensor] = [torch.empty(0)] * len(chunks)
    for start in tqdm(range(0, len(ordered), batch), desc="states", unit="batch", disable=None):
        members = ordered[start : start + batch]
        for number, states in zip(members, _states(model, [chunks[number] for number in members]), strict=True):
            found[number] = states
    return torch.cat(found)


def _states(model: PreTrainedModel, chunks: list[Chunk]) -> Iterator[torch.Tensor]:
    longest = max(len(chunk.token_ids) for chunk in chunks)
    padded = torch.tensor([chunk.token_ids + [0] * (longest - len(chunk.token_ids)) for chunk in chunks])
    hidden = model.base_model(input_ids=padded.to(model.device), use_cache=False).last_hidden_state
    for row, chunk in zip(hidden, chunks, strict=True):
        yield row[: len(chunk.token_ids) - 1].cpu()


def scored_tokens(chunks: Sequence[Chunk]) -> torch.Tensor:
    """The tokens that are scored, int64 [scored tokens], in the order of the chunks."""
    return torch.tensor([token for chunk in chunks for token in chunk.token_ids[1:]])


def score_documents(
    model: PreTrainedModel,
    chunks: Sequence[Chunk],
    documents: list[TokenizedDocument],
    dense: torch.Tensor,
    variants: Sequence[torch.Tensor],
) -> list[pa.Table]:
    """A table of PERPLEXITY_SCHEMA a variant, with a row a document, in the order of the chunks.

    Under the protocol `published` a row is a window of unknown size (0).

    Args:
        model: gives its head, which all variants share.
        chunks: what went through the model.
        documents: the documents that they were cut from.
        dense: `final_states` of the dense model.
        variants: `final_states` of each variant.

    Raises:
        ArithmeticError: a loss or a divergence is not finite.
    """
    sizes = {document.doc_id: (document.bytes, document.characters) for document in documents}
    return [_table(chunks, scores, sizes) for scores in score_tokens(model, scored_tokens(chunks), dense, variants)]


def _table(chunks: Sequence[Chunk], scores: TokenScores, sizes: dict[str, tuple[int, int]]) -> pa.Table:
    sums = {chunk.doc_id: [0.0, 0, 0.0, 0] for chunk in chunks}
    lengths = [len(chunk.token_ids) - 1 for chunk in chunks]
    parts = zip(*(tensor.split(lengths) for tensor in scores), strict=True)
    for chunk, (nats, divergence, agreement) in zip(chunks, parts, strict=True):
        added = (nats.double().sum().item(), len(nats), divergence.double().sum().item(), int(agreement.sum()))
        sums[chunk.doc_id] = [old + new for old, new in zip(sums[chunk.doc_id], added, strict=True)]
    rows = []
    for doc_id, (nats, tokens, divergence, agreement) in sums.items():
        for name, value in (("loss", nats), ("divergence", divergence)):
            if not math.isfinite(value):
                raise ArithmeticError(
                    f"The {name} of document {doc_id} is {value}: use compute.dtype float32 or bfloat16."
                )
        rows.append((doc_id, nats, tokens, *sizes.get(doc_id, (0, 0)), divergence, agreement))
    return pa.table([list(column) for column in zip(*rows, strict=True)], schema=PERPLEXITY_SCHEMA)
