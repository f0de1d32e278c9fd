"""Negative log-likelihood of documents, and their divergence from the dense model: sums per document.

One forward pass serves both: it ends at the last hidden states (`evaluation.states`), of which `evaluation.divergence` computes
the logits of several variants and of the dense model side by side.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import pyarrow as pa
import torch
from transformers import PreTrainedModel

from workflow_scripts.corpora.tokens import TokenizedDocument
from workflow_scripts.evaluation.chunks import Chunk, scored_tokens
from workflow_scripts.evaluation.divergence import TokenScores, score_tokens
from workflow_scripts.evaluation.schemas.perplexity import PERPLEXITY_SCHEMA

HELD = 2**30
"""Bytes of hidden states that variants wait in for their logits."""


def score_in_turn(
    model: PreTrainedModel,
    chunks: Sequence[Chunk],
    documents: list[TokenizedDocument],
    dense: torch.Tensor,
    variants: Iterable[torch.Tensor],
) -> Iterator[pa.Table]:
    """The tables of `score_documents`, of as many variants at a time as `HELD` bytes hold: however many there are, they
    share the dense model's logits, and never take more memory."""
    together = max(1, HELD // max(1, dense.nbytes))
    waiting = iter(variants)
    while some := list(islice(waiting, together)):
        yield from score_documents(model, chunks, documents, dense, some)


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
    targets = torch.tensor(scored_tokens(chunks))
    return [_table(chunks, scores, sizes) for scores in score_tokens(model, targets, dense, variants)]


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
